# Replaces the server's container, and rolls back by itself where the new one does not
# become healthy. Runs detached on the host, as root, with no one watching.
#
#   KEY=VALUE …   settings, see the case below. NODEPS is --no-deps or nothing,
#                 DEPENDENCIES the services that the server depends on. On a rollback
#                 with the database, FRESH takes its place, and it is kept as KEEP
#   -- COPY PATH BEFORE AFTER …   edited files: the copy as it was, and the
#                 SHA-256 of PATH without and with the edit
#   -- ARG …      compose arguments that address the project
#
# Every line on standard output is one fact: "stage NAME", "probe …",
# "downtime …", "state …" and "log …" of a container that failed, "end RESULT".
# Results: healthy, kept (nothing was changed), back (rolled
# back, the old server serves), migrated (the new version changed the database: a
# rollback of the code alone is not possible), unsure (whether it did is not known),
# gone (the old image is not there, nothing was touched), lost (the old server does not
# start either).
set -u
while [ "$1" != -- ]; do
	v=${1#*=}
	case ${1%%=*} in
	container) CONTAINER=$v ;; service) SERVICE=$v ;; port) PORT=$v ;; version) VERSION=$v ;;
	image) IMAGE=$v ;; oldimage) OLDIMAGE=$v ;; oldref) OLDREF=$v ;; limit) LIMIT=$v ;; soak) SOAK=$v ;;
	db) DB=$v ;; dbuser) DBUSER=$v ;; dbname) DBNAME=$v ;; dump) DUMP=$v ;; prober) PROBER=$v ;; back) ROLLBACK=$v ;;
	dumptime) DUMPTIME=$v ;; work) WORK=$v ;; nodeps) NODEPS=$v ;; project) PROJECT=$v ;; dependencies) DEPENDENCIES=$v ;; migration) MIGRATION=$v ;; temp) TEMP=$v ;;
	oldid) OLDID=$v ;; record) RECORD=$v ;; dependents) DEPENDENTS=$v ;; dependentrecord) DEPENDENTRECORD=$v ;; run) RUN=$v ;;
	keep) KEEP=$v ;; fresh) FRESH=$v ;;
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
set_project_args "$@"
umask 077
C=$DB U=$DBUSER POLICY=${RECORD:-$WORK}/policy.json

# now prints the time since boot in hundredths of a second; it starts no process.
now() {
	read -r _u _ </proc/uptime
	echo "${_u%.*}${_u#*.}"
}

# engine_answers waits for an engine that is being restarted: a failure meanwhile says
# nothing about the servers.
engine_answers() {
	_end=$(($(now) + 12000))
	until docker version --format '{{json .Server}}' >/dev/null 2>&1 </dev/null; do
		[ "$(now)" -lt "$_end" ] || return 1
		sleep 1
	done
}

# healthy [VERSION] reads the server's health answer; its status code is 200 for "degraded" too.
healthy() {
	_h=$(docker exec "$CONTAINER" curl -s -m 4 "http://127.0.0.1:$PORT/api/health" 2>/dev/null </dev/null | tr -d ' \t\r\n')
	case $_h in *'"status":"ok"'*) ;; *) return 1 ;; esac
	case $_h in *'"db_healthy":true'*) ;; *) return 1 ;; esac
	[ -z "$1" ] && return 0
	case $_h in *"\"version\":\"$1\""*) return 0 ;; esac
	return 1
}

