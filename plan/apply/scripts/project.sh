# Functions for one compose project, which stand before swap.sh and dependencies.sh. Both
# set PROJECT, and call "set_project_args" once.

# set_project_args ARG… keeps the compose arguments that address the project, quoted: "$@"
# would not do, since a trap runs inside functions, which have arguments of their own.
set_project_args() {
	ARGS=
	for _v; do ARGS="$ARGS '$(printf %s "$_v" | sed "s/'/'\\\\''/g")'"; done
}
compose() { eval "docker compose $ARGS \"\$@\"" </dev/null; }
label() { docker inspect -f "{{index .Config.Labels \"com.docker.compose.$2\"}}" "$1" </dev/null; }

# running SERVICE prints the id of its container, if one runs.
running() {
	docker ps -q --filter "label=com.docker.compose.project=$PROJECT" --filter "label=com.docker.compose.service=$1" \
		--filter label=com.docker.compose.oneoff=False 2>/dev/null </dev/null | head -n 1
}

# recreates SERVICE CONTAINER: whether compose would replace the container, because its
# definition changed, or because its reference names another image by now than the one that
# compose noted, as after a pull. Where that cannot be told, it counts as a change. The
# reason is in WHY.
recreates() {
	WHY=": it does not say"
	_want=$(compose --profile '*' config --hash "$1" 2>/dev/null) || return 0
	WHY=
	[ "${_want##* }" = "$(label "$2" config-hash)" ] || return 0
	_ref=$(docker inspect -f '{{.Config.Image}}' "$2" </dev/null)
	_now=$(docker image inspect -f '{{.Id}}' "$_ref" 2>/dev/null </dev/null) || _now=
	_note=$(label "$2" image)
	# An engine that keeps images in containerd has the index for their ID; compose 5.5
	# and later note the platform's own manifest there.
	_manifest=$(docker inspect -f '{{with index . "ImageManifestDescriptor"}}{{index . "digest"}}{{end}}' "$2" 2>/dev/null </dev/null) || _manifest=
	if [ -n "$_manifest" ] && [ "$_manifest" != "$_now" ] && [ "$_now" = "$(docker inspect -f '{{.Image}}' "$2" </dev/null)" ]; then
		_expect=$_now
		case $(docker compose version --short 2>/dev/null </dev/null) in
			5.[5-9]* | 5.[1-9][0-9]* | [6-9].* | [1-9][0-9].* | v5.[5-9]* | v5.[1-9][0-9]* | v[6-9].* | v[1-9][0-9].*) _expect=$_manifest ;;
		esac
		WHY=": whether its image is still the one that compose noted is not known"
		[ "$_expect" != "$_note" ]
		return
	fi
	WHY=": $_ref names another image by now"
	case $_ref in *@*) WHY=": whether its image is still the one that compose noted is not known" ;; esac
	[ "$_now" != "$_note" ]
}
