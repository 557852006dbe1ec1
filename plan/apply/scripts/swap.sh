# Replaces the server's container and goes back by itself if that does not end
# well. Runs detached on the host, as root, with no one watching.
#
#   KEY=VALUE …   settings, see the case below
#   -- COPY PATH BEFORE AFTER …   edited files: the copy as it was, and the
#                 SHA-256 of PATH without and with the edit
#   -- ARG …      compose arguments that address the project
#
# Every line on standard output is one fact: "stage NAME", "probe …",
# "downtime …", "end RESULT". Results: healthy, kept (nothing was changed),
# back (the old server serves again), migrated (the database moved on, code
# alone cannot go back), unsure (it does not say whether it did), lost (the old
# server does not come up either).
set -u
while [ "$1" != -- ]; do
	v=${1#*=}
	case ${1%%=*} in
	container) CONTAINER=$v ;; service) SERVICE=$v ;; port) PORT=$v ;; version) VERSION=$v ;;
	image) IMAGE=$v ;; oldimage) OLDIMAGE=$v ;; oldref) OLDREF=$v ;; limit) LIMIT=$v ;; soak) SOAK=$v ;;
	db) DB=$v ;; dbuser) DBUSER=$v ;; dbname) DBNAME=$v ;; dump) DUMP=$v ;; prober) PROBER=$v ;; back) BACK=$v ;;
	work) WORK=$v ;; nodeps) NODEPS=$v ;; migration) MIGRATION=$v ;; temp) TEMP=$v ;;
	esac
	shift
done
shift
EDITS=$WORK/edits
: >"$EDITS"
while [ "$1" != -- ]; do
	printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$4" >>"$EDITS"
	shift 4
done
shift
umask 077

# Time since boot in hundredths of a second: the shell's own read, no process.
now() {
	read -r _u _ </proc/uptime
	echo "${_u%.*}${_u#*.}"
}

# NODEPS is --no-deps or nothing: what the server depends on was asked about
# before this job was started.
compose() { docker compose "$@" </dev/null; }
state() { docker inspect -f "$2" "$1" 2>/dev/null </dev/null; }

# well: healthy by its own word, not by a status code: degraded is 200 too.
well() {
	_h=$(docker exec "$CONTAINER" curl -s -m 4 "http://127.0.0.1:$PORT/api/health" 2>/dev/null </dev/null | tr -d ' \t\r\n')
	case $_h in *'"status":"ok"'*) ;; *) return 1 ;; esac
	case $_h in *'"db_healthy":true'*) ;; *) return 1 ;; esac
	[ -z "$1" ] && return 0
	case $_h in *"\"version\":\"$1\""*) return 0 ;; esac
	return 1
}

# await VERSION SECONDS: healthy within the time. A container that keeps
# restarting will not be: that is the answer, early.
await() {
	_end=$(($(now) + $2 * 100))
	while [ "$(now)" -lt "$_end" ]; do
		well "$1" && return 0
		_r=$(state "$CONTAINER" '{{.RestartCount}}')
		if [ "${_r:-0}" -ge 3 ]; then
			echo "note the container was restarted $_r times"
			return 1
		fi
		sleep 1
	done
	echo "note not healthy within $2 seconds"
	return 1
}

migrations() {
	docker exec "$DB" psql -X -q -A -t -U "$DBUSER" -d "$DBNAME" -c \
		"select count(*), max(version), md5(string_agg(version || ' ' || success, ',' order by version)) from _sqlx_migrations" 2>/dev/null </dev/null
}

newest() {
	docker exec "$DB" psql -X -q -A -t -U "$DBUSER" -d "$DBNAME" -c "select max(version) from _sqlx_migrations" 2>/dev/null </dev/null
}

# patiently asks the database, which may take a while to answer: after a power cut,
# or when it was what made the server fail. No answer says nothing.
patiently() {
	_end=$(($(now) + 6000))
	while :; do
		"$1" && return 0
		[ "$(now)" -lt "$_end" ] || return 1
		sleep 1
	done
}

