# Lists what earlier runs have left on the host, with sizes, and changes nothing.
#   $1 $2 $3 container of the database, user, database; "" for none of ours
#   $4 beginning of the names of backup folders
set -u
if [ -n "$1" ]; then
	docker exec "$1" psql -X -q -A -t -U "$2" -d "$3" -c "select 'database', datname, pg_database_size(datname) from pg_database where datname ~ '_before_(rollback|restore)_' order by datname" 2>/dev/null </dev/null
fi
for d in "$4"*; do
	[ -d "$d" ] || continue
	echo "folder|$d|$(du -skL "$d" 2>/dev/null | cut -f1)"
done
