# Fills a fresh database from a dump, beside the present one and made like it, in one
# transaction that stops at the first error. The server goes on meanwhile, and whatever
# fails leaves no half of anything. Safe to run again at any point.
#   $1 container  $2 user  $3 database  $4 dump on the host  $5 dump to use where
#   there is none  $6 name of the fresh database
DUMP=$4 FRESH=$6
[ -n "$DUMP" ] && [ -f "$DUMP" ] || DUMP=$5

# drop_unfinished drops the fresh database where this fails. The last line of the log is the
# reason of the failure, so nothing is printed here.
drop_unfinished() {
	[ "$?" -ne 0 ] || return 0
	set +e
	exec >/dev/null 2>&1 </dev/null
	[ "$(count_databases "$FRESH")" != 1 ] || drop_database "$FRESH"
}
trap drop_unfinished EXIT
trap 'exit 1' TERM INT HUP
echo "reading the dump to its end"
docker exec -i "$C" pg_restore -f /dev/null <"$DUMP"
# A database that an earlier try filled, or half filled, is ours by its name.
if database_exists "$FRESH"; then drop_database "$FRESH"; fi
create_database "$C" "$FRESH" yes
echo "filling a fresh database"
load_dump "$C" "$FRESH" "$DUMP"
# A dump has no properties of the database itself: without this they would be lost unseen.
copy_properties "$C" "$FRESH" yes
