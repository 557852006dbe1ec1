# The databases of the PostgreSQL in the container C, by their names, as user U.
sql() { docker exec "$C" psql -X -q -A -t -v ON_ERROR_STOP=1 -U "$U" -d template1 -c "$1" </dev/null; }
count_databases() { sql "select count(*) from pg_database where datname = $(quote_literal "$1")"; }
# database_exists NAME ends the script where PostgreSQL does not answer: taken for a no, that
# would drop the only database, or take a renamed one for one that never was.
database_exists() {
	_n=$(count_databases "$1") || exit 1
	[ "$_n" = 1 ]
}
quote_identifier() { printf '"%s"' "$(printf %s "$1" | sed 's/"/""/g')"; }
quote_literal() { printf "'%s'" "$(printf %s "$1" | sed "s/'/''/g")"; }
drop_database() { sql "drop database $(quote_identifier "$1") with (force)"; }

# exchange NAME KEEP FRESH renames the database NAME to KEEP, and FRESH to NAME, in one
# transaction: after a power cut there is one database of that name, the one or the other,
# whole. Where that was done before, it changes nothing. PostgreSQL renames no database that
# somebody is connected to, so connections are ended first; since an exporter or a pooler
# connects again at once, it is tried ten times.
exchange() {
	_tries=0
	until [ "$(count_databases "$2") $(count_databases "$3")" = "1 0" ]; do
		_tries=$((_tries + 1))
		[ "$_tries" -le 10 ] || return 1
		docker exec "$C" psql -X -q -A -t -v ON_ERROR_STOP=1 -U "$U" -d template1 \
			-c "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname in ($(quote_literal "$1"), $(quote_literal "$3")) and pid <> pg_backend_pid()" \
			-c "alter database $(quote_identifier "$1") rename to $(quote_identifier "$2"); alter database $(quote_identifier "$3") rename to $(quote_identifier "$1")" </dev/null >/dev/null || :
	done
}