# The probe runs inside the network, in a container that has curl: one exec, one
# loop, a path the server's rate limit does not count.
probe_begin() {
	[ -n "$PROBER" ] || return 0
	docker exec "$PROBER" sh -c '
		echo $$ >/tmp/liftalot-probe.pid
		n=0
		while [ $n -lt "$3" ]; do
			read -r u _ </proc/uptime
			if curl -f -s -m 1 -o /dev/null "http://$1:$2/version.json"; then echo "$u 1"; else echo "$u 0"; fi
			n=$((n + 1))
			sleep 0.1
		done' probe "$CONTAINER" "$PORT" "$(((LIMIT + SOAK + 600) * 8))" >"$WORK/probe" 2>/dev/null </dev/null &
	PROBE=$!
	sleep 1
}

# probe_end prints where the answer changed: the last probe before the change,
# the first after it, and what it said from then on.
probe_end() {
	[ -n "${PROBE:-}" ] || return 0
	docker exec "$PROBER" sh -c 'kill "$(cat /tmp/liftalot-probe.pid)"; rm -f /tmp/liftalot-probe.pid' >/dev/null 2>&1 </dev/null
	kill "$PROBE" 2>/dev/null
	wait "$PROBE" 2>/dev/null
	_n=0 _last= _prev= _first=
	while read -r _t _s; do
		[ -n "$_first" ] || _first=$_t
		[ "$_s" = "$_last" ] || echo "probe ${_prev:-$_t} $_t $_s"
		_last=$_s _prev=$_t _n=$((_n + 1))
	done <"$WORK/probe"
	echo "probes $_n ${_first:-0} ${_prev:-0}"
	PROBE=
}

finish() {
	probe_end
	[ -z "${GONE:-}" ] || echo "away $GONE ${HERE:-$(now)}"
	echo "end $1"
	case $1 in healthy) exit 0 ;; kept) exit 11 ;; back) exit 10 ;; migrated | unsure) exit 12 ;; *) exit 13 ;; esac
}

hash_of() { sha256sum "$1" 2>/dev/null | cut -d' ' -f1; }

