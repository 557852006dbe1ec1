package job

// startScript reads the script from its input and makes sure that it is whole
// before it passes the gate. From the gate on it does not need the link: its
// signals are caught, not ignored, because the job would inherit the latter.
//
// The job's input is the first line, when it has one. It stays in the memory of
// shells and in pipes: printf is built in and shows its arguments to nobody.
//
//	$1 folder  $2 length of the script  $3 seconds  $4 grace  $5 runner
//	$6 "input" or nothing
const startScript = `d=$1
parent=${d%/*}
[ -z "$parent" ] || [ -d "$parent" ] || mkdir -p -- "$parent" || exit 1
new=$d.new.$$
trap 'rm -rf -- "$new"' EXIT
trap : HUP PIPE
mkdir -- "$new" || exit 1
input=
[ -z "$6" ] || IFS= read -r input || exit 49
cat > "$new/script"
[ "$(wc -c < "$new/script")" -eq "$2" ] || exit 49
if ! mkdir -- "$d" 2>/dev/null; then
	[ -d "$d" ] || exit 1
	cmp -s "$new/script" "$d/script" || [ ! -e "$d/script" ] || exit 41
	exit 0
fi
cat /proc/sys/kernel/random/boot_id > "$d/boot" 2>/dev/null
mv -- "$new/script" "$d/script" || exit 1
feed() { [ -z "$input" ] || printf '%s\n' "$input"; }
{
	feed | if command -v setsid >/dev/null
	then setsid /bin/sh -c "$5" sh "$d" "$3" "$4" "$6" setsid
	else nohup /bin/sh -c "$5" sh "$d" "$3" "$4" "$6"
	fi
} </dev/null >/dev/null 2>&1 &
exit 0
`

// runnerScript stands over the script: it writes down who it is, runs it, ends
// it when its time is over, and writes the outcome. There is no "--" before the
// negative number of a process group: dash's kill does not know it. The mark of
// lateness is touched, because a redirection that fails, on a full disk, would
// end the watch. A full disk gets five minutes to take the outcome. The folder in
// memory is written down before it is made, and goes with the script, or with
// the watch when whoever stands over it is killed. Whoever ends everything there is,
// as a shutdown does, ends the script: TERM is caught, not ignored, because the script
// would inherit the latter, and what it does about it is waited for.
//
//	$1 folder  $2 seconds  $3 grace  $4 "input" or nothing  $5 setsid or nothing
const runnerScript = `d=$1 limit=$2 grace=$3 own=$5
exec 3<&0 </dev/null
cd / || exit 1
started() { set -- $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null); echo "${20}"; }
echo "$$ $(started $$)" > "$d/pid.new" && mv -- "$d/pid.new" "$d/pid" || exit 1
MEMORY=
if [ -n "$4" ]; then
	MEMORY=/dev/shm
	[ -d "$MEMORY" ] && [ -w "$MEMORY" ] || MEMORY=/run
	MEMORY=$MEMORY/liftalot-job.$$.$(started $$)
	echo "$MEMORY" > "$d/memory" && mkdir -m 700 -- "$MEMORY" || exit 1
	export MEMORY
fi
forget() { [ -z "$MEMORY" ] || rm -rf -- "$MEMORY"; }
trap : TERM
$own /bin/sh "$d/script" <&3 3<&- >"$d/log" 2>&1 &
job=$!
exec 3<&-
group=$job
[ -z "$own" ] || group=-$job
(
	trap 'kill "$nap" 2>/dev/null; exit 0' TERM
	sleep "$limit" & nap=$!
	wait "$nap"
	touch "$d/overdue" 2>/dev/null
	kill -TERM "$group" 2>/dev/null
	sleep "$grace" & nap=$!
	wait "$nap"
	kill -KILL "$group" 2>/dev/null
	forget
) </dev/null >/dev/null 2>&1 &
watch=$!
while :; do
	wait "$job"
	code=$?
	[ "$code" -gt 128 ] && kill -0 "$job" 2>/dev/null || break
done
kill -TERM "$watch" 2>/dev/null
[ ! -e "$d/overdue" ] || kill -KILL "$group" 2>/dev/null
forget
tries=60
until echo "$code $(date +%s)" > "$d/outcome.new" && { sync -- "$d/outcome.new" 2>/dev/null || sync; } &&
	mv -- "$d/outcome.new" "$d/outcome"
do
	[ -d "$d" ] && [ "$tries" -gt 0 ] || exit 1
	tries=$((tries - 1))
	sleep 5
done
`

// stateScript sets state and code for the job in "$1".
//
// A job without pid was started this very moment or never got that far; after
// a minute it is the latter.
const stateScript = `d=$1 state= code=0
[ -e "$d" ] || exit 44
[ -d "$d" ] || exit 1
started() { set -- $(sed 's/.*) //' "/proc/$1/stat" 2>/dev/null); echo "${20}"; }
outcome() {
	[ -e "$d/outcome" ] || return 1
	state=ended
	read -r code rest < "$d/outcome"
}
alive() {
	read -r pid since < "$d/pid" 2>/dev/null || { [ -n "$(find "$d" -prune -mmin -1)" ]; return; }
	kill -0 "$pid" 2>/dev/null && [ "$(started "$pid")" = "$since" ]
}
same_boot() {
	[ ! -s "$d/boot" ] || [ "$(cat "$d/boot")" = "$(cat /proc/sys/kernel/random/boot_id)" ]
}
if outcome; then :
elif same_boot && alive; then state=running
elif outcome; then :
else state=lost
fi
`

// lookScript prints the state and the log from an offset on.
//
//	$2 offset  $3 at most so many bytes
const lookScript = `late=no
[ ! -e "$d/overdue" ] || late=yes
echo "$state $code $late"
[ ! -e "$d/log" ] || tail -c "+$(($2 + 1))" "$d/log" | head -c "$3"
exit 0
`

const removeScript = `[ "$state" != running ] || exit 45
[ ! -s "$d/memory" ] || rm -rf -- "$(cat "$d/memory")"
rm -rf -- "$d"
`
