# What fill.sh, restore.sh, undo_restore.sh and drill.sh have in common: making and filling a
# database. It stands before each of them, behind names.sh.
#   $1 container  $2 user  $3 database
set -eu
C=$1 U=$2 NAME=$3

# ask CONTAINER [DATABASE [NEW [PLACES]]]: runs the statements of its standard input, which
# are in no command line: settings may hold secrets.
ask() {
	docker exec -i "$1" psql -X -q -A -t -v ON_ERROR_STOP=1 -v "db=${2-}" -v "new=${3-}" -v "places=${4-}" -U "$U" -d template1
}

# create_statement CONTAINER DATABASE NEW PLACES prints the statement that makes the database
# NEW as DATABASE was made. template0 takes any encoding and locale. Columns that only later
# versions have are read through jsonb. Where PLACES is not yes, the tablespace is the default.
create_statement() {
	ask "$@" <<'END'
-- database: how it was made
select format('create database %I owner %I template template0 encoding %L lc_collate %L lc_ctype %L', :'new', pg_get_userbyid(d.datdba),
		pg_encoding_to_char(d.encoding), d.datcollate, d.datctype)
	|| case j->>'datlocprovider' when 'c' then ' locale_provider libc' when 'i' then ' locale_provider icu'
		when 'b' then ' locale_provider builtin' else '' end
	|| case when l.locale is null then '' when j->>'datlocprovider' = 'b' then format(' builtin_locale %L', l.locale)
		else format(' icu_locale %L', l.locale) end
	|| case when coalesce(j->>'daticurules', '') = '' then '' else format(' icu_rules %L', j->>'daticurules') end
	|| case when t.spcname = 'pg_default' or :'places' <> 'yes' then '' else format(' tablespace %I', t.spcname) end || ';'
from pg_database d join pg_tablespace t on t.oid = d.dattablespace, to_jsonb(d) j,
	lateral (select coalesce(j->>'datlocale', j->>'daticulocale') as locale) l
where d.datname = :'db';
END
}

# alter_statements CONTAINER DATABASE NEW prints the statements that give NEW what DATABASE was
# given since it was made. A setting that is a list of names is quoted already.
alter_statements() {
	ask "$@" <<'END'
-- database: what it was given
with recursive d as (select * from pg_database where datname = :'db'),
acl as (select a.* from d, aclexplode(d.datacl) a),
reach (role, depth) as (select d.datdba, 0 from d union select a.grantee, r.depth + 1 from acl a join reach r on a.grantor = r.role where r.depth < 10),
setting as (
	select s.setrole, c.n, split_part(c.entry, '=', 1) as name, substr(c.entry, strpos(c.entry, '=') + 1) as value
	from d join pg_db_role_setting s on s.setdatabase = d.oid, unnest(s.setconfig) with ordinality c (entry, n)
),
line (n, m, text) as (
	select 1, 0, format('alter database %I connection limit %s', :'new', datconnlimit) from d where datconnlimit <> -1
	union all
	select 2, 0, format('comment on database %I is %L', :'new', shobj_description(oid, 'pg_database')) from d
	where shobj_description(oid, 'pg_database') is not null
	union all
	select 3, s.n, case when s.setrole = 0 then format('alter database %I', :'new') else format('alter role %I in database %I', pg_get_userbyid(s.setrole), :'new') end
		|| format(' set %I to ', s.name)
		|| case when s.value in ('', '""') then quote_literal('')
			when lower(s.name) in ('search_path', 'temp_tablespaces', 'local_preload_libraries', 'session_preload_libraries', 'shared_preload_libraries', 'unix_socket_directories')
				and s.value ~ '^("([^"]|"")+"|[a-zA-Z_][a-zA-Z0-9_$]*)(, ("([^"]|"")+"|[a-zA-Z_][a-zA-Z0-9_$]*))*$' then s.value
			else quote_literal(s.value) end
	from setting s
	union all
	select 4, 0, format('security label for %I on database %I is %L', l.provider, :'new', l.label)
	from d join pg_shseclabel l on l.classoid = 'pg_database'::regclass and l.objoid = d.oid
	union all
	select 5, 0, format('revoke all on database %I from public, %I', :'new', pg_get_userbyid(datdba)) from d where datacl is not null
	union all
	select 6, (select min(r.depth) from reach r where r.role = a.grantor),
		case when a.grantor = d.datdba then '' else format('set role %I; ', pg_get_userbyid(a.grantor)) end
		|| format('grant %s on database %I to %s', a.privilege_type, :'new', case when a.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end)
		|| case when a.is_grantable then ' with grant option' else '' end
		|| case when a.grantor = d.datdba then '' else '; reset role' end
	from d, acl a
)
select text || ';' from line order by n, m, text;
END
}

