# Prints all that must be the same after an upgrade was rolled back: the client's
# files, the secrets, what runs, and every row of the database by count.
set -eu
cd /srv/chatalot
for f in docker-compose*.yml .env; do
	stat -c 'file %N %F mode %a owner %u:%g' "$f"
	stat -L -c 'file behind it: mode %a owner %u:%g' "$f"
	sha256sum "$f"
done
find secrets -printf '%p %y mode %m owner %U:%G size %s\n' | sed '/ d mode/s/ size .*//' | sort
find secrets -type f -exec sha256sum {} + | sort
of() { docker ps -q --filter label=com.docker.compose.project=chatalot --filter "label=com.docker.compose.service=$1"; }
docker inspect -f 'server {{.Name}} image {{.Image}} as {{.Config.Image}} ports {{json .HostConfig.PortBindings}}' "$(of chatalot)"
docker inspect -f '{{range $name, $_ := .NetworkSettings.Networks}}network of the server {{$name}}{{println}}{{end}}' "$(of chatalot)"
docker inspect -f '{{range $k, $v := .Config.Labels}}{{println $k $v}}{{end}}' "$(of chatalot)" | grep '^traefik' || true
docker inspect -f 'database {{.Name}} {{.Id}} since {{.State.StartedAt}}' "$(of postgres)"
docker ps -a --format 'container {{.Names}}' | sort
docker network ls --format 'network {{.Name}}' | sort
docker exec -i "$(of postgres)" psql -X -A -t -v ON_ERROR_STOP=1 -U chatalot -d chatalot <<'END'
select format($$select 'rows of %1$s: ' || count(*) || ' ' || coalesce(md5(string_agg(r::text, ',' order by r::text)), '-') from public.%1$I r$$, tablename)
from pg_tables where schemaname = 'public' order by tablename \gexec
END
