# Undoes restore.sh: the former database, which was kept, gets its name again, and the
# restored one another, both in one transaction. The server runs again at the end, whatever
# that is; the watchdog starts it where this job is ended by a power cut or killed. Safe to
# run again at any point.
#   $1 container  $2 user  $3 database  $4 name of the kept one  $5 name for the
#   restored one  $6 name of one that was only filled  $7 the job's folder  $8 id of the run
#   $9 … the server, as set_server takes it
KEEP=$4 ASIDE=$5 FRESH=$6 WORK=$7 RUN=$8
shift 8
set_server "$@"
umask 077
# start_again starts the server. Where that fails, since the host is being shut down, the
# watchdog does it.
start_again() {
	set +e
	docker start "$CONTAINER" >/dev/null 2>&1 </dev/null && { revive_dependents; watchdog_off; }
}
trap start_again EXIT
trap 'exit 1' TERM INT HUP
if database_exists "$KEEP"; then
	watchdog_on || echo "no watchdog: a power cut before this ends may leave the server down"
	docker stop -t 30 "$CONTAINER" >/dev/null 2>&1 </dev/null || true
	exchange "$NAME" "$ASIDE" "$KEEP"
	echo "the former database is back; the restored one is kept as $ASIDE"
else
	# It was never renamed, or has its name again. What was filled is ours.
	database_exists "$NAME" || { echo "neither $NAME nor $KEEP is there" >&2; exit 1; }
	if database_exists "$FRESH"; then drop_database "$FRESH"; fi
fi
