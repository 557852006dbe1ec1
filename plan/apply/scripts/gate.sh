# Holds the sidecar against all it needs, and changes nothing.
#   $1 project  $2 updater service  $3 proxy service  $4 server container wanted
#   $5 secrets, separated by blanks  $6 $7 image references of updater and proxy
set -u
fail() {
	echo "$1" >&2
	shift
	for c; do evidence "$c" >&2; done
	exit 1
}
find_one() {
	docker ps -aq --filter "label=com.docker.compose.project=$1" --filter "label=com.docker.compose.service=$2" --filter label=com.docker.compose.oneoff=False </dev/null
}
U=$(find_one "$1" "$2")
P=$(find_one "$1" "$3")
[ -n "$U" ] || fail "there is no container of service $2"
[ -n "$P" ] || fail "there is no container of service $3"
state() { docker inspect -f "$2" "$1" </dev/null 2>/dev/null; }

# The vendor's healthcheck speaks after 30 seconds; asking by exec is sooner.
n=0
until docker exec "$U" curl -fsS -m 5 http://localhost:8081/health >/dev/null 2>&1 </dev/null; do
	n=$((n + 1))
	for c in "$P" "$U"; do
		[ "$(state "$c" '{{.RestartCount}}')" -lt 3 ] || fail "$(state "$c" '{{.Name}}') keeps restarting" "$c"
	done
	[ $n -lt 60 ] || fail "the updater did not become healthy in a minute" "$U" "$P"
	sleep 1
done
docker exec "$U" curl -fsS -m 5 "http://$3:2375/_ping" >/dev/null 2>&1 </dev/null || fail "the updater does not reach the engine through the proxy" "$P" "$U"
for s in $5; do
	docker exec "$U" sh -c 'cat "/run/secrets/$1" >/dev/null' sh "$s" >/dev/null 2>&1 </dev/null || fail "the updater cannot read secret $s" "$U"
done
aim=$(docker inspect -f '{{range .Config.Env}}{{println .}}{{end}}' "$U" </dev/null | sed -n 's/^CHATALOT_UPDATER_SERVER_CONTAINER=//p')
[ "$aim" = "$4" ] || fail "the updater aims at container \"$aim\", not at \"$4\""
for pair in "$U $6" "$P $7"; do
	c=${pair%% *} ref=${pair#* }
	[ "$(state "$c" '{{.Image}}')" = "$(docker image inspect -f '{{.Id}}' "$ref" </dev/null 2>/dev/null)" ] || fail "$(state "$c" '{{.Name}}') does not run $ref"
done
before=$(state "$U" '{{.Id}} {{.RestartCount}}' && state "$P" '{{.Id}} {{.RestartCount}}')
sleep 5
[ "$before" = "$(state "$U" '{{.Id}} {{.RestartCount}}' && state "$P" '{{.Id}} {{.RestartCount}}')" ] || fail "the sidecar was restarted while it was watched" "$U" "$P"