# await VERSION SECONDS waits until the server is healthy. One that keeps restarting is not
# waited for.
await() {
	_end=$(($(now) + $2 * 100))
	while [ "$(now)" -lt "$_end" ]; do
		healthy "$1" && return 0
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

ask() { docker exec "$DB" psql -X -q -A -t -U "$DBUSER" -d "$DBNAME" -c "$1" 2>/dev/null </dev/null; }
migrations() { ask "select count(*), max(version), md5(string_agg(version || ' ' || success, ',' order by version)) from _sqlx_migrations"; }
newest() { ask "select max(version) from _sqlx_migrations"; }

# retry FUNCTION asks the database for a minute: it may be starting after a power cut, or be
# what made the server fail.
retry() {
	_end=$(($(now) + 6000))
	while :; do
		"$1" && return 0
		[ "$(now)" -lt "$_end" ] || return 1
		sleep 1
	done
}

# stop_new stops the new server, before the database is asked what it did: a server that
# still runs could commit after the answer. PostgreSQL notices that a client has gone only
# when the statement ends, and until then a migration keeps its locks, for which the old
# server would wait. So the connections of the container are ended, and what was not
# committed is rolled back. A container that was never replaced is left alone.
stop_new() {
	[ "$(state "$CONTAINER" '{{.Image}}')" != "$OLDIMAGE" ] || return 0
	_at=
	for _a in $(state "$CONTAINER" '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{.GlobalIPv6Address}} {{end}}'); do
		case $_a in *[!0-9a-f.:]*) ;; *) _at=$_at${_at:+,}$_a ;; esac # for none docker 29 says "invalid IP"
	done
	[ "$(state "$CONTAINER" '{{.State.Running}}')" != true ] || STOPPED_NEW=1
	docker stop -t 10 "$CONTAINER" >/dev/null 2>&1 </dev/null
	[ -n "$_at" ] || return 0
	_end=$(($(now) + 1500))
	while _left=$(ask "select count(pg_terminate_backend(pid)) from pg_stat_activity where client_addr = any('{$_at}'::inet[])") &&
		[ "$_left" -gt 0 ] 2>/dev/null && [ "$(now)" -lt "$_end" ]; do
		sleep 1
	done
}

# probe_begin starts the probe that measures the downtime. It runs inside the network, in a
# container that has curl: one exec, one loop, a path that the server's rate limit does not
# count.
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

# probe_end ends the probe and prints each change: the last probe before it, the first after
# it, and whether the server answered from then on.
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
	trap : TERM
	probe_end
	watchdog_off
	[ -z "${STOPPED_AT:-}" ] || echo "away $STOPPED_AT ${SERVING_AT:-$(now)}"
	echo "end $1"
	case $1 in healthy) exit 0 ;; kept) exit 11 ;; back) exit 10 ;; migrated | unsure) exit 12 ;; gone) exit 14 ;; *) exit 13 ;; esac
}

hash_of() { sha256sum "$1" 2>/dev/null | cut -d' ' -f1; }

# revert_edits puts the client's files back as they were. One that somebody else has
# changed since stays as it is.
revert_edits() {
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

# dump_budget prints how many seconds the final dump has left: it may take a part of the
# limit, and the new server needs the rest to start.
dump_budget() { echo $((DUMPTIME - ($(now) - STOPPED_AT) / 100)); }

# with_timeout SECONDS COMMAND … runs a command in the database's container, with a limit.
# The limit is set in there: ending "docker exec" out here would end nothing in there. In a
# container without "timeout" the time is only measured afterwards.
with_timeout() {
	_for=$1
	shift
	[ "$_for" -gt 0 ] || return 1
	if [ -n "$HAS_TIMEOUT" ]; then docker exec -i "$DB" timeout "$_for" "$@"; else docker exec -i "$DB" "$@"; fi
}

dump() { with_timeout "$(dump_budget)" pg_dump -U "$DBUSER" -Fc "$@" --lock-wait-timeout=30000 "$DBNAME" </dev/null >"$DUMP.part" 2>"$WORK/dump"; }

# dump_compressed dumps with zstd from PostgreSQL 16 on, where it is built in, as the backup does.
dump_compressed() {
	if [ "${PGDUMP:-0}" -ge 16 ]; then
		dump --compress=zstd:3 && return
		grep -q 'support compression with' "$WORK/dump" || return 1
	fi
	dump
}

final_dump() {
	dump_compressed && with_timeout "$(dump_budget)" pg_restore -f /dev/null <"$DUMP.part" 2>>"$WORK/dump" && mv "$DUMP.part" "$DUMP" && sync
}

# keep_old starts the old server again, before anything was replaced. The dump is removed:
# the server writes again, so it is not the final one.
keep_old() {
	echo "stage stay"
	rm -f "$DUMP.part" "$DUMP"
	engine_answers
	docker start "$CONTAINER" >/dev/null 2>&1 </dev/null
	revive_dependents
	await "" 120 || { evidence "$CONTAINER" && finish lost; }
	SERVING_AT=$(now)
	finish kept
}

# give_up ends a rollback that did not bring the old server up. A new server that was only
# stopped, not replaced, is started again, on its own database: it may be the only one that
# comes up at all.
give_up() {
	evidence "$CONTAINER"
	[ -z "${STOPPED_NEW:-}" ] || [ "$(state "$CONTAINER" '{{.Image}}')" = "$OLDIMAGE" ] || ! undo_exchange 2>"$WORK/exchange" || docker start "$CONTAINER" >/dev/null 2>&1 </dev/null
	finish lost
}

# disable_restart keeps the engine from starting the new server after a boot. The policy that
# it had is kept beside the record, where a second try of this does not take "no" for it.
disable_restart() {
	case $(state "$CONTAINER" '{{.Image}}') in "$OLDIMAGE" | '') return 0 ;; esac
	if ! [ -e "$POLICY" ]; then
		_policy=$(state "$CONTAINER" '{{json .HostConfig.RestartPolicy}}') && [ -n "$_policy" ] || return 1
		printf '{"RestartPolicy":%s}' "$_policy" >"$POLICY.new" && mv "$POLICY.new" "$POLICY" || return 1
	fi
	printf '{"RestartPolicy":{"Name":"no"}}' >"$WORK/policy" && api POST "/containers/$CONTAINER/update" "$WORK/policy" >/dev/null
}

