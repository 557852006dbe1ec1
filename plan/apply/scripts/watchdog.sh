# The watchdog of a swap or a restore: a container of its own, which the engine starts again
# after a power cut. Where the job was killed before its end, it makes sure that exactly one
# server runs on the database: the new one where that had taken over, else the old one, as
# it was recorded. For a restore there is one only. Then it removes itself. While the job
# lives it only watches. It has the functions of container.sh, and curl for the engine's API.
#   $1 the server's container  $2 the image it ran before  $3 compose project  $4 service
#   $5 dependents: NAME:PARENT:1 for one that ran, separated by blanks  $6 its own name
#   $7 the database's container on a rollback with the database, else empty: whether that was
#   exchanged decides then, not how far the job came
set -u
NAME=$1 OLDIMAGE=$2 PROJECT=$3 SERVICE=$4 DEPENDENTS=$5 SELF=$6 DB=$7
SOCKET=/var/run/docker.sock
say() { echo "watchdog: $1"; }

# job_alive: the job's process runs, by boot, process id and start time as remote/job
# records them. A job that has not recorded them yet was just started. One without its
# folder was given up, or is tried again by somebody who may not live to do it.
job_alive() {
	[ -e /job/watchdog ] || return 1
	[ ! -s /job/boot ] || [ "$(cat /job/boot)" = "$(cat /proc/sys/kernel/random/boot_id)" ] || return 1
	[ -e /job/pid ] || return 0
	read -r _pid _since </job/pid || return 0
	set -- $(sed 's/.*) //' "/proc/$_pid/stat" 2>/dev/null)
	[ "${20:-}" = "$_since" ]
}

# job_ended: the job printed its result. One that was ended by a shutdown prints none, since
# the engine ends too.
job_ended() { grep -qE '^end (healthy|kept|back|migrated|unsure|gone)$' /job/log 2>/dev/null; }

# list_containers FILTER VALUE… prints the containers that match, one a line. Its status is
# 2 where the engine does not answer: only an engine that answers can say that none is there.
list_containers() {
	_f=$1
	shift
	_v=
	for _x; do _v=$_v${_v:+%2C}%22$_x%22; done
	_l=$(api GET "/containers/json?all=1&filters=%7B%22$_f%22%3A%5B$_v%5D%7D") || return 2
	printf '%s\n' "$_l" | sed 's/{"Id":"/\n&/g' | grep '^{"Id":"'
}
field() { sed -n "s/.*\"$1\":\"\\([^\"]*\\)\".*/\\1/p"; }

# recreate_old makes the old container again from its record.
recreate_old() {
	say "making the container that ran before"
	recreate /record "$NAME" >/dev/null
}

remove() { api DELETE "/containers/$1?force=1" >/dev/null; }

# new_stays STATE: the new server keeps its place. It does not where it was only created, or
# where the job had decided against it; nor where the database was exchanged for the former
# one, which it would migrate. Its status is 2 where the database does not answer.
new_stays() {
	if [ -z "$DB" ]; then
		[ "$1" != created ] && ! grep -q '^stage back' /job/log 2>/dev/null
		return
	fi
	_exec=$(api POST "/containers/$DB/exec" /record/ask | read_id)
	[ -n "$_exec" ] || return 2
	case $(api POST "/exec/$_exec/start" /record/ask.start) in
	*"kept 0"*) return 0 ;;
	*"kept 1"*) return 1 ;;
	esac
	return 2
}

# enable_restart gives the new server the restart policy that the rollback took from it.
enable_restart() {
	[ ! -e /record/policy.json ] || { api POST "/containers/$NAME/update" /record/policy.json >/dev/null && rm -f /record/policy.json; }
}

# remove_strays removes containers that compose had created for the service and not yet named.
remove_strays() {
	list_containers label "com.docker.compose.project%3D$PROJECT" "com.docker.compose.service%3D$SERVICE" | while IFS= read -r _c; do
		case $_c in *"\"/$NAME\""*) continue ;; esac
		case $_c in *'"State":"created"'*) remove "$(printf '%s\n' "$_c" | field Id)" ;; esac
	done
}

# start_server has one server run: the new one, or the old one where the new one does not stay.
start_server() {
	_c=$(list_containers name "%5E%2F$NAME%24")
	[ $? -ne 2 ] || return 1
	_state=$(printf '%s\n' "$_c" | field State) _image=$(printf '%s\n' "$_c" | field ImageID)
	if [ -z "$_state" ]; then
		recreate_old || return 1
	elif [ "$_image" != "$OLDIMAGE" ]; then
		new_stays "$_state"
		case $? in
		0) enable_restart || return 1 ;;
		1) remove "$NAME" && recreate_old || return 1 ;;
		*) return 1 ;;
		esac
	fi
	api POST "/containers/$NAME/start" >/dev/null || return 1
	say "$NAME runs"
}

# revive_dependents brings back the containers that share a namespace with the server: without
# the container that they name they cannot even start.
revive_dependents() {
	for _d in $DEPENDENTS; do
		_name=${_d%%:*} _rest=${_d#*:}
		_id=$(list_containers name "%5E%2F${_rest%%:*}%24" | field Id)
		if api GET "/containers/$_name/json" 2>/dev/null | grep -q "$_id"; then
			[ "${_rest#*:}" != 1 ] || api POST "/containers/$_name/restart" >/dev/null
		else
			remove "$_name" 2>/dev/null
			recreate /dependents "$_name" "$_id" >/dev/null || say "$_name cannot be made anew"
			[ "${_rest#*:}" != 1 ] || api POST "/containers/$_name/start" >/dev/null
		fi
	done
}

until job_ended || { ! job_alive && api GET /_ping >/dev/null 2>&1 && remove_strays && start_server; }; do sleep 2; done
job_ended || revive_dependents
remove "$SELF"
