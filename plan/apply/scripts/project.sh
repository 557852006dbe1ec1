# What swap.sh and settled.sh have in common, and what stands before each of them: one
# compose project. Each sets PROJECT, and the arguments that address it once with
# "addressed".

# Quoted and kept: a trap strikes inside functions, which have arguments of their own.
addressed() {
	ARGS=
	for _v; do ARGS="$ARGS '$(printf %s "$_v" | sed "s/'/'\\\\''/g")'"; done
}
compose() { eval "docker compose $ARGS \"\$@\"" </dev/null; }
label() { docker inspect -f "{{index .Config.Labels \"com.docker.compose.$2\"}}" "$1" </dev/null; }

# running SERVICE: its container, if one runs.
running() {
	docker ps -q --filter "label=com.docker.compose.project=$PROJECT" --filter "label=com.docker.compose.service=$1" \
		--filter label=com.docker.compose.oneoff=False 2>/dev/null </dev/null | head -n 1
}

# recreates SERVICE CONTAINER: whether compose would put another container in its place,
# for another definition, or for a reference that names another image by now than the one
# it noted, as after a pull. It says why in WHY.
recreates() {
	WHY=": it does not say"
	_want=$(compose --profile '*' config --hash "$1" 2>/dev/null) || return 0
	WHY=
	[ "${_want##* }" = "$(label "$2" config-hash)" ] || return 0
	_ref=$(docker inspect -f '{{.Config.Image}}' "$2" </dev/null)
	_now=$(docker image inspect -f '{{.Id}}' "$_ref" 2>/dev/null </dev/null) || _now=
	WHY=": $_ref names another image by now"
	[ "$_now" != "$(label "$2" image)" ]
}
