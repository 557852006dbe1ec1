# Undoes restore.sh: the former database, which was kept, gets its name again, and the
# restored one another. Safe to run again at any point.
#   $1 container  $2 user  $3 database  $4 name of the kept one  $5 name for the
#   restored one  $6 the server's container
KEEP=$4 ASIDE=$5 SERVER=$6
if ! has "$KEEP"; then
	# It was never renamed, or has its name again. What was being filled is ours.
	has "$NAME" || { echo "neither $NAME nor $KEEP is there" >&2; exit 1; }
	if has "${KEEP}_new"; then drop "${KEEP}_new"; fi
	exit 0
fi
docker stop -t 30 "$SERVER" >/dev/null 2>&1 </dev/null || true
if has "$NAME"; then move "$NAME" "$ASIDE"; fi
move "$KEEP" "$NAME"
if has "${KEEP}_new"; then move "${KEEP}_new" "$ASIDE"; fi
echo "the former database is back; the restored one is kept as $ASIDE"
