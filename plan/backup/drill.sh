# Restores a dump into a throw-away PostgreSQL of the image the database runs, as the
# restore does: with its roles, its login, its flags and the properties of the database.
# No network, no port, its data in a volume that --rm takes along. Prints the rows
# of each table. Runs detached; whatever happens, nothing of it stays.
#   $1 database container  $2 user  $3 database  $4 name for the container  $5 dump
THROWAWAY=$4 DUMP=$5
umask 077
cleanup() { docker kill "$THROWAWAY" >/dev/null 2>&1 </dev/null || true; rm -rf "${DUMP%/*}"; }
trap cleanup EXIT
trap 'exit 1' TERM INT HUP
# The role that a cluster begins with: whatever it was called, it grants what others have.
FIRST=$(sql "select rolname from pg_roles where oid = 10")
POSTGRES_PASSWORD=$(cat /proc/sys/kernel/random/uuid) POSTGRES_USER=$FIRST POSTGRES_DB=postgres
export POSTGRES_PASSWORD POSTGRES_USER POSTGRES_DB
docker run -d --rm --pull never --network none --name "$THROWAWAY" --label liftalot.drill=1 \
	-e POSTGRES_PASSWORD -e POSTGRES_USER -e POSTGRES_DB "$(docker inspect -f '{{.Image}}' "$C" </dev/null)" >/dev/null </dev/null
# The image's own set-up starts a server that listens nowhere, and ends it.
n=0
until [ "$(docker exec "$THROWAWAY" psql -X -q -A -t -U "$FIRST" -d template1 -c 'show listen_addresses' 2>/dev/null </dev/null)" = '*' ]; do
	n=$((n + 1))
	if [ "$n" -ge 120 ]; then
		docker logs --tail 1 "$THROWAWAY" </dev/null
		echo "the throw-away PostgreSQL did not start within two minutes"
		exit 1
	fi
	sleep 1
done
echo "stage make the roles of the live database"
ROLES=$(docker exec "$C" pg_dumpall -U "$U" --roles-only --no-role-passwords -l template1 </dev/null)
# The first role is there; what else fails is found by the comparison.
printf '%s\n' "$ROLES" | docker exec -i "$THROWAWAY" psql -X -q -U "$FIRST" -d template1 >/dev/null 2>&1 || :
list_roles() {
	docker exec -i "$1" psql -X -q -A -t -F ' ' -v ON_ERROR_STOP=1 -U "$2" -d template1 <<'END'
select format(E'%I\tmay %s', r.rolname, to_jsonb(r) - 'oid' - 'rolpassword' - 'rolconfig') from pg_roles r where r.rolname !~ '^pg_'
union all
select format(E'%I\tis in %s %s', m.member::regrole, m.roleid::regrole, to_jsonb(m) - 'oid' - 'roleid' - 'member' - 'grantor') from pg_auth_members m
where m.member::regrole::text !~ '^pg_' order by 1;
END
}
THERE=$(list_roles "$C" "$U")
HERE=$(list_roles "$THROWAWAY" "$FIRST")
DIFFERING=$(differing_names "$THERE" "$HERE")
[ -z "$DIFFERING" ] || { echo "roles of the live database cannot be made in the throw-away one: $DIFFERING" && exit 1; }
create_database "$THROWAWAY" drill no
echo "stage restore into a throw-away database"
load_dump "$THROWAWAY" drill "$DUMP"
copy_properties "$THROWAWAY" drill no
echo "stage count rows"
docker exec -i "$THROWAWAY" psql -X -q -A -t -F "$(printf '\t')" -v ON_ERROR_STOP=1 -U "$FIRST" -d drill <<END | sed 's/^/row /'
select format('select %L, count(*), -1 from only public.%I', c.relname, c.relname) from pg_class c
where c.relnamespace = to_regnamespace('public') and c.relkind in ('r', 'p')
	and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
order by c.relname \gexec
END
echo done
