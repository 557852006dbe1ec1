# Says of the containers of some services how those stand that are not well, or where all
# are, the first. Changes nothing.
#   $1 project  $2… services
set -u
project=$1 first= ill=
shift
for service; do
	for c in $(docker ps -aq --filter "label=com.docker.compose.project=$project" --filter "label=com.docker.compose.service=$service" --filter label=com.docker.compose.oneoff=False </dev/null); do
		first=${first:-$c}
		case $(docker inspect -f '{{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{end}}' "$c" 2>/dev/null </dev/null) in
		'running healthy' | 'running ') ;;
		*) ill="$ill $c" ;;
		esac
	done
done
for c in ${ill:-$first}; do evidence "$c"; done
