# Takes restore.sh back: the database that was kept gets its name again, the
# restored one another. Safe to run again at any point.
#   $1 container  $2 user  $3 database  $4 name of the kept one  $5 name for the
#   restored one  $6 the server's container
set -eu
C=$1 U=$2 NAME=$3 KEEP=$4 ASIDE=$5 SERVER=$6
sql() { docker exec "$C" psql -X -q -A -t -v ON_ERROR_STOP=1 -U "$U" -d template1 -c "$1" </dev/null; }
has() { [ "$(sql "select count(*) from pg_database where datname = '$1'")" = 1 ]; }
quote() { printf '"%s"' "$(printf %s "$1" | sed 's/"/""/g')"; }
# Nobody may be connected to a database that gets another name. Whoever comes back at once,
# an exporter or a pooler, has the blink of one connection for it, and ten times.
move() {
	_tries=0
	until docker exec "$C" psql -X -q -A -t -v ON_ERROR_STOP=1 -U "$U" -d template1 \
		-c "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = '$1' and pid <> pg_backend_pid()" \
		-c "alter database $(quote "$1") rename to $(quote "$2")" </dev/null >/dev/null; do
		_tries=$((_tries + 1))
		[ "$_tries" -lt 10 ] || return 1
	done
}
if ! has "$KEEP"; then
	# It was never renamed, or has its name again. What was being filled is ours.
	has "$NAME" || { echo "neither $NAME nor $KEEP is there" >&2; exit 1; }
	if has "${KEEP}_new"; then sql "drop database $(quote "${KEEP}_new") with (force)"; fi
	exit 0
fi
docker stop -t 30 "$SERVER" >/dev/null 2>&1 </dev/null || true
if has "$NAME"; then move "$NAME" "$ASIDE"; fi
move "$KEEP" "$NAME"
if has "${KEEP}_new"; then move "${KEEP}_new" "$ASIDE"; fi
echo "the former database is back; the restored one is kept as $ASIDE"
