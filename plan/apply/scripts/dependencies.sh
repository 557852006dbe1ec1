# Asks compose whether it would recreate the services that the server depends on, and fails if
# it would: they must stay as they are. On a rollback it only prints "drift": a rollback may
# not fail over what others have pulled or written since. After a restart of the host it
# waits for the services to come up.
#   $1 project  $2 services, separated by blanks  $3 "back" on a rollback, else empty
#   $4… compose arguments
set -eu
PROJECT=$1 services=$2 back=$3
shift 3
set_project_args "$@"
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
