package lock

// common defines what the scripts share. $f is the lock file.
const common = `f=$1
started() { set -- $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null); echo "${20}"; }
show() {
	now=$(date +%s)
	beat=$(stat -c %Y -- "$f.holder" 2>/dev/null) || beat=$now
	echo "$now $beat"
	cat -- "$f.holder" 2>/dev/null
}
`

// holdScript takes the lock and holds it until its input ends. The holder file
// is touched at each line of input. The process that holds the lock must not
// lend it to others: their life is not the operator's. A lock that is held by
// nobody whose name stands in the holder file, or by one who is dead, is held for
// an instant only: its holder is on the way out, or a late command asks for it.
//
//	$2 run id  $3 holder as JSON  $4 what tells this hold from any other
const holdScript = common + `id=$2 about=$3 token=$4
alive() { set -- $(printf '%s\n' "$1" | sed -n 3p); [ $# -ge 2 ] && [ "$(started "$1")" = "$2" ]; }
parent=${f%/*}
[ -z "$parent" ] || [ -d "$parent" ] || mkdir -p -- "$parent" || exit 1
if command -v flock >/dev/null; then
	exec 9>>"$f" || exit 1
	tries=0
	until flock -n 9; do
		who=$(show)
		if alive "$who" || [ $tries = 5 ]; then
			printf '%s\n' "$who"
			exit 97
		fi
		tries=$((tries + 1))
		sleep 1
	done
	exec 8>>"$f.fence" || exit 1
	flock -n 8 || {
		show
		[ -e "$f.holder" ] || cat -- "$f.fence"
		exit 96
	}
	exec 8>&-
	folder=
else
	folder=$f.d
	if [ -d "$folder" ] && [ -z "$(find "$f.holder" -prune -mmin -2 2>/dev/null)" ]; then
		mv -- "$folder" "$folder.$$" 2>/dev/null && rmdir -- "$folder.$$"
	fi
	mkdir -- "$folder" 2>/dev/null || { show; exit 97; }
fi
free() {
	[ "$(sed -n 1p "$f.holder" 2>/dev/null)" != "$id" ] || rm -f -- "$f.holder"
	[ -z "$folder" ] || rmdir -- "$folder" 2>/dev/null
}
trap 'free; exit 1' HUP INT TERM PIPE
printf '%s\n%s %s %s\n%s\n%s\n' "$id" "$$" "$(started $$)" "$token" "$(date +%s)" "$about" > "$f.holder.new" &&
	mv -- "$f.holder.new" "$f.holder" || { free; exit 1; }
[ -n "$folder" ] || cat -- "$f.holder" > "$f.fence"
echo locked
while read -r beat; do touch -c -- "$f.holder" 9>&-; done
free
exit 0
`

// fenceScript comes before the script of a fenced command, whose arguments
// follow its own two. Descriptor 8 stays open in all it starts. An exec whose
// redirection fails ends the shell with its own status, whatever stands behind it:
// so a folder that a reboot has taken away is noticed before.
//
//	$1 lock file  $2 token of the hold it belongs to
const fenceScript = `lock_file=$1 lock_token=$2
shift 2
if command -v flock >/dev/null; then
	(: >>"$lock_file.fence") 2>/dev/null || exit 93
	exec 8>>"$lock_file.fence"
	flock -s -n 8 || exit 93
	if (exec 9>>"$lock_file"; flock -n 9); then exit 93; fi
fi
lock_holder=$(sed -n 2p "$lock_file.holder" 2>/dev/null)
[ "${lock_holder##* }" = "$lock_token" ] || exit 93
unset lock_token lock_holder
`

// inputScript writes down who reads from the operator, for hangUpScript. It
// stands between the two halves of a fence.
const inputScript = `lock_reader() { set -- $(sed 's/.*) //' "/proc/$$/stat" 2>/dev/null); echo "$$ ${20} $3"; }
lock_reader > "$lock_file.input"
`

// hangUpScript ends the last command that reads from an operator who is gone:
// where the host does not know that the connection is dead, it would wait for its
// input, and keep the fence, for hours. What runs without input goes on to its
// end, and a job is in a process group of its own.
//
//	$2 seconds that an operator who lives is never silent
const hangUpScript = common + `read -r pid since group < "$f.input" 2>/dev/null || exit 0
[ "$(started "$pid")" = "$since" ] && [ "$group" -gt 1 ] || exit 0
[ $(($(date +%s) - $(stat -c %Y -- "$f.input"))) -lt "$2" ] || kill -TERM "-$group" 2>/dev/null
exit 0
`

// inspectScript shows the holder, if the lock is held at all.
const inspectScript = common + `if command -v flock >/dev/null; then
	[ -e "$f" ] || exit 44
	if (exec 9<"$f"; flock -n -s 9); then exit 44; fi
else
	[ -d "$f.d" ] || exit 44
fi
show
`

// breakScript ends the process that holds the lock for the run "$2", which it
// recognises by number and start time.
const breakScript = common + `{ read -r id && read -r pid since token; } < "$f.holder" 2>/dev/null || exit 44
[ "$id" = "$2" ] || { show; exit 94; }
if [ "$(started "$pid")" = "$since" ]; then
	kill -TERM "$pid" 2>/dev/null
	for nap in 1 1 1 1 1; do
		kill -0 "$pid" 2>/dev/null || break
		sleep 1
	done
	kill -KILL "$pid" 2>/dev/null
fi
[ "$(sed -n 1p "$f.holder" 2>/dev/null)" != "$2" ] || rm -f -- "$f.holder"
[ ! -d "$f.d" ] || rmdir -- "$f.d"
exit 0
`