# exchange_databases puts the database that was filled from the dump in the place of the
# present one. The new server must not run on it: it would migrate it.
exchange_databases() { disable_restart && exchange "$DBNAME" "$KEEP" "$FRESH"; }

# undo_exchange undoes exchange_databases.
undo_exchange() {
	[ -n "$KEEP" ] || return 0
	_kept=$(count_databases "$KEEP") && { [ "$_kept" = 0 ] || exchange "$DBNAME" "$FRESH" "$KEEP"; } || return 1
	[ ! -e "$POLICY" ] || { api POST "/containers/$CONTAINER/update" "$POLICY" >/dev/null && rm -f "$POLICY"; }
}

# leave_question writes down how the watchdog asks the database whether the exchange was
# done. A statement that a killed job has left running is ended first, so that the answer
# stays true.
leave_question() {
	ASK=$DB
	_text() { printf '"%s"' "$(printf %s "$1" | sed 's/[\\"]/\\&/g')"; }
	printf '{"AttachStdout":true,"Tty":true,"Cmd":["psql","-X","-q","-A","-t","-U",%s,"-d","template1","-c",%s,"-c","select pg_sleep(2)","-c",%s]}' "$(_text "$DBUSER")" \
		"$(_text "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = 'template1' and usename = current_user and pid <> pg_backend_pid()")" \
		"$(_text "select 'kept ' || count(*) from pg_database where datname = $(quote_literal "$KEEP")")" >"$RECORD/ask" && printf '{"Tty":true}' >"$RECORD/ask.start"
}

# deps_flag prints --no-deps where compose would by now recreate a service that the server
# depends on: a rollback leaves that alone, and does not fail over it. For an upgrade it was
# asked before this job was started.
deps_flag() {
	for _s in $DEPENDENCIES; do
		_c=$(running "$_s")
		if [ -n "$_c" ] && recreates "$_s" "$_c"; then
			echo --no-deps
			return
		fi
	done
	echo "$NODEPS"
}

# remove_strays removes containers that compose had created for the service and not started
# when it was ended: its next "up" would count them.
remove_strays() {
	for _c in $(docker ps -aq --filter "label=com.docker.compose.project=$PROJECT" --filter "label=com.docker.compose.service=$SERVICE" \
		--filter label=com.docker.compose.oneoff=False --filter status=created </dev/null); do
		[ "$(state "$_c" '{{.Name}}')" = "/$CONTAINER" ] || docker rm -f "$_c" >/dev/null 2>&1 </dev/null
	done
}

# old_exists: the old container is still there, or was recreated from its record.
old_exists() {
	[ "$(state "$CONTAINER" '{{.Image}}')" = "$OLDIMAGE" ] || return 1
	[ "$(state "$CONTAINER" '{{.Id}}')" = "$OLDID" ] || matches_record "$RECORD" "$CONTAINER" >/dev/null 2>&1
}

# from_record starts the old container, recreated from its record where it is gone, whatever
# the compose files say by now.
from_record() {
	[ -n "$RECORD" ] || return 1
	remove_strays
	if ! old_exists; then
		docker rm -f "$CONTAINER" >/dev/null 2>&1 </dev/null
		if ! recreate "$RECORD" "$CONTAINER" >"$WORK/recreate" 2>&1; then
			echo "note the container that ran cannot be made from its record: $(tail -n 1 "$WORK/recreate" | cut -c1-300)"
			return 1
		fi
	fi
	docker start "$CONTAINER" >"$WORK/start" 2>&1 </dev/null && return
	echo "note $(tail -n 1 "$WORK/start" | cut -c1-300)"
	return 1
}

