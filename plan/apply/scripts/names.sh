# Gives images that were pulled by digest the tags under which compose looks for them. What
# had a tag before is kept under a name of ours; the rollback gives it its tag again, and
# leaves alone a tag that nothing had.
#   $1 "forth" or "back", then for each image
#   REF by digest  NAME the tag  KEEP our name for what has the tag
set -eu
id() { docker image inspect -f '{{.Id}}' "$1" 2>/dev/null </dev/null; }
way=$1
shift
while [ $# -gt 0 ]; do
	ref=$1 name=$2 keep=$3
	shift 3
	if [ "$way" = back ]; then
		if id "$keep" >/dev/null; then docker tag "$keep" "$name" </dev/null; fi
		continue
	fi
	want=$(id "$ref") || {
		echo "$ref is not on the host" >&2
		exit 1
	}
	had=$(id "$name") || had=
	[ "$had" != "$want" ] || continue
	# One that is kept already is what had the tag before this began.
	[ -z "$had" ] || id "$keep" >/dev/null || docker tag "$had" "$keep" </dev/null
	docker tag "$ref" "$name" </dev/null
	[ "$(id "$name")" = "$want" ] || {
		echo "$name is another image than $ref: somebody moved the tag just now" >&2
		exit 1
	}
done
