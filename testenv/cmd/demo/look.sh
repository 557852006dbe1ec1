# What a server looks like from inside it, as name, tab, value. Run as root.
set -eu
cd /srv/chatalot
item() { printf '%s\t%s\n' "$1" "$2"; }
one() { docker ps --quiet --filter label=com.docker.compose.project=chatalot --filter "label=com.docker.compose.service=$1"; }

find . -printf '%p\n' | LC_ALL=C sort | while IFS= read -r path; do
	case $path in */rootfs.tar) continue ;; esac # the source code, as it were
	about=$(stat --format '%A %u:%g' "$path")
	if [ -f "$path" ]; then
		about="$about $(stat --format '%s' "$path") bytes $(sha256sum <"$path" | cut -c1-16)"
	fi
	item "${path#./}" "$about"
done

server=$(one chatalot)
database=$(one postgres)
item running "$(docker ps --filter label=com.docker.compose.project=chatalot --format '{{.Names}}' | LC_ALL=C sort | xargs)"
item health "$(docker exec "$server" curl -fsS http://127.0.0.1:8080/api/health | grep -oE '"(status|version|db_healthy)":[^,}]*' | LC_ALL=C sort | xargs)"
item 'server image' "$(docker inspect --format '{{.Image}}' "$server")"
item 'server made of' "$(docker inspect --format '{{json .Config.Env}} {{json .Config.Labels}} {{json .Config.Cmd}} {{json .Config.Entrypoint}} {{json .Config.Healthcheck}} {{.Config.Image}} {{json .HostConfig}}' "$server" | sha256sum | cut -c1-16)"
item 'server runs with' "$(docker inspect --format '{{range .Config.Env}}{{println .}}{{end}}' "$server" | grep '^RUST_LOG=' || echo 'no RUST_LOG')"
item mounts "$(docker inspect --format '{{range .Mounts}}{{.Source}} {{.Destination}} {{.RW}}{{println}}{{end}}' "$server" | LC_ALL=C sort | sha256sum | cut -c1-16)"
item database "$(docker inspect --format '{{slice .Id 0 12}}, up since {{.State.StartedAt}}' "$database")"

# One query counts them all, whatever tables this release has.
counts="WITH t AS (SELECT relname, (xpath('/row/n/text()', query_to_xml(format('SELECT count(*) AS n FROM %I', relname), false, true, '')))[1]::text::int AS n
	FROM pg_stat_user_tables)
	SELECT count(*) || ' tables: ' || string_agg(relname || ' ' || n, ', ' ORDER BY relname) FILTER (WHERE n > 0) FROM t"
item rows "$(docker exec "$database" psql -U chatalot -d chatalot -Atc "$counts")"

uploads=$(docker volume inspect --format '{{.Mountpoint}}' chatalot_file_storage)
item uploads "$(find "$uploads" -type f | wc -l) files $(find "$uploads" -type f -exec sha256sum {} + | LC_ALL=C sort | sha256sum | cut -c1-16)"
