# Looks at a host and changes nothing. POSIX sh; needs docker and its compose
# plugin, and no jq, curl, git or python.
#   $1  random marker, stands at the start of each line that is ours
#   $2  compose folder, or empty: find it by the labels of containers
#   $3  service name of the chat server
#   $4  folders whose free space matters, separated by colons
M=$1 WANT=$2 SVC=$3 PLACES=$4
exec 3>&1

# part NAME COMMAND... prints the command's output between two marked lines. The second has
# its status and the first bytes of its standard error (a warning is no failure): more than
# are shown, since a secret that is cut in two is not recognised.
part() {
	_n=$1
	shift
	printf '%s begin %s\n' "$M" "$_n"
	_e=$("$@" 2>&1 1>&3 </dev/null)
	_s=$?
	printf '\n%s end %s %s ' "$M" "$_n" "$_s"
	printf '%.8000s' "$_e" | tr '\n\r' '  '
	echo
}

machine() {
	echo "uid=$(id -u)"
	echo "kernel=$(uname -sr)"
	echo "arch=$(uname -m)"
	echo "hostname=$(uname -n)"
	echo "boot=$(cat /proc/sys/kernel/random/boot_id 2>/dev/null)"
	echo "clock=$(date +%s)"
	[ -r /etc/os-release ] && sed -n 's/^PRETTY_NAME="\{0,1\}\([^"]*\)"\{0,1\}$/os=\1/p' /etc/os-release
	[ -e /proc/net/if_inet6 ] && [ "$(cat /proc/sys/net/ipv6/conf/all/disable_ipv6 2>/dev/null)" != 1 ] || echo "ipv6off=1"
	for t in docker flock sha256sum stat readlink setsid nohup od mktemp sync df; do
		_p=$(command -v "$t") && echo "tool.$t=$_p"
	done
	:
}

# stat_files FILE... prints path, real path, size, mode in hex, uid and gid, one file a line.
stat_files() {
	for _f; do
		if [ -e "$_f" ]; then
			printf '%s\t%s\t%s\n' "$_f" "$(readlink -f "$_f")" "$(stat -L -c '%s %f %u %g' "$_f")"
		else
			printf '%s\t\tmissing\n' "$_f"
		fi
	done
}

# describe_secret FILE prints what may be known of a secret without its content. A link is
# marked, and described by what it leads to; one that leads nowhere counts as empty.
describe_secret() {
	_k=-
	[ ! -L "$1" ] || _k=-l
	if [ ! -e "$1" ]; then
		printf '%s\t%s\t%s\t-\n' "$1" "$(stat -c '%s %f %u %g' "$1")" "${_k}xb"
		return
	elif [ -d "$1" ]; then
		_k=${_k}d
	else
		tr -d ' \t\r\n' <"$1" | grep -q . || _k=${_k}b
		[ -s "$1" ] && [ -z "$(tail -c 1 "$1" | tr -d '\n')" ] && _k=${_k}n
		[ "$(wc -c <"$1")" -le 65 ] && grep -Eqx '[0-9a-fA-F]{64}' "$1" && _k=${_k}h
	fi
	_h=-
	case ${1##*/} in cosign_pub) _h=$(sha256sum "$1" | cut -d' ' -f1) ;; esac
	printf '%s\t%s\t%s\t%s\n' "$1" "$(stat -L -c '%s %f %u %g' "$1")" "$_k" "$_h"
}

part machine machine
part docker docker version --format '{{json .Server}}'

# print_or_run COMMAND… prints the command's output, which is in OUTPUT already: some of these
# take a host a second. One that failed is run again, for its error.
print_or_run() { if [ -n "$OUTPUT" ]; then printf '%s\n' "$OUTPUT"; else "$@"; fi; }

info() { docker info --format '{"root":{{json .DockerRootDir}},"security":{{json .SecurityOptions}},"driver":{{json .DriverStatus}}}'; }
OUTPUT=$(info 2>/dev/null </dev/null) || OUTPUT=
ROOT=$(printf '%s\n' "$OUTPUT" | sed -n 's/^{"root":"\([^"]*\)".*/\1/p')
part info print_or_run info

# Where containerd keeps images (the default of engine 29), they are in its folder and not in
# the engine's, unless the engine has started it.
IMAGES=
case $OUTPUT in
*'"io.containerd.snapshotter.v1"'*)
	if [ ! -S /run/docker/containerd/containerd.sock ]; then
		IMAGES=$(sed -n "s/^root *= *[\"']\([^\"']*\)[\"'].*/\1/p" /etc/containerd/config.toml 2>/dev/null)
		: "${IMAGES:=/var/lib/containerd}"
		part imagesroot printf '%s\n' "$IMAGES"
	fi
	;;
esac
part compose docker compose version --short

