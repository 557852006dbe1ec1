# Puts what lies in a staging folder where it belongs, one rename for each, and
# makes the folders above. Records of five come on standard input, each field ended
# by a NUL byte: "d" or the name in the staging folder, mode, uid, gid, path.
#   $1 staging folder
# Six records at a time fit the shortest command line that an xargs makes.
cd "$1" || exit
xargs -0 -n 30 /bin/sh -c '
	while [ $# -gt 4 ]; do
		case $1 in
		d) [ -d "$5" ] || { mkdir "$5" && chown "$3:$4" "$5" && chmod "$2" "$5"; } || exit 1 ;;
		*) mv -f "$1" "$5" || exit 1 ;;
		esac
		shift 5
	done' sh
