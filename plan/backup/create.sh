# Makes a backup on the host, detached. POSIX sh, as root.
#   $1 folder to make  $2 database container  $3 user  $4 database
#   $5 compose project $6 secrets folder or empty  $7 image to save or empty
#   $8 dump, or nothing where the dump is not to lie on this host
#   $9 how many of the files that follow must be there
#   …  the client's files: compose files, .env and secrets that lie outside the
#      folder, then all others that the project names: env_file, include, configs, …
# What is in the folder "ran" there, of a run's own, is taken too.
# The dump goes straight into its file, so that pg_dump's own status is seen and
# nothing can hide it. Standard input is closed: docker exec would eat it.
# sums is written last and by one rename: without it the folder is no backup, and what
# a try has made that fails, or that is ended by its deadline, goes with it: a copy of
# the secrets and half a dump on the disk of the live database are of use to nobody.
set -eu
DIR=$1 DB=$2 USER=$3 NAME=$4 PROJECT=$5 SECRETS=$6 IMAGE=$7 DUMP=$8 MUST=$9
shift 9
umask 077
mkdir -p "${DIR%/*}"
mkdir "$DIR" 2>/dev/null || [ -d "$DIR" ]
chmod 0700 "$DIR"
WHOLE=
[ ! -f "$DIR/sums" ] || WHOLE=1
# remove_unfinished removes what a failed try has made. The last line of the log is the reason
# of the failure, so nothing is printed here.
remove_unfinished() {
	[ "$?" -ne 0 ] && [ -z "$WHOLE" ] || return 0
	cd /
	rm -rf "$DIR/secrets"
	rm -f "$DIR"/secrets.* "$DIR"/file.* "$DIR"/tree.* "$DIR"/db.dump* "$DIR"/dump.err "$DIR"/image.* "$DIR"/*.json "$DIR"/ran.tar "$DIR"/left "$DIR"/at "$DIR"/sums.part
	rmdir "$DIR" 2>/dev/null || :
}
trap remove_unfinished EXIT
trap 'exit 1' TERM INT HUP

dump() { docker exec "$DB" pg_dump -U "$USER" -Fc "$@" --lock-wait-timeout=30000 "$NAME" </dev/null >"$DIR/db.dump.part" 2>"$DIR/dump.err"; }

# dump_compressed dumps with zstd from PostgreSQL 16 on, where it is built in: a third of the
# processor time of zlib. Any other failure is a failure.
dump_compressed() {
	major=$(docker exec "$DB" pg_dump --version </dev/null | sed 's/^[^0-9]*\([0-9]*\).*/\1/')
	if [ "${major:-0}" -ge 16 ]; then
		dump --compress=zstd:3 && return
		grep -q 'support compression with' "$DIR/dump.err" || return 1
	fi
	dump
}

# secrets_copied: all files of the secrets folder were copied. cp also fails over links that
# lead nowhere or in a circle, such as an editor's locks, in words that differ from one cp to
# the other; so the copies are compared.
secrets_copied() (
	cd "$SECRETS"
	find -L . 2>/dev/null | while IFS= read -r f; do
		[ -e "$f" ] || continue
		if [ -f "$f" ]; then
			cmp -s "$f" "$DIR/secrets/$f"
		else
			[ -e "$DIR/secrets/$f" ] && { ! [ -d "$f" ] || ls "$f/" >/dev/null 2>&1; }
		fi || { echo "$SECRETS/$f was not copied" && exit 1; }
	done
)

# too_large FOLDER: with what its links lead to, it holds too much for a backup.
too_large() {
	[ "$(find -L "$1" 2>/dev/null | head -n 5001 | wc -l)" -gt 5000 ] || [ "$(du -skL "$1" 2>/dev/null | cut -f1)" -gt 262144 ]
}

# All that can fail in a moment comes before the dump, which may take hours.
if [ -n "$SECRETS" ]; then
	rm -rf "$DIR/secrets"
	# What a link leads to is the secret. Where one leads out into a tree, that is named.
	if too_large "$SECRETS"; then
		echo "$SECRETS is no folder of secrets: with what its links lead to it holds more than 5000 files or 256 MiB"
		exit 1
	fi
	cp -RLp "$SECRETS" "$DIR/secrets" 2>"$DIR/secrets.err" || secrets_copied
	tar -cf "$DIR/secrets.tar" -C "$DIR" secrets
fi
n=0
: >"$DIR/left"
# leave_out WHY leaves the present file out of the backup; the manifest will say so.
leave_out() { echo "left $n $1" >>"$DIR/left"; }
for f; do
	if [ "$n" -lt "$MUST" ]; then
		cp -p "$f" "$DIR/file.$n"
	elif [ -d "$f" ]; then
		if too_large "$f"; then
			leave_out folder
		elif ! tar -chf "$DIR/tree.$n.tar" -C "$f" . 2>/dev/null; then
			rm -f "$DIR/tree.$n.tar"
			leave_out unreadable
		fi
	elif ! [ -e "$f" ]; then
		leave_out missing
	elif ! [ -f "$f" ] || [ "$(du -skL "$f" 2>/dev/null | cut -f1)" -gt 262144 ]; then
		leave_out large
	elif ! cp -pL "$f" "$DIR/file.$n" 2>/dev/null; then
		rm -f "$DIR/file.$n"
		leave_out unreadable
	fi
	n=$((n + 1))
done
[ ! -d "$DIR/ran" ] || tar -cf "$DIR/ran.tar" -C "$DIR" ran
docker ps -a --no-trunc --filter "label=com.docker.compose.project=$PROJECT" --format '{{json .}}' </dev/null >"$DIR/containers.json"
# What ran, on record. A container that goes meanwhile, or an image that has gone, is
# missing from it and stops nothing.
IDS=$(docker ps -aq --no-trunc --filter "label=com.docker.compose.project=$PROJECT" </dev/null)
[ -z "$IDS" ] || {
	printf '{"containers":'
	docker inspect $IDS </dev/null || :
	printf ',"images":'
	docker image inspect $(docker inspect -f '{{.Image}}' $IDS </dev/null | sort -u) </dev/null || :
	printf '}\n'
} >"$DIR/inspect.json" 2>/dev/null
if [ -n "$DUMP" ] && ! [ -f "$DIR/db.dump" ]; then
	echo "stage dump the database"
	date +%s >"$DIR/at"
	if ! dump_compressed; then
		cat "$DIR/dump.err"
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
for f in db.dump secrets.tar containers.json inspect.json ran.tar image.tar.gz file.* tree.*; do
	[ -f "$f" ] || continue
	printf '%s %s %s\n' "$(sha256sum "$f" | cut -d' ' -f1)" "$(wc -c <"$f" | tr -d ' ')" "$f"
done >sums.part
cat left >>sums.part
[ ! -f at ] || printf 'at %s\n' "$(cat at)" >>sums.part
echo end >>sums.part
sync
mv sums.part sums
