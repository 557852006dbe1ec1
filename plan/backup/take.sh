# Makes a backup on the host, detached. POSIX sh, as root.
#   $1 folder to make  $2 database container  $3 user  $4 database
#   $5 compose project $6 secrets folder or empty  $7 image to save or empty
#   $8 dump, or nothing where the dump is not to lie on this host
#   $9 how many of the files that follow must be there
#   …  the client's files: compose files, .env and secrets that lie outside the
#      folder, then those of env_file
# The dump goes straight into its file, so that pg_dump's own status is seen and
# nothing can hide it. Standard input is closed: docker exec would eat it.
# sums is written last and by one rename: without it the folder is no backup.
set -eu
DIR=$1 DB=$2 USER=$3 NAME=$4 PROJECT=$5 SECRETS=$6 IMAGE=$7 DUMP=$8 MUST=$9
shift 9
umask 077
mkdir -p "${DIR%/*}"
mkdir "$DIR" 2>/dev/null || [ -d "$DIR" ]
chmod 0700 "$DIR"

dump() { docker exec "$DB" pg_dump -U "$USER" -Fc "$@" --lock-wait-timeout=30000 "$NAME" </dev/null >"$DIR/db.dump.part" 2>"$DIR/dump.said"; }

# zstd from PostgreSQL 16 on, where it is built in: a third of the processor time
# of zlib. Any other failure is a failure.
packed() {
	major=$(docker exec "$DB" pg_dump --version </dev/null | sed 's/^[^0-9]*\([0-9]*\).*/\1/')
	if [ "${major:-0}" -ge 16 ]; then
		dump --compress=zstd:3 && return
		grep -q 'support compression with' "$DIR/dump.said" || return 1
	fi
	dump
}

# nowhere: whether cp has stumbled only over links that lead nowhere or in a circle, as
# editors leave them for locks, and has taken everything else.
nowhere() (
	! grep -Ev 'No such file or directory$|Too many levels of symbolic links$|cyclic symbolic link' "$DIR/secrets.said" || exit 1
	cd "$SECRETS"
	find -L . 2>/dev/null | while IFS= read -r f; do
		[ ! -e "$f" ] || [ -e "$DIR/secrets/$f" ] || { echo "$SECRETS/$f was not copied" && exit 1; }
	done
)

# All that can fail in a moment comes before the dump, which may take hours.
if [ -n "$SECRETS" ]; then
	rm -rf "$DIR/secrets"
	# What a link leads to is the secret. Where one leads out into a tree, that is named.
	if [ "$(find -L "$SECRETS" 2>/dev/null | head -n 5001 | wc -l)" -gt 5000 ] || [ "$(du -skL "$SECRETS" 2>/dev/null | cut -f1)" -gt 262144 ]; then
		echo "$SECRETS is no folder of secrets: with what its links lead to it holds more than 5000 files or 256 MiB"
		exit 1
	fi
	cp -RLp "$SECRETS" "$DIR/secrets" 2>"$DIR/secrets.said" || nowhere
	tar -cf "$DIR/secrets.tar" -C "$DIR" secrets
fi
n=0
for f; do
	if [ "$n" -ge "$MUST" ] && ! [ -f "$f" ]; then
		n=$((n + 1))
		continue
	fi
	cp -p "$f" "$DIR/file.$n"
	n=$((n + 1))
done
docker ps -a --no-trunc --filter "label=com.docker.compose.project=$PROJECT" --format '{{json .}}' </dev/null >"$DIR/containers.json"
if [ -n "$DUMP" ] && ! [ -f "$DIR/db.dump" ]; then
	echo "stage dump the database"
	date +%s >"$DIR/at"
	if ! packed; then
		cat "$DIR/dump.said"
		rm -f "$DIR/db.dump.part"
		exit 1
	fi
	sync
	mv "$DIR/db.dump.part" "$DIR/db.dump"
fi
if [ -n "$IMAGE" ] && ! [ -f "$DIR/image.tar.gz" ]; then
	echo "stage save the image"
	docker save "$IMAGE" </dev/null >"$DIR/image.tar"
	gzip -1 -f "$DIR/image.tar"
fi

# The archive is read to its end: a table of contents is no proof, it passes a
# truncated dump.
if [ -n "$DUMP" ]; then
	echo "stage read the dump to its end"
	docker exec -i "$DB" pg_restore -f /dev/null <"$DIR/db.dump"
fi
echo "stage hash"
cd "$DIR"
for f in db.dump secrets.tar containers.json image.tar.gz file.*; do
	[ -f "$f" ] || continue
	printf '%s %s %s\n' "$(sha256sum "$f" | cut -d' ' -f1)" "$(wc -c <"$f" | tr -d ' ')" "$f"
done >sums.part
[ ! -f at ] || printf 'at %s\n' "$(cat at)" >>sums.part
echo end >>sums.part
sync
mv sums.part sums
