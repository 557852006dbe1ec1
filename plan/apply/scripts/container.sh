# Makes containers again from their records, through the engine's API: functions only,
# which stand before the script that needs them. The files of a record are described in
# the package comment of plan/container.
#
# The docker command hands the API through ("docker system dial-stdio", since 18.09).
# Where SOCKET is set, curl speaks to that socket instead: for a container that has curl
# and no docker command; matches_record needs the command.
#
# Everything an engine is asked goes as HTTP/1.0: the answer then ends with the
# connection and never comes in chunks. Request bodies hold secrets: they are written
# next to the record, for root only, and are in nobody's arguments or environment.

# api METHOD PATH [FILE] prints what the engine answers and is 0 where it did what was
# asked; else it says why not on standard error, in one line, and is 4 where what was
# asked for is not there, 1 otherwise.
#
# What is written to the engine stays open until the answer is there: engines take its end
# for a client that has gone and drop what they are at (seen with 26.1). A sleep keeps it
# open, whose pid goes ahead of the request.
api() {
	_answer=$(
		if [ -n "${SOCKET:-}" ]; then
			exec curl -sS -i -0 -m 60 --unix-socket "$SOCKET" -X "$1" -H 'Content-Type: application/json' --data-binary "@${3:-/dev/null}" "http://docker$2" 2>&1
		fi
		{
			sleep 65 &
			echo $!
			printf '%s %s HTTP/1.0\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: %s\r\n\r\n' "$1" "$2" "$(cat "${3:-/dev/null}" | wc -c | tr -d ' ')"
			cat "${3:-/dev/null}"
			wait
		} 2>/dev/null | {
			read -r _writer
			exec 4<&0
			docker system dial-stdio <&4 2>&1 &
			_dial=$!
			# An engine that never answers must not hold up whoever asks.
			(
				_n=0
				while [ "$_n" -lt 60 ]; do
					sleep 1
					kill -0 "$_dial" || exit 0
					_n=$((_n + 1))
				done
				kill "$_dial"
			) >/dev/null 2>&1 </dev/null 4<&- &
			_watch=$!
			wait "$_dial"
			kill "$_writer" "$_watch" 2>/dev/null
		}
	)
	_status=$(printf '%s\n' "$_answer" | head -n 1 | tr -d '\r')
	case $_status in
	"HTTP/1."?" 2"* | "HTTP/1."?" 304"*)
		printf '%s\n' "$_answer" | tr -d '\r' | sed '1,/^$/d'
		return 0
		;;
	"HTTP/1."*)
		_why=$(printf '%s\n' "$_answer" | tr -d '\r' | sed -e '1,/^$/d' | sed -e 's/^{"message":"\(.*\)"}$/\1/' -e 's/\\n/ /g' -e 's/\\"/"/g' | head -n 1 | cut -c1-300)
		printf '%s\n' "${_why:-the engine answers $_status}" >&2
		case $_status in *' 404'*) return 4 ;; esac
		return 1
		;;
	esac
	[ -n "$_status" ] || _status="the engine does not answer"
	printf '%s\n' "$_status" | cut -c1-300 >&2
	return 1
}

# read_id prints the container's id that the document on standard input begins with.
read_id() { head -n 1 | sed -n 's/^{"Id":"\([a-z0-9]*\)".*/\1/p'; }

# image_id REFERENCE prints the id of the image of that name, wherever it is told: engine 29
# tells an image's fields in the order of their names. A label that is called Id adds a line.
image_id() {
	api GET "$_api/images/$1/json" 2>/dev/null | tr ',{}' '\n\n\n' | sed -n 's/^"Id":"\(sha256:[0-9a-f]*\)"$/\1/p'
}

# record_field FOLDER NAME KEY prints what the record of NAME has for KEY.
record_field() { sed -n "s/^$3 //p" "$1/$2.record" | head -n 1; }

# has_name ID NAME: the container of that id has that name. It is 1 if there is none.
has_name() {
	_answer=$(api GET "$_api/containers/$1/json" 2>/dev/null) || return 1
	case $_answer in *"\"Name\":\"/$2\","*) return 0 ;; esac
	return 1
}

