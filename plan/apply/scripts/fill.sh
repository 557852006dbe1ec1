# Fills a fresh database from a dump, beside the present one and made like it, in one
# transaction that stops at the first error. The server goes on meanwhile, and whatever
# fails leaves no half of anything. Safe to run again at any point.
#   $1 container  $2 user  $3 database  $4 dump on the host  $5 dump to use where
#   there is none  $6 name of the fresh database
DUMP=$4 FRESH=$6
[ -n "$DUMP" ] && [ -f "$DUMP" ] || DUMP=$5

# unfill drops what was filled, where that comes to nothing. The last words of the log are
# the reason of the failure, so nothing is said here.
unfill() {
	[ "$?" -ne 0 ] || return 0
	set +e
	exec >/dev/null 2>&1 </dev/null
	[ "$(count "$FRESH")" != 1 ] || drop "$FRESH"
}
trap unfill EXIT
trap 'exit 1' TERM INT HUP
echo "reading the dump to its end"
docker exec -i "$C" pg_restore -f /dev/null <"$DUMP"
# A database that an earlier try filled, or half filled, is ours by its name.
if has "$FRESH"; then drop "$FRESH"; fi
make "$C" "$FRESH" yes
echo "filling a fresh database"
fill "$C" "$FRESH" "$DUMP"
# A dump has nothing of the database itself. What it is without would be lost unseen.
endow "$C" "$FRESH" yes
