# Asks compose whether it would recreate services that must stay as they are, and stops if
# it would. On a rollback it says so and no more: nothing there may wait for what others
# have pulled or written since. A host that was just restarted takes a while to have the
# services back.
#   $1 project  $2 services, separated by blanks  $3 "back" or nothing  $4… compose arguments
set -eu
PROJECT=$1 services=$2 back=$3
shift 3
addressed "$@"
for s in $services; do
	c= tries=0
	while [ -z "$c" ]; do
		[ "$tries" -lt 60 ] || { echo "service $s does not run" >&2; exit 1; }
		[ "$tries" -eq 0 ] || sleep 2
		tries=$((tries + 1))
		c=$(running "$s")
	done
	if recreates "$s" "$c"; then
		[ -z "$back" ] || { echo "drift"; exit 0; }
		echo "compose would recreate service $s, which must not be touched$WHY" >&2
		exit 1
	fi
done
