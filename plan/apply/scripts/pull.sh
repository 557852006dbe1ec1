# Pulls images, detached. A login leaves no trace: it comes by standard input (a
# docker config of one line) and lives in $MEMORY, which is gone when this ends.
#   $1… references by digest
set -eu
if [ -n "${MEMORY:-}" ]; then
	cat >"$MEMORY/config.json"
	export DOCKER_CONFIG="$MEMORY"
fi
for ref; do
	echo "pulling $ref"
	docker pull -q "$ref" </dev/null
	docker image inspect -f '{{.Id}}' "$ref" </dev/null >/dev/null
done