# labelled prints every container with its compose labels, the newest first. Each label has
# "=" before it, since "read" takes two tabs with nothing between them for one.
T=$(printf '\t')
labelled() {
	_l=com.docker.compose
	docker ps -a --no-trunc --format "{{.ID}}$T={{.Label \"$_l.service\"}}$T={{.Label \"$_l.oneoff\"}}$T={{.Label \"$_l.project\"}}$T={{.Label \"$_l.project.working_dir\"}}$T={{.Label \"$_l.project.config_files\"}}$T={{.Label \"$_l.project.environment_file\"}}$T{{.Status}}$T{{.Names}}"
}
LABELLED=$(labelled 2>/dev/null </dev/null) || LABELLED=

# containers_where EXPRESSION prints the ids of the containers for which it is true.
containers_where() {
	printf '%s\n' "$LABELLED" | while IFS=$T read -r _id _service _oneoff _project _dir _files _env _status _names; do
		[ -z "$_id" ] || ! eval "$1" || printf '%s\n' "$_id"
	done
}

# find_projects prints the compose projects that have a service of that name.
find_projects() {
	if [ -z "$LABELLED" ]; then # none, or they cannot be listed: then it says why
		labelled
		return
	fi
	printf '%s\n' "$LABELLED" | while IFS=$T read -r _id _service _oneoff _project _dir _files _env _status _names; do
		[ "$_service" != "=$SVC" ] || [ "$_oneoff" != =False ] ||
			printf '%s\t%s\t%s\t%s\t%s\n' "$_id" "${_project#=}" "${_dir#=}" "${_files#=}" "${_env#=}"
	done
}
PROJECTS=$(find_projects 2>/dev/null </dev/null)
part stacks find_projects

ALL=$(containers_where true)

# all_containers prints every container of the host, one JSON document a line: what it shares
# with the server, and which names and ports it has.
all_containers() {
	if [ -z "$ALL" ]; then # none, or they cannot be listed: then it says why
		labelled
		return
	fi
	docker inspect --format '{"id":{{json .Id}},"name":{{json .Name}},"state":{{json .State.Status}},"project":{{json (index .Config.Labels "com.docker.compose.project")}},"service":{{json (index .Config.Labels "com.docker.compose.service")}},"user":{{json .Config.User}},"image":{{json .Config.Image}},"network_mode":{{json .HostConfig.NetworkMode}},"pid_mode":{{json .HostConfig.PidMode}},"ipc_mode":{{json .HostConfig.IpcMode}},"volumes_from":{{json .HostConfig.VolumesFrom}},"links":{{json .HostConfig.Links}},"ports":{{json .HostConfig.PortBindings}},"mounts":{{json .Mounts}}}' $ALL
}
part everyone all_containers

# Compose itself speaks to the engine only now: a newer one refuses an old plugin.
part compose-engine docker compose ls -q

# processes prints the user that each container's main process runs as: the configured user
# may be a name of the image, and an entrypoint may drop root. It also prints the real paths
# of bind mounts that are links.
processes() {
	[ -n "$ALL" ] || return 0
	docker inspect --format '{{println "pid" .Id .State.Pid}}{{range .Mounts}}{{if eq .Type "bind"}}{{println "bind" .Source}}{{end}}{{end}}' $ALL |
		sort -u | while IFS= read -r _l; do
		_f=${_l#* }
		case $_l in
		'pid '*' 0') ;;
		'pid '*) printf 'user %s %s\n' "${_f% *}" "$(grep -E '^(Uid|Gid|Groups|CapEff):' "/proc/${_f##* }/status" 2>/dev/null | tr '\n\t' '  ')" ;;
		'bind '*) _r=$(readlink -f "$_f") && [ "$_r" != "$_f" ] && printf 'real %s\t%s\n' "$_f" "$_r" ;;
		esac
	done
	:
}
part inside processes
volumes() { docker volume ls --format '{"name":{{json .Name}},"project":{{json (.Label "com.docker.compose.project")}},"key":{{json (.Label "com.docker.compose.volume")}}}'; }
OUTPUT=$(volumes 2>/dev/null </dev/null) || OUTPUT=
VOLUMES=$OUTPUT
part host-volumes print_or_run volumes

# listening prints the ports on which something of the host listens, as the kernel writes them.
listening() {
	for _f in tcp tcp6 udp udp6; do
		case $_f in tcp*) _t=0A ;; *) _t=07 ;; esac
		sed -n "s/^ *[0-9]*: \([0-9A-F]*:[0-9A-F]*\) [0-9A-F]*:[0-9A-F]* $_t .*/$_f \1/p" "/proc/net/$_f" 2>/dev/null | sort -u | head -n 2000
	done
	:
}
part listening listening

