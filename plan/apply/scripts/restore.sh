# Puts a database back from a dump: into a fresh one, in one transaction that
# stops at the first error, then by rename. The database that was there stays
# under another name, and a last dump of it is taken with the server stopped.
# Until the renames at the end it is not touched. Safe to run again at any point.
#   $1 container  $2 user  $3 database  $4 dump on the host  $5 dump to use where
#   there is none  $6 name for the old database  $7 the server's container
#   $8 file for the last dump, or empty
set -eu
C=$1 U=$2 NAME=$3 DUMP=$4 KEEP=$6 SERVER=$7 FINAL=$8
umask 077
[ -n "$DUMP" ] && [ -f "$DUMP" ] || DUMP=$5
NEW=${KEEP}_new
sql() { docker exec "$C" psql -X -q -A -t -v ON_ERROR_STOP=1 -U "$U" -d "$1" -c "$2" </dev/null; }
has() { [ "$(sql template1 "select count(*) from pg_database where datname = '$1'")" = 1 ]; }
quote() { printf '"%s"' "$(printf %s "$1" | sed 's/"/""/g')"; }
if has "$KEEP" && has "$NAME"; then
	echo "already restored"
	exit 0
fi
echo "reading the dump to its end"
docker exec -i "$C" pg_restore -f /dev/null <"$DUMP"
[ -z "$SERVER" ] || docker stop -t 30 "$SERVER" >/dev/null 2>&1 </dev/null || true
if ! has "$KEEP"; then
	if [ -n "$FINAL" ] && ! [ -f "$FINAL" ]; then
		echo "dumping the present database, server stopped"
		docker exec "$C" pg_dump -U "$U" -Fc --lock-wait-timeout=30000 "$NAME" </dev/null >"$FINAL.part"
		docker exec -i "$C" pg_restore -f /dev/null <"$FINAL.part"
		sync
		mv "$FINAL.part" "$FINAL"
	fi
	# A half-filled database of an earlier try is ours by its name.
	has "$NEW" && sql template1 "drop database $(quote "$NEW") with (force)"
	owner=$(sql template1 "select pg_get_userbyid(datdba) from pg_database where datname = '$NAME'")
	sql template1 "create database $(quote "$NEW") owner $(quote "$owner") template template0"
	echo "filling a fresh database"
	docker exec -i "$C" pg_restore -U "$U" -d "$NEW" --exit-on-error --single-transaction <"$DUMP"
	sql template1 "select pg_terminate_backend(pid) from pg_stat_activity where datname = '$NAME' and pid <> pg_backend_pid()" >/dev/null
	sql template1 "alter database $(quote "$NAME") rename to $(quote "$KEEP")"
fi
sql template1 "alter database $(quote "$NEW") rename to $(quote "$NAME")"
echo "restored; the former database is kept as $KEEP"
