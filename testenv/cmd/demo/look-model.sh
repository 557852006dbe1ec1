# What a simulated server looks like from inside it, as name, tab, value. Run as
# root, with the tools that the model has.
set -eu
cd /srv/chatalot
item() { printf '%s\t%s\n' "$1" "$2"; }
file() {
	about=$(stat -c '%a %u:%g' "$1")
	[ -d "$1" ] || about="$about $(stat -c %s "$1") bytes $(sha256sum <"$1" | cut -c1-16)"
	item "$1" "$about"
}
file .
for f in $(ls -A); do
	file "$f"
	[ -d "$f" ] || continue
	for g in $(ls -A "$f"); do file "$f/$g"; done
done
one() { docker ps -q --filter label=com.docker.compose.project=chatalot --filter "label=com.docker.compose.service=$1"; }
server=$(one chatalot)
database=$(one postgres)
item running "$(docker ps --filter label=com.docker.compose.project=chatalot --format '{{.Names}}' | sort | tr '\n' ' ')"
item health "$(docker exec "$server" curl -fsS http://127.0.0.1:8080/api/health | tr -d '{}' | tr ',' '\n' | grep -E '"(status|version|db_healthy)"' | sort | tr '\n' ' ')"
item 'server image' "$(docker inspect -f '{{.Image}}' "$server")"
item 'server made of' "$(docker inspect -f '{{json .Config}} {{json .HostConfig}} {{json .Mounts}}' "$server" | sed 's/"Hostname":"[0-9a-f]*"//' | sha256sum | cut -c1-16)"
item 'server runs with' "$(docker inspect -f '{{range .Config.Env}}{{println .}}{{end}}' "$server" | grep '^RUST_LOG=' || echo 'no RUST_LOG')"
item database "$(docker inspect -f '{{.Id}}, up since {{.State.StartedAt}}' "$database")"
item migrations "$(docker exec "$database" psql -U chatalot -d chatalot -c "select version, success, encode(checksum, 'hex') from _sqlx_migrations order by version" | sha256sum | cut -c1-16)"
item networks "$(docker network inspect $(docker network ls -q) | sed -n 's/.*"Name": "\([^"]*\)".*/\1/p' | sort | tr '\n' ' ')"