WANT_REAL=$(readlink -f "$WANT" 2>/dev/null)
CHOSEN=$(printf '%s\n' "$PROJECTS" | while IFS='	' read -r _c _p _w _f _e; do
	[ -n "$_c" ] || continue
	[ -z "$WANT" ] || [ "$_w" = "$WANT" ] || [ "$(readlink -f "$_w" 2>/dev/null)" = "$WANT_REAL" ] || continue
	printf '%s\t%s\t%s\t%s\t%s\n' "$_c" "$_p" "$_w" "$_f" "$_e"
done)
# Without exactly one project there is nothing more to ask.
[ -n "$CHOSEN" ] && [ "$(printf '%s\n' "$CHOSEN" | cut -f2,3 | sort -u | wc -l)" -eq 1 ] || {
	part done true
	exit 0
}

line=$(printf '%s\n' "$CHOSEN" | head -n 1)
SERVER=$(printf '%s' "$line" | cut -f1)
PROJECT=$(printf '%s' "$line" | cut -f2)
DIR=$(printf '%s' "$line" | cut -f3)
FILES=$(printf '%s' "$line" | cut -f4)
ENVF=$(printf '%s' "$line" | cut -f5)
part chosen printf '%s' "$line"

# "$@" becomes the compose arguments that address exactly this project.
set -- -p "$PROJECT" --project-directory "$DIR"
_ifs=$IFS
IFS=,
for _f in $ENVF; do [ "$_f" = "<no value>" ] || set -- "$@" --env-file "$_f"; done
for _f in $FILES; do set -- "$@" -f "$_f"; done
set -f
file_args=$FILES
IFS=$_ifs

OURS=$(containers_where '[ "$_project" = "=$PROJECT" ]')
containers() { docker inspect $OURS; }
part containers containers
networks() { docker network inspect $(docker network ls -q); }
part networks networks
project_volumes() {
	[ -n "$VOLUMES" ] || volumes || return
	printf '%s\n' "$VOLUMES" | while IFS= read -r _l; do
		_f=${_l#'{"name":"'}
		case $_l in '{"name":"'*'","project":"'"$PROJECT"'",'*) printf '%s\n' "${_f%%'"'*}" ;; esac
	done
}
part volumes project_volumes

# The image of each container, by its id and by the reference it was created with.
USED=$(docker inspect --format '{{.Image}} {{.Config.Image}}' $OURS 2>/dev/null </dev/null)
images() { docker image inspect $(printf '%s\n' "$USED" | cut -d' ' -f1 | sort -u); }
part images images

# image_refs prints the image that each reference names by now, which is how compose looks
# it up. All are asked in one go, and one by one where not all of them are there.
image_refs() {
	_refs=$(printf '%s\n' "$USED" | cut -d' ' -f2 | sort -u)
	if _ids=$(docker image inspect --format '{{.Id}}' $_refs 2>/dev/null); then
		for _r in $_refs; do
			printf '%s\t%s\n' "$_r" "${_ids%%[!a-z0-9:]*}"
			_ids=${_ids#*[!a-z0-9:]}
		done
		return
	fi
	for _r in $_refs; do
		printf '%s\t%s\n' "$_r" "$(docker image inspect --format '{{.Id}}' "$_r" 2>/dev/null)"
	done
}
part named image_refs

OUTPUT=$(docker compose "$@" --profile '*' config --format json 2>/dev/null </dev/null) || OUTPUT=
MODEL=$OUTPUT
part model print_or_run docker compose "$@" --profile '*' config --format json
part hashes docker compose "$@" --profile '*' config --hash '*'

IFS=,
part files stat_files $file_args "$DIR/.env"
n=0
for _f in $file_args "$DIR/.env"; do
	[ -f "$_f" ] && [ "$(wc -c <"$_f")" -le 1048576 ] && part "file.$n" cat "$_f"
	n=$((n + 1))
done
IFS=$_ifs

# unlisted_overrides prints override files in the folder that compose is not given, a git
# checkout, and where the folder of secrets really is.
unlisted_overrides() {
	for _f in docker-compose.override.yml docker-compose.override.yaml compose.override.yml compose.override.yaml; do
		[ -e "$DIR/$_f" ] || continue
		case ",$FILES," in *",$DIR/$_f,"*) ;; *) echo "loose=$_f" ;; esac
	done
	[ -e "$DIR/.git" ] && echo git=1
	_f=$(readlink -f "$DIR/secrets") && [ "$_f" != "$DIR/secrets" ] && echo "secrets=$_f"
	:
}
part folder unlisted_overrides

