# Hashes the files whose names come on standard input, each ended by a NUL byte:
# one line for each, in their order, the SHA-256 or "-" for one that cannot be read.
# A name with a line end or a backslash would be escaped by some sha256sum and not
# by others: then one after the other, and by its content alone.
xargs -0 /bin/sh -c '
	n="
"
	case "$*" in
	*"$n"* | *\\*) h= ;;
	*) h=$(sha256sum "$@" 2>/dev/null </dev/null | cut -c1-64) ;;
	esac
	if [ "$(printf "%s\n" "$h" | grep -c .)" = $# ]; then
		printf "%s\n" "$h"
		exit
	fi
	for f; do
		h=
		[ ! -f "$f" ] || h=$(sha256sum 2>/dev/null <"$f" | cut -c1-64)
		printf "%s\n" "${h:--}"
	done' sh