# list_properties CONTAINER DATABASE '' PLACES prints a database's properties, a line each: the
# name, a tab and a hash of the value, since a setting may be a secret.
list_properties() {
	ask "$@" <<'END'
-- database: all of it
with d as (select p.*, t.spcname, to_jsonb(p) as j from pg_database p join pg_tablespace t on t.oid = p.dattablespace where p.datname = :'db'),
setting as (
	select s.setrole, split_part(c.entry, '=', 1) as name, substr(c.entry, strpos(c.entry, '=') + 1) as value
	from d join pg_db_role_setting s on s.setdatabase = d.oid, unnest(s.setconfig) c (entry)
),
property (name, value) as (
	select 'encoding', pg_encoding_to_char(encoding) from d
	union all select 'collation', datcollate::text from d
	union all select 'character type', datctype::text from d
	union all select 'locale provider', coalesce(j->>'datlocprovider', 'c') from d
	union all select 'locale', coalesce(j->>'datlocale', j->>'daticulocale', '') from d
	union all select 'rules of its collation', coalesce(j->>'daticurules', '') from d
	union all select 'tablespace', spcname::text from d where :'places' = 'yes'
	union all select 'owner', pg_get_userbyid(datdba)::text from d
	union all select 'connection limit', datconnlimit::text from d
	union all select 'being a template', datistemplate::text from d
	union all select 'comment', shobj_description(oid, 'pg_database') from d where shobj_description(oid, 'pg_database') is not null
	union all select format('setting %s', name) || case when setrole = 0 then '' else format(' of role %I', pg_get_userbyid(setrole)) end, value from setting
	union all select format('security label of %I', l.provider), l.label
		from d join pg_shseclabel l on l.classoid = 'pg_database'::regclass and l.objoid = d.oid
	union all select format('privilege %s of %s', a.privilege_type, case when a.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end),
		format('%s %s', a.is_grantable, pg_get_userbyid(a.grantor))
		from d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
)
select translate(name, E'\t\r\n', '   ') || E'\t' || md5(value) from property order by name, value;
END
}

# differing_names A B prints which names have other values in two lists, with commas.
differing_names() {
	[ "$1" != "$2" ] || return 0
	{
		printf '%s\n' "$1" | sort -u
		printf '%s\n' "$2" | sort -u
	} | sort | uniq -u | cut -f1 | sort -u | tr '\n' ',' | sed 's/,$//; s/,/, /g'
}

# create_database CONTAINER NEW PLACES makes a database as $NAME in $C was made.
create_database() {
	_statement=$(create_statement "$C" "$NAME" "$2" "$3")
	[ -n "$_statement" ] || { echo "there is no database $NAME to make another one like it" && return 1; }
	printf '%s\n' "$_statement" | ask "$1"
}

# load_dump CONTAINER DATABASE DUMP loads it in one transaction that stops at the first error,
# and prints that error last: behind it pg_restore gives the statement, of any length.
load_dump() {
	_output=$(docker exec -i "$1" pg_restore -U "$U" -d "$2" --exit-on-error --single-transaction <"$3" 2>&1) && return
	printf '%s\n' "$_output"
	printf '%s\n' "$_output" | grep 'error:' || :
	return 1
}

# copy_properties CONTAINER NEW PLACES gives a database what $NAME in $C has besides its content.
# A statement may fail; what differs in the end is named, and fails.
copy_properties() {
	_statements=$(alter_statements "$C" "$NAME" "$2")
	if [ -n "$_statements" ]; then
		printf '\\unset ON_ERROR_STOP\n%s\n' "$_statements" | ask "$1" >/dev/null 2>&1 || :
	fi
	_want=$(list_properties "$C" "$NAME" '' "$3")
	_got=$(list_properties "$1" "$2" '' "$3")
	_differing=$(differing_names "$_want" "$_got")
	[ -z "$_differing" ] || { echo "as $U the fresh database cannot be made like $NAME, which has another: $_differing" && return 1; }
}
