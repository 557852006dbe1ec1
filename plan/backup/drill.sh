# Restores a dump into a throw-away PostgreSQL of the image the database runs:
# no network, no port, its data in a volume that --rm takes along. Prints the rows
# of each table. Runs detached; whatever happens, nothing of it stays.
#   $1 name for the container  $2 database container  $3 user  $4 dump
set -eu
NAME=$1 DB=$2 USER=$3 DUMP=$4
umask 077
gone() { docker kill "$NAME" >/dev/null 2>&1 </dev/null || true; rm -rf "${DUMP%/*}"; }
trap gone EXIT
trap 'exit 1' TERM INT HUP
POSTGRES_PASSWORD=$(cat /proc/sys/kernel/random/uuid) POSTGRES_USER=$USER POSTGRES_DB=drill
export POSTGRES_PASSWORD POSTGRES_USER POSTGRES_DB
docker run -d --rm --pull never --network none --name "$NAME" --label liftalot.drill=1 \
	-e POSTGRES_PASSWORD -e POSTGRES_USER -e POSTGRES_DB "$(docker inspect -f '{{.Image}}' "$DB" </dev/null)" >/dev/null </dev/null
# The image's own set-up starts a server that listens nowhere, and ends it.
n=0
until [ "$(docker exec "$NAME" psql -X -q -A -t -U "$USER" -d drill -c 'show listen_addresses' 2>/dev/null </dev/null)" = '*' ]; do
	n=$((n + 1))
	if [ "$n" -ge 120 ]; then
		docker logs --tail 1 "$NAME" </dev/null
		echo "the throw-away PostgreSQL did not start within two minutes"
		exit 1
	fi
	sleep 1
done
echo "stage restore into a throw-away database"
docker exec -i "$NAME" pg_restore -U "$USER" -d drill --exit-on-error --single-transaction --no-owner --no-privileges <"$DUMP"
echo "stage count rows"
docker exec -i "$NAME" psql -X -q -A -t -F "$(printf '\t')" -v ON_ERROR_STOP=1 -U "$USER" -d drill <<END | sed 's/^/row /'
select format('select %L, count(*), -1 from only public.%I', c.relname, c.relname) from pg_class c
where c.relnamespace = to_regnamespace('public') and c.relkind in ('r', 'p')
	and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
order by c.relname \gexec
END
echo done
