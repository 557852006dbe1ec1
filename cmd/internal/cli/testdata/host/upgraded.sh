# Holds a server against what an upgrade promises, without asking the tool.
#   $1 the version
set -eu
no() { echo "NOT AS PROMISED: $*" >&2; exit 1; }
cd /srv/chatalot
id() { docker ps -q --filter label=com.docker.compose.project=chatalot --filter "label=com.docker.compose.service=$1"; }
S=$(id chatalot) U=$(id chatalot-updater) P=$(id chatalot-socket-proxy) D=$(id postgres)
for c in "$S" "$U" "$P" "$D"; do [ -n "$c" ] || no "not all four services run"; done
running=$(docker compose --profile updater ps --services | sort | tr '\n' ' ')
[ "$running" = "chatalot chatalot-socket-proxy chatalot-updater postgres " ] || no "compose ps shows $running"

health=$(docker exec "$S" curl -fsS http://localhost:8080/api/health)
case $health in *'"version":"'"$1"'"'*) ;; *) no "health says $health" ;; esac
case $health in *'"db_healthy":true'*) ;; *) no "health says $health" ;; esac

# By digest, or by the tag of a pin by tag: the image that runs is known under the one the
# model names, and under a digest in any case.
want=$(docker compose config --images chatalot | grep '/chatalot[@:]')
docker inspect -f '{{range .RepoDigests}}{{println .}}{{end}}' "$(docker inspect -f '{{.Image}}' "$S")" | grep -q '/chatalot@sha256:' || no "the server runs an image without a digest"
docker inspect -f '{{range .RepoDigests}}{{println .}}{{end}}{{range .RepoTags}}{{println .}}{{end}}' "$(docker inspect -f '{{.Image}}' "$S")" | grep -qxF "$want" || no "the server does not run $want"

name=$(docker inspect -f '{{.Name}}' "$S")
aim=$(docker inspect -f '{{range .Config.Env}}{{println .}}{{end}}' "$U" | sed -n 's/^CHATALOT_UPDATER_SERVER_CONTAINER=//p')
[ "/$aim" = "$name" ] || no "the updater aims at $aim, the server is $name"
checks=$(docker exec "$U" curl -fsS 'http://localhost:8081/health?verbose=1')
for c in database docker server; do
	case $checks in *"\"$c\":\"ok\""*) ;; *) no "the updater says $checks" ;; esac
done
docker exec "$S" curl -fsS http://chatalot-updater:8081/health >/dev/null || no "the server does not reach the updater"

[ "$(stat -c %a secrets)" = 700 ] || no "the secrets folder has mode $(stat -c %a secrets)"
grep -qxE '[0-9a-f]{64}' secrets/updater_token || no "the token is not 64 hexadecimal digits"
[ "$(wc -c <secrets/updater_token)" = 64 ] || no "the token has more than 64 bytes"
docker exec -u 999 "$S" sh -c 'cat /run/secrets/updater_token >/dev/null' || no "uid 999 cannot read the token"
for s in updater_token cosign_pub db_password registry_creds; do
	docker exec -u 1001 "$U" sh -c "cat /run/secrets/$s >/dev/null" || no "uid 1001 cannot read $s"
done
