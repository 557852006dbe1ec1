# Puts the fresh database that fill.sh has filled in the place of the present one: with the
# server stopped it dumps the present one a last time, then gives both their names in one
# transaction. The present one is kept under another name. The server runs again at the end,
# whatever that is: where this job is ended by a power cut or killed, its watchdog starts it,
# on the one database or the other, whole. Safe to run again at any point.
#   $1 container  $2 user  $3 database  $4 name for the present database  $5 fresh one
#   $6 file for the last dump  $7 the job's folder  $8 id of the run
#   $9 … the server, as set_server takes it
KEEP=$4 FRESH=$5 FINAL=$6 WORK=$7 RUN=$8
shift 8
set_server "$@"
umask 077
RAN=

# restart_server leaves the server as it was, where the restore failed. The last words of the
# log are the reason of the failure, so nothing is printed here. A server that does not start,
# since the host is being shut down, is left to the watchdog.
restart_server() {
	[ "$?" -ne 0 ] || return 0
	set +e
	exec >/dev/null 2>&1 </dev/null
	rm -f "$FINAL.part"
	[ "$RAN" = true ] || return 0
	docker start "$CONTAINER" && { revive_dependents; watchdog_off; }
}
trap restart_server EXIT
trap 'exit 1' TERM INT HUP
if database_exists "$KEEP"; then
	echo "already restored"
else
	RAN=$(state "$CONTAINER" '{{.State.Running}}') || RAN=
	# That of an earlier try is not the last one if the server has run since.
	[ "$RAN" != true ] || rm -f "$FINAL"
	# An earlier try may have stopped it, and its watchdog not started it yet.
	[ -z "$(state "liftalot-watchdog-$RUN" '{{.Id}}')" ] || RAN=true
	# A server that does not run stays so until the database is there.
	if [ "$RAN" = true ]; then
		watchdog_on || { echo "the watchdog that starts the server after a power cut does not run, so nothing was stopped: $(tail -n 1 "$WORK/watchdog.err" | cut -c1-200)" && exit 1; }
	fi
	# Where none runs there may be none to stop.
	docker stop -t 30 "$CONTAINER" >/dev/null </dev/null || [ "$RAN" != true ]
	if ! [ -f "$FINAL" ]; then
		echo "dumping the present database, server stopped"
		docker exec "$C" pg_dump -U "$U" -Fc --lock-wait-timeout=30000 "$NAME" </dev/null >"$FINAL.part"
		docker exec -i "$C" pg_restore -f /dev/null <"$FINAL.part"
		sync
		mv "$FINAL.part" "$FINAL"
	fi
	exchange "$NAME" "$KEEP" "$FRESH"
	echo "restored; the former database is kept as $KEEP"
fi
docker start "$CONTAINER" >/dev/null </dev/null
revive_dependents || :
watchdog_off || :
