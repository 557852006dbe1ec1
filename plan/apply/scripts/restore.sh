# Puts a database back from a dump: into a fresh one, made like the present one, in one
# transaction that stops at the first error, while the server goes on; then, with the server
# stopped, a last dump of the database that was there, and the swap by rename. It
# stays under another name, and until it gets that it is not touched: whatever
# fails before leaves no half of anything and the server running, if it ran. Safe
# to run again at any point.
#   $1 container  $2 user  $3 database  $4 dump on the host  $5 dump to use where
#   there is none  $6 name for the old database  $7 the server's container
#   $8 file for the last dump, or empty
DUMP=$4 KEEP=$6 SERVER=$7 FINAL=$8
umask 077
[ -n "$DUMP" ] && [ -f "$DUMP" ] || DUMP=$5
NEW=${KEEP}_new RAN= RENAMING=
# Puts things as they were, up to the first rename. The last words of the log are
# the reason of the failure, so nothing is said here.
failed() {
	[ "$?" -ne 0 ] || return 0
	set +e
	exec >/dev/null 2>&1 </dev/null
	[ -z "$FINAL" ] || rm -f "$FINAL.part"
	[ -z "$RENAMING" ] || [ "$(count "$KEEP")" = 0 ] || return 0
	[ "$RAN" != true ] || docker start "$SERVER"
	[ "$(count "$NEW")" != 1 ] || drop "$NEW"
}
trap failed EXIT
trap 'exit 1' TERM INT HUP
if has "$KEEP"; then
	if has "$NAME"; then
		echo "already restored"
		exit 0
	fi
	RENAMING=1 # an earlier try ended between the two
fi
if [ -z "$RENAMING" ]; then
	echo "reading the dump to its end"
	docker exec -i "$C" pg_restore -f /dev/null <"$DUMP"
	# A database that an earlier try filled, or half filled, is ours by its name.
	if has "$NEW"; then drop "$NEW"; fi
	make "$C" "$NEW" yes
	echo "filling a fresh database"
	fill "$C" "$NEW" "$DUMP"
	# A dump has nothing of the database itself. What it is without would be lost unseen.
	endow "$C" "$NEW" yes
fi
if [ -n "$SERVER" ]; then
	RAN=$(docker inspect -f '{{.State.Running}}' "$SERVER" 2>/dev/null </dev/null) || RAN=
	# Where none runs there may be none to stop.
	docker stop -t 30 "$SERVER" >/dev/null </dev/null || [ "$RAN" != true ]
fi
if [ -z "$RENAMING" ]; then
	if [ -n "$FINAL" ]; then
		# That of an earlier try is not the last one if the server has run since.
		[ "$RAN" != true ] || rm -f "$FINAL"
		if ! [ -f "$FINAL" ]; then
			echo "dumping the present database, server stopped"
			docker exec "$C" pg_dump -U "$U" -Fc --lock-wait-timeout=30000 "$NAME" </dev/null >"$FINAL.part"
			docker exec -i "$C" pg_restore -f /dev/null <"$FINAL.part"
			sync
			mv "$FINAL.part" "$FINAL"
		fi
	fi
	RENAMING=1
	move "$NAME" "$KEEP"
fi
move "$NEW" "$NAME"
echo "restored; the former database is kept as $KEEP"
