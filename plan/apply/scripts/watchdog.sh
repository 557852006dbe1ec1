# Stands by while a swap is under way, in a container of its own, which the engine brings
# back after a power cut. Where the swap's job is no more and came to no end, it sees to it
# that exactly one server runs on the database: the new one where that had taken over,
# else the old one, as it was recorded. Then it removes itself. As long as the job lives
# it only looks. It has the functions of container.sh, and curl for the engine's API.
#   $1 the server's container  $2 the image it ran before  $3 compose project  $4 service
#   $5 dependents: NAME:PARENT:1 for one that ran, separated by blanks  $6 its own name
set -u
NAME=$1 OLDIMAGE=$2 PROJECT=$3 SERVICE=$4 DEPENDENTS=$5 SELF=$6
SOCKET=/var/run/docker.sock
say() { echo "watchdog: $1"; }

# alive: the job as remote/job knows it, by boot, process and start time. One that has not
# written down who it is was just started.
alive() {
	[ ! -s /job/boot ] || [ "$(cat /job/boot)" = "$(cat /proc/sys/kernel/random/boot_id)" ] || return 1
	[ -e /job/pid ] || return 0
	read -r _pid _since </job/pid || return 0
	set -- $(sed 's/.*) //' "/proc/$_pid/stat" 2>/dev/null)
	[ "${20:-}" = "$_since" ]
}

# settled: the job came to an end that it meant, or somebody has tidied its folder away. One
# that was ended by a shutdown, which ends the engine too, has not.
settled() { [ ! -e /job/watchdog ] || grep -qE '^end (healthy|kept|back|migrated|unsure|gone)$' /job/log 2>/dev/null; }

# listed FILTER VALUE…: what the engine lists of containers, each on a line of its own. It
# is 2 where the engine does not say: that nothing is there is said by it alone.
listed() {
	_f=$1
	shift
	_v=
	for _x; do _v=$_v${_v:+%2C}%22$_x%22; done
	_l=$(api GET "/containers/json?all=1&filters=%7B%22$_f%22%3A%5B$_v%5D%7D") || return 2
	printf '%s\n' "$_l" | sed 's/{"Id":"/\n&/g' | grep '^{"Id":"'
}
field() { sed -n "s/.*\"$1\":\"\\([^\"]*\\)\".*/\\1/p"; }

# again makes the old container once more.
again() {
	say "making the container that ran before"
	recreate /record "$NAME" >/dev/null
}

drop() { api DELETE "/containers/$1?force=1" >/dev/null; }

# decided: the job had found that the new server does not do.
decided() { grep -q '^stage back' /job/log 2>/dev/null; }

# strays are containers that compose had made for the service and not yet named.
strays() {
	listed label "com.docker.compose.project%3D$PROJECT" "com.docker.compose.service%3D$SERVICE" | while IFS= read -r _c; do
		case $_c in *"\"/$NAME\""*) continue ;; esac
		case $_c in *'"State":"created"'*) drop "$(printf '%s\n' "$_c" | field Id)" ;; esac
	done
}

server() {
	_c=$(listed name "%5E%2F$NAME%24")
	[ $? -ne 2 ] || return 1
	_image=$(printf '%s\n' "$_c" | field ImageID)
	case $(printf '%s\n' "$_c" | field State) in
	'') again || return 1 ;;
	created) [ "$_image" = "$OLDIMAGE" ] || { drop "$NAME" && again; } || return 1 ;;
	*) [ "$_image" = "$OLDIMAGE" ] || ! decided || { drop "$NAME" && again; } || return 1 ;;
	esac
	api POST "/containers/$NAME/start" >/dev/null || return 1
	say "$NAME runs"
}

# attend: what shared a namespace with a container that is gone cannot even start.
attend() {
	for _d in $DEPENDENTS; do
		_name=${_d%%:*} _rest=${_d#*:}
		_id=$(listed name "%5E%2F${_rest%%:*}%24" | field Id)
		if api GET "/containers/$_name/json" 2>/dev/null | grep -q "$_id"; then
			[ "${_rest#*:}" != 1 ] || api POST "/containers/$_name/restart" >/dev/null
		else
			drop "$_name" 2>/dev/null
			recreate /dependents "$_name" "$_id" >/dev/null || say "$_name cannot be made anew"
			[ "${_rest#*:}" != 1 ] || api POST "/containers/$_name/start" >/dev/null
		fi
	done
}

until settled || { ! alive && api GET /_ping >/dev/null 2>&1 && strays && server; }; do sleep 2; done
settled || attend
drop "$SELF"
