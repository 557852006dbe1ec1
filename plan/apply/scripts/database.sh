# What restore.sh and return.sh have in common, and what stands before each of them: the
# databases of one PostgreSQL in a container, by their names.
#   $1 container  $2 user  $3 database
set -eu
C=$1 U=$2 NAME=$3
sql() { docker exec "$C" psql -X -q -A -t -v ON_ERROR_STOP=1 -U "$U" -d template1 -c "$1" </dev/null; }
count() { sql "select count(*) from pg_database where datname = '$1'"; }
# No answer is not a no: it would have a database dropped that is all there is, or one
# that was renamed taken for one that never was.
has() {
	_n=$(count "$1") || exit 1
	[ "$_n" = 1 ]
}
quote() { printf '"%s"' "$(printf %s "$1" | sed 's/"/""/g')"; }
drop() { sql "drop database $(quote "$1") with (force)"; }
# Nobody may be connected to a database that gets another name. Whoever comes back at once,
# an exporter or a pooler, has the blink of one connection for it, and ten times.
move() {
	_tries=0
	until docker exec "$C" psql -X -q -A -t -v ON_ERROR_STOP=1 -U "$U" -d template1 \
		-c "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = '$1' and pid <> pg_backend_pid()" \
		-c "alter database $(quote "$1") rename to $(quote "$2")" </dev/null >/dev/null; do
		_tries=$((_tries + 1))
		[ "$_tries" -lt 10 ] || return 1
	done
}