# from_files has compose create the old server from the client's reverted files.
from_files() {
	if [ "$(state "$CONTAINER" '{{.Image}}')" = "$OLDIMAGE" ]; then
		# The old container is still there: it only has to run.
		docker start "$CONTAINER" >/dev/null 2>&1 </dev/null
	fi
	compose up -d $(deps_flag) --no-build --pull never "$SERVICE" >"$WORK/up-back" 2>&1 && return
	echo "note $(tail -n 1 "$WORK/up-back" | cut -c1-300)"
	return 1
}

# restore_old reverts the files, gives the old image its name again and starts the old
# server. Nothing is built and nothing pulled.
restore_old() {
	echo "stage back"
	engine_answers
	revert_edits || give_up
	case $OLDREF in *@sha256:*) ;; *) docker tag "$OLDIMAGE" "$OLDREF" </dev/null || give_up ;; esac
	from_record || from_files || give_up
	revive_dependents
	await "" 120 || give_up
	[ "$(state "$CONTAINER" '{{.Image}}')" = "$OLDIMAGE" ] || { echo "note another image runs than the one that was kept" && give_up; }
	if [ -n "$RECORD" ] && ! _differs=$(matches_record "$RECORD" "$CONTAINER" 2>/dev/null); then
		echo "note the server differs from the one that ran in: $(printf %s "$_differs" | tr '\n' ' ' | cut -c1-200)"
	fi
	SERVING_AT=$(now)
}

# image_missing: the old image is not on the host. No container keeps it since the swap, so
# "docker prune" removes it. An engine that does not answer is no proof.
image_missing() {
	docker image inspect "$OLDIMAGE" >/dev/null 2>&1 </dev/null && return 1
	docker version --format '{{json .Server}}' >/dev/null 2>&1 </dev/null
}

# roll_back brings the old server back, unless the new version has changed the database.
roll_back() {
	if image_missing; then
		echo "note the image that ran before is not on the host any more: the server is left as it is"
		finish gone
	fi
	if [ -n "$RECORD" ] && ! [ -e "$RECORD" ]; then
		echo "note the record of the container that ran, $RECORD, is not on the host any more: the server is made from the files"
		RECORD= POLICY=$WORK/policy.json
	fi
	# An earlier try may have stopped it, and its watchdog not started it yet.
	[ -z "$(state "liftalot-watchdog-$RUN" '{{.Id}}')" ] || STOPPED_NEW=1
	[ -z "$KEEP" ] || [ -z "$RECORD" ] || leave_question
	watchdog_on || echo "note no watchdog: a power cut before this ends may leave the server down"
	[ -n "${STOPPED_AT:-}" ] || probe_begin
	[ -n "${STOPPED_AT:-}" ] || { STOPPED_AT=$(now) && echo "gone $STOPPED_AT"; }
	stop_new
	if [ -z "$KEEP" ]; then
		check_migrations
	else
		engine_answers
		if ! retry exchange_databases 2>"$WORK/exchange"; then
			echo "note the database from the dump cannot take the place of the present one: $(tail -n 1 "$WORK/exchange" | cut -c1-300)"
			give_up
		fi
	fi
	restore_old
	finish healthy
}

# check_migrations ends a rollback of the code alone where the new version has changed the
# database.
check_migrations() {
	# A job that was killed, as by a power cut, told nobody what the new version
	# had done. What the database holds decides, not what was seen.
	if [ "$MIGRATION" -gt 0 ] && ! _newest=$(retry newest) && [ "$(state "$CONTAINER" '{{.Image}}')" != "$OLDIMAGE" ]; then
		echo "note the database does not answer"
		docker stop -t 10 "$CONTAINER" >/dev/null 2>&1 </dev/null
		finish unsure
	fi
	if [ "$MIGRATION" -gt 0 ] && [ "$_newest" -gt "$MIGRATION" ] 2>/dev/null; then
		echo "note the database was migrated by the new version"
		docker stop -t 10 "$CONTAINER" >/dev/null 2>&1 </dev/null
		finish migrated
	fi
}

# soak waits and looks again: the server must stay healthy.
soak() {
	STAGE=soak SERVING_AT=${SERVING_AT:-$(now)}
	echo "stage soak"
	_id=$(state "$CONTAINER" '{{.Id}} {{.RestartCount}} {{.State.StartedAt}}')
	sleep "$SOAK"
	if healthy "$VERSION" && [ "$(state "$CONTAINER" '{{.Id}} {{.RestartCount}} {{.State.StartedAt}}')" = "$_id" ]; then
		finish healthy
	fi
	echo "note healthy at first, but not after $SOAK seconds"
	STAGE=start SERVING_AT=
}