# recreate FOLDER NAME [SERVER_ID] makes the container NAME as its record has it, in the
# namespaces and with the volumes of SERVER_ID where it shared those of the server. It
# does not start it, and prints its id. Nothing else may have that name.
#
# Until it is in all of its networks it has another name, one that only this record
# gives: called again after a power cut it goes on where it was, and a container that
# has its own name is whole. FOLDER/NAME.id then holds "ID SERVER_ID".
recreate() {
	_folder=$1 _name=$2 _server=${3:-}
	case $_server in *[!0-9a-f]*) echo "$_server is no container id" >&2 && return 1 ;; esac
	# The engine's own version of its API: older ones leave fields out.
	_api=$(api GET /version | sed -n 's/.*"ApiVersion":"\([0-9.]*\)".*/\1/p')
	[ -n "$_api" ] || { echo "the engine does not say which API it speaks" >&2 && return 1; }
	_api=/v$_api
	_aside=$(record_field "$_folder" "$_name" aside)
	[ -n "$_aside" ] || { echo "there is no record of $_name" >&2 && return 1; }
	[ -z "$_server" ] || _aside=$_aside.$(printf %s "$_server" | cut -c1-12)

	if [ -e "$_folder/$_name.id" ]; then
		read -r _id _for <"$_folder/$_name.id"
		if [ "$_for" = "$_server" ] && has_name "$_id" "$_name"; then
			printf '%s\n' "$_id"
			return 0
		fi
	fi
	_id=$(api GET "$_api/containers/$_aside/json" 2>/dev/null | read_id)
	if [ -z "$_id" ]; then
		_image=$(record_field "$_folder" "$_name" image)
		_reference=$(record_field "$_folder" "$_name" reference)
		if [ -n "$_reference" ] && [ "$(image_id "$_reference")" = "$_image" ]; then
			_image=$_reference
		fi
		_id=$(send_recorded "$_name.create" POST "/containers/create?name=$_aside" | read_id)
		[ -n "$_id" ] || return 1
	fi
	(umask 077 && printf '%s %s\n' "$_id" "$_server" >"$_folder/$_name.id") || return 1
	while read -r _verb _a _b; do
		case $_verb in
		connect) send_recorded "$_name.connect.$_a" POST "/networks/$_b/connect" >/dev/null || return 1 ;;
		disconnect)
			(umask 077 && printf '{"Container":"%s","Force":true}' "$_id" >"$_folder/$_name.request") || return 1
			api POST "$_api/networks/$_a/disconnect" "$_folder/$_name.request" >/dev/null || return 1
			;;
		esac
	done <"$_folder/$_name.record"
	rm -f "$_folder/$_name.request"
	api POST "$_api/containers/$_id/rename?name=$_name" >/dev/null || return 1
	printf '%s\n' "$_id"
}

# send_recorded BODY METHOD PATH sends a request with a body of the record, its placeholders filled in.
send_recorded() {
	(umask 077 && sed -e "s|@IMAGE@|${_image:-}|" -e "s|@ID@|${_id:-}|" -e "s|@SERVER@|$_server|g" "$_folder/$1.json" >"$_folder/$_name.request") || return 1
	api "$2" "$_api$3" "$_folder/$_name.request"
	_code=$?
	rm -f "$_folder/$_name.request"
	return $_code
}

# matches_record FOLDER NAME [SERVER_ID]: whether the container NAME is what its record says. Else
# it prints the names of the fields that differ, one a line.
matches_record() {
	_now=$1/$2.now
	case ${3:-} in *[!0-9a-f]*) echo "$3 is no container id" && return 1 ;; esac
	(umask 077 && docker inspect -f "$(cat "$1/$2.template")" "$2" </dev/null 2>/dev/null >"$_now.raw") || {
		rm -f "$_now.raw"
		echo "the engine tells nothing of $2"
		return 1
	}
	(umask 077 && sed -e "s/${3:-@SERVER@}/@SERVER@/g" "$_now.raw" | grep -v -E '^$|^[^ ]* (null|\[\]|\{\}|""|0|false)$|^HostConfig\.Binds "[0-9a-f]{64}:' >"$_now")
	_differ=$({
		grep -v -x -F -f "$1/$2.fields" "$_now"
		grep -v -x -F -f "$_now" "$1/$2.fields"
	} | cut -d' ' -f1 | sort -u)
	rm -f "$_now" "$_now.raw"
	[ -n "$_differ" ] || return 0
	printf '%s\n' "$_differ"
	return 1
}
