#!/bin/bash
# Starts PostgreSQL as the well-known image does: as root it hands the data
# folder to uid 999 and steps down; on an empty folder it makes the cluster,
# the role and the database the environment names.
set -euo pipefail

from_file() { # NAME: the value of NAME, or the content of the file NAME_FILE
	local file=${1}_FILE
	if [ -n "${!file:-}" ]; then cat "${!file}"; else printf %s "${!1:-}"; fi
}

if [ "$1" = postgres ] && [ "$(id -u)" = 0 ]; then
	mkdir -p "$PGDATA"
	chown -R postgres:postgres "$PGDATA" /var/run/postgresql
	chmod 0700 "$PGDATA"
	exec setpriv --reuid=postgres --regid=postgres --init-groups -- "$0" "$@"
fi

if [ "$1" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
	user=$(from_file POSTGRES_USER)
	user=${user:-postgres}
	database=$(from_file POSTGRES_DB)
	database=${database:-$user}
	password=$(from_file POSTGRES_PASSWORD)
	if [ -z "$password" ]; then
		echo "Error: Database is uninitialized and superuser password is not specified." >&2
		exit 1
	fi
	initdb --username="$user" --pwfile=<(printf '%s\n' "$password") \
		--auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8
	echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
	pg_ctl -w -o "-c listen_addresses=''" start
	if [ "$database" != postgres ]; then
		createdb --username="$user" --maintenance-db=postgres "$database"
	fi
	pg_ctl -w -m fast stop
fi

if [ "$1" = postgres ]; then
	shift
	exec postgres -c listen_addresses='*' "$@"
fi
exec "$@"