# unedit puts the client's files back as they were, unless somebody has changed
# them since: then they are not ours to touch.
unedit() {
	_bad=0
	while IFS='	' read -r _copy _path _before _after; do
		_real=$(readlink -f "$_path")
		case $(hash_of "$_real") in
		"$_before") ;;
		"$_after")
			if [ "$(hash_of "$_copy")" != "$_before" ]; then
				echo "note the copy of $_path is not what it was"
				_bad=1
				continue
			fi
			# cp -p takes owner, group and mode along; cat fills in the old bytes.
			_new=${_real%/*}/$TEMP
			cp -p "$_real" "$_new" && cat "$_copy" >"$_new" && sync && mv "$_new" "$_real" || _bad=1
			;;
		*)
			echo "note $_path was changed by somebody else"
			_bad=1
			;;
		esac
	done <"$EDITS"
	return $_bad
}

# go_back: the files, the image by its id under the name compose knows, and the
# old server up again. Nothing is built and nothing pulled.
go_back() {
	echo "stage back"
	unedit || finish lost
	case $OLDREF in *@sha256:*) ;; *) docker tag "$OLDIMAGE" "$OLDREF" </dev/null || finish lost ;; esac
	if [ "$(state "$CONTAINER" '{{.Image}}')" = "$OLDIMAGE" ]; then
		# The old container is still there: it only has to run.
		docker start "$CONTAINER" >/dev/null 2>&1 </dev/null
	fi
	if ! compose "$@" up -d $NODEPS --no-build --pull never "$SERVICE" >"$WORK/up-back" 2>&1; then
		echo "note $(tail -n 1 "$WORK/up-back" | cut -c1-300)"
		finish lost
	fi
	await "" 120 || finish lost
	[ "$(state "$CONTAINER" '{{.Image}}')" = "$OLDIMAGE" ] || { echo "note another image runs than the one that was kept" && finish lost; }
	HERE=$(now)
}

if [ "$BACK" = 1 ]; then
	# A job that was killed, as by a power cut, told nobody what the new version
	# had done. What the database holds decides, not what was seen.
	if [ "$MIGRATION" -gt 0 ] && [ "$(patiently newest)" -gt "$MIGRATION" ] 2>/dev/null; then
		echo "note the database was migrated by the new version"
		docker stop -t 10 "$CONTAINER" >/dev/null 2>&1 </dev/null
		finish migrated
	fi
	probe_begin
	GONE=$(now)
	go_back "$@"
	finish healthy
fi

case $(state "$CONTAINER" '{{.Image}}') in
"$OLDIMAGE") ;;
'') echo "note the engine tells nothing of $CONTAINER" && finish kept ;;
*) echo "note another image runs than the plan says" && finish kept ;;
esac
docker image inspect "$OLDIMAGE" >/dev/null 2>&1 </dev/null || { echo "note the old image is gone: there would be no way back" && finish kept; }
WANT=$(state "$IMAGE" '{{.Id}}')
[ -n "$WANT" ] || { echo "note the new image is not on the host" && finish kept; }

probe_begin
if ! MIGRATED=$(patiently migrations); then
	echo "note the database does not say which migrations it has"
	finish kept
fi
echo "stage stop"
GONE=$(now)
if [ -n "$DUMP" ]; then
	# With the server stopped nothing is written after the dump, and none of the
	# files uploaded since the first one is an orphan after a restore.
	docker stop -t 30 "$CONTAINER" >/dev/null 2>&1 </dev/null || true
	echo "stage dump"
	if ! { docker exec "$DB" pg_dump -U "$DBUSER" -Fc --lock-wait-timeout=30000 "$DBNAME" </dev/null >"$DUMP.part" 2>"$WORK/dump" &&
		docker exec -i "$DB" pg_restore -f /dev/null <"$DUMP.part" 2>>"$WORK/dump" && mv "$DUMP.part" "$DUMP"; }; then
		echo "note final dump: $(tail -n 1 "$WORK/dump" | cut -c1-300)"
		rm -f "$DUMP.part"
		docker start "$CONTAINER" >/dev/null 2>&1 </dev/null
		await "" 120 || finish lost
		HERE=$(now)
		finish kept
	fi
	sync
fi

echo "stage start"
LEFT=$((LIMIT - ($(now) - GONE) / 100))
[ "$LEFT" -ge 5 ] || LEFT=5
OK=1
if ! compose "$@" up -d $NODEPS --no-build --pull never "$SERVICE" >"$WORK/up" 2>&1; then
	echo "note $(tail -n 1 "$WORK/up" | cut -c1-300)"
	OK=0
elif ! await "$VERSION" "$LEFT"; then
	OK=0
elif [ "$(state "$CONTAINER" '{{.Image}}')" != "$WANT" ]; then
	echo "note another image runs than the one that was pulled"
	OK=0
else
	HERE=$(now)
	echo "stage soak"
	_id=$(state "$CONTAINER" '{{.Id}} {{.RestartCount}} {{.State.StartedAt}}')
	sleep "$SOAK"
	if ! well "$VERSION" || [ "$(state "$CONTAINER" '{{.Id}} {{.RestartCount}} {{.State.StartedAt}}')" != "$_id" ]; then
		echo "note healthy at first, but not after $SOAK seconds"
		OK=0 HERE=
	fi
fi
[ "$OK" = 1 ] && finish healthy

docker logs --tail 5 "$CONTAINER" 2>&1 </dev/null | cut -c1-200 | sed 's/^/log /'
if ! _now=$(patiently migrations); then
	echo "note the database does not answer any more"
	docker stop -t 10 "$CONTAINER" >/dev/null 2>&1 </dev/null
	finish unsure
fi
if [ "$_now" != "$MIGRATED" ]; then
	# The old code refuses a schema it does not know, always. A restore loses
	# what was written since and is never done without asking.
	echo "note the database was migrated by the new version"
	docker stop -t 10 "$CONTAINER" >/dev/null 2>&1 </dev/null
	finish migrated
fi
go_back "$@"
finish back