# secret_dir_access FILE prints whether everybody on the host can enter the folder the file is
# in, or that the folder is missing.
secret_dir_access() {
	_d=${1%/*}
	[ -d "${_d:-/}" ] || {
		printf '%s\tmissing\n' "$1"
		return
	}
	_d=$(readlink -f "$1") _o=open
	while _d=${_d%/*} && [ -n "$_d" ]; do
		case $(stat -c %a "$_d") in *[1357]) ;; *) _o=closed ;; esac
	done
	printf '%s\t%s\n' "$1" "$_o"
}

# secrets describes the project's folder of secrets, and every file that the merged model names.
secrets() {
	set +f
	{
		echo "$DIR/secrets"
		for _f in "$DIR"/secrets/*; do [ -f "$_f" ] || [ ! -e "$_f" ] && echo "$_f"; done
		# Links that lead nowhere, or to themselves, which -L does not list, further down
		# too; the hidden ones are locks of editors.
		{
			find -L "$DIR/secrets" -maxdepth 8
			find "$DIR/secrets/" -maxdepth 8 -type l
		} 2>/dev/null | head -n 5000 | while IFS= read -r _f; do
			case ${_f#"$DIR/secrets"} in */.*) ;; *) [ -e "$_f" ] || echo "$_f" ;; esac
		done
		printf '%s\n' "$MODEL" |
			sed -n 's/^ *"file": "\([^"\\]*\)",\{0,1\}$/\1/p'
	} | sort -u | head -n 200 | while IFS= read -r _f; do
		case $_f in "$DIR/secrets" | "$DIR"/secrets/*) ;; *) secret_dir_access "$_f" ;; esac
		{ [ -e "$_f" ] || [ -L "$_f" ]; } && describe_secret "$_f"
	done
	set -f
}
part secrets secrets "$@"

# The server is asked from inside its container: its port may not be published.
ENVIRON=$(docker inspect --format '{{range .Config.Env}}{{println .}}{{end}}' "$SERVER" 2>/dev/null </dev/null)
PORT=$(printf '%s\n' "$ENVIRON" | sed -n 's/^LISTEN_ADDR=.*:\([0-9]*\)$/\1/p' | tail -n 1)
: "${PORT:=8080}"
ask() { docker exec "$SERVER" curl -sS -m 10 -w '\n%{http_code}' "http://127.0.0.1:$PORT$1"; }
part health ask /api/health
part web ask /version.json
part updates ask /api/admin/updates/status

# The database, by the server's own DATABASE_URL. The password stays unread here.
URL=$(printf '%s\n' "$ENVIRON" | sed -n 's/^DATABASE_URL=//p' | tail -n 1)
_r=${URL#*://}
_u=${_r%%:*}
_h=${_r##*@}
DBNAME=${_h#*/}
DBNAME=${DBNAME%%\?*}
_h=${_h%%/*}
DBHOST=${_h%%:*}
# up: the container at hand runs, or is being restarted.
up() { case $_status in Up* | Restarting*) [ "$_project" = "=$PROJECT" ] ;; *) false ;; esac }
DB=$(containers_where 'up && [ "$_service" = "=$DBHOST" ]' | head -n 1)
[ -n "$DB" ] || DB=$(containers_where 'up && case ",$_names," in *",$DBHOST,"*) ;; *) false ;; esac' | head -n 1)
if [ -n "$DB" ] && [ -n "$DBNAME" ]; then
	part database printf '%s\t%s' "$DB" "$(containers_where '[ "$_id" = "$DB" ] && printf "%s\n" "${_service#=}" && false')"
	sql() { docker exec "$DB" psql -X -q -A -t -F ' ' -v ON_ERROR_STOP=1 -U "$_u" -d "$DBNAME" -c "$1"; }
	# Tables as a dump counts them: no views, no foreign tables, none that an extension makes.
	# Then whether this login may put a database back: make one, and rename the one there is.
	part dbfacts sql "select current_setting('server_version_num'), pg_database_size(current_database()), (select count(*) from pg_class c where c.relnamespace = to_regnamespace('public') and c.relkind in ('r', 'p') and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')), (select r.rolsuper or (r.rolcreatedb and pg_has_role(b.datdba, 'usage')) from pg_roles r, pg_database b where r.rolname = current_user and b.datname = current_database())"
	part migrations sql "select version, success, encode(checksum, 'hex') from _sqlx_migrations order by version"
fi

disks() {
	IFS=:
	for _p in $PLACES "$DIR" "$ROOT" ${IMAGES:+"$IMAGES"}; do
		_q=$_p
		while [ ! -e "$_q" ]; do _q=${_q%/*} && : "${_q:=/}"; done
		printf '%s\t%s\t%s\n' "$_p" "$(df -Pk "$_q" | tail -n 1 | tr -s ' ')" "$(df -Pi "$_q" 2>/dev/null | tail -n 1 | tr -s ' ')"
	done
}
part disks disks
part done true