# decide is what follows where the new server is not healthy: a rollback, unless the
# database was migrated.
decide() {
	engine_answers
	evidence "$CONTAINER"
	stop_new
	if ! _now=$(retry migrations); then
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
	restore_old
	finish back
}

# on_term handles TERM, which comes when the time of this job is over or when the host is
# shut down. It ends the command the shell waits for too, so that its result says nothing.
# What was begun is completed or rolled back here; there are minutes for it.
on_term() {
	trap : TERM
	probe_end >/dev/null # it was ended too, and has not seen the rest
	if [ -e "$WORK/overdue" ]; then echo "note the time of this job is over"; else echo "note this job was told to end"; fi
	case $STAGE in
	nothing) finish kept ;;
	dump)
		leave_to_watchdog
		docker stop -t 10 "$CONTAINER" >/dev/null 2>&1 </dev/null # the first may still be at it
		keep_old
		;;
	back)
		leave_to_watchdog
		roll_back
		;;
	soak) soak ;;
	esac
	leave_to_watchdog
	decide
}

# leave_to_watchdog exits where the host is being shut down, rather than the time be over:
# engine and database end too, and can tell nothing. After the boot the watchdog starts one
# server.
leave_to_watchdog() {
	[ -z "${WATCHED:-}" ] || [ -e "$WORK/overdue" ] || exit 15
}
STAGE=nothing
exec 3>&1
trap 'on_term >&3' TERM

if [ "$ROLLBACK" = 1 ]; then
	STAGE=back
	roll_back
fi

case $(state "$CONTAINER" '{{.Image}}') in
"$OLDIMAGE") ;;
'') echo "note the engine tells nothing of $CONTAINER" && finish kept ;;
*) echo "note another image runs than the plan says" && finish kept ;;
esac
docker image inspect "$OLDIMAGE" >/dev/null 2>&1 </dev/null || { echo "note the old image is gone: there would be no rollback" && finish kept; }
if ! watchdog_on; then
	echo "note the watchdog that brings a server back after a power cut does not start: $(tail -n 1 "$WORK/watchdog.err" | cut -c1-200)"
	finish kept
fi
WANT=$(state "$IMAGE" '{{.Id}}')
[ -n "$WANT" ] || { echo "note the new image is not on the host" && finish kept; }

probe_begin
if ! MIGRATED=$(retry migrations); then
	echo "note the database does not say which migrations it has"
	finish kept
fi
HAS_TIMEOUT= PGDUMP=
if [ -n "$DUMP" ]; then
	if docker exec "$DB" timeout 1 true >/dev/null 2>&1 </dev/null; then HAS_TIMEOUT=1; fi
	PGDUMP=$(docker exec "$DB" pg_dump --version 2>/dev/null </dev/null | sed 's/^[^0-9]*\([0-9]*\).*/\1/')
fi
echo "stage stop"
STOPPED_AT=$(now)
echo "gone $STOPPED_AT"
if [ -n "$DUMP" ]; then
	# With the server stopped nothing is written after the dump, and none of the
	# files uploaded since the first one is an orphan after a restore.
	STAGE=dump
	docker stop -t 10 "$CONTAINER" >/dev/null 2>&1 </dev/null || true
	echo "stage dump"
	if ! final_dump || [ "$(dump_budget)" -lt 0 ]; then
		if [ "$(dump_budget)" -le 0 ]; then
			# A new server without time to start is one that migrates and is then
			# stopped for being late.
			echo "note the stop and the final dump took $((($(now) - STOPPED_AT) / 100)) of the $LIMIT seconds that the server may be away, which leaves the new one too few (raise max_downtime, or allow: [no-final-dump])"
		else
			echo "note final dump: $(tail -n 1 "$WORK/dump" | cut -c1-300)"
		fi
		keep_old
	fi
fi

STAGE=start
echo "stage start"
if ! compose up -d $NODEPS --no-build --pull never "$SERVICE" >"$WORK/up" 2>&1; then
	echo "note $(tail -n 1 "$WORK/up" | cut -c1-300)"
elif revive_dependents; await "$VERSION" $((LIMIT - ($(now) - STOPPED_AT) / 100)); then
	if [ "$(state "$CONTAINER" '{{.Image}}')" = "$WANT" ]; then
		soak
	else
		echo "note another image runs than the one that was pulled"
	fi
fi
decide
