# The databases of one PostgreSQL in the container C, as user U, by their names.
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

# exchange NAME KEEP FRESH: the database NAME is called KEEP from now on, and FRESH is
# called NAME. Both names are given in one transaction, so that a power cut leaves one
# database of that name and whoever opens it finds the one or the other, whole. Done before,
# it is no change. Nobody may be connected to a database that gets another name: whoever
# comes back at once, an exporter or a pooler, has the blink of one connection for it, and
# ten times.
exchange() {
	_tries=0
	until [ "$(count "$2") $(count "$3")" = "1 0" ]; do
		_tries=$((_tries + 1))
		[ "$_tries" -le 10 ] || return 1
		docker exec "$C" psql -X -q -A -t -v ON_ERROR_STOP=1 -U "$U" -d template1 \
			-c "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname in ('$1', '$3') and pid <> pg_backend_pid()" \
			-c "alter database $(quote "$1") rename to $(quote "$2"); alter database $(quote "$3") rename to $(quote "$1")" </dev/null >/dev/null || :
	done
}
