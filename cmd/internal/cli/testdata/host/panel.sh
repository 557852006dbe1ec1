# Updates the server as its admin panel does: the image is pulled, the container taken
# away, and made again through the engine's API with the same settings.
#   $1 the version
set -eu
api() { curl -fsS --unix-socket /var/run/docker.sock -H 'Content-Type: application/json' "$@"; }
image=registry.seglamater.app/seglamater/chatalot
docker pull -q "$image:$1"
digest=$(docker image inspect -f '{{range .RepoDigests}}{{println .}}{{end}}' "$image:$1" | grep "^$image@" | head -n 1)
docker inspect chatalot-server | jq --arg image "$digest" '.[0] | {
	Image: $image, Env: .Config.Env, Labels: .Config.Labels, HostConfig: .HostConfig,
	NetworkingConfig: {EndpointsConfig: (.NetworkSettings.Networks | map_values({Aliases: .Aliases}))}
}' >/root/panel.json
docker stop -t 10 chatalot-server
docker rm chatalot-server
api -d @/root/panel.json 'http://localhost/containers/create?name=chatalot-server'
api -X POST http://localhost/containers/chatalot-server/start
rm /root/panel.json
for n in $(seq 120); do
	case $(docker exec chatalot-server curl -s http://127.0.0.1:8080/api/health 2>/dev/null) in
	*'"status":"ok"'*'"version":"'"$1"'"'* | *'"version":"'"$1"'"'*'"status":"ok"'*) exit 0 ;;
	esac
	sleep 0.5
done
docker logs --tail 20 chatalot-server >&2
exit 1
