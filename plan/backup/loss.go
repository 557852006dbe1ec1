package backup

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"liftalot/plan"
	"liftalot/remote"
	"liftalot/units"
)

// rowsScript counts the rows of every table exactly, and those newer than a time
// where rows have one. It only reads, in one snapshot. The tables are those that a dump
// has, as in the drill and in the look: none that an extension makes; and "only", since a
// dump has the rows of a partition with the partition.
//
//	$1 container  $2 user  $3 database  $4 seconds since 1970
const rowsScript = `docker exec -i "$1" psql -X -q -A -t -F "$(printf '\t')" -v ON_ERROR_STOP=1 -U "$2" -d "$3" <<END
begin transaction isolation level repeatable read read only;
select format('select %L, count(*), %s from only public.%I', c.relname,
	case when k.column_name is null then '-1' else format('count(*) filter (where created_at > to_timestamp($4))') end, c.relname)
from pg_class c left join information_schema.columns k
	on k.table_schema = 'public' and k.table_name = c.relname and k.column_name = 'created_at' and k.data_type like 'timestamp%'
where c.relnamespace = to_regnamespace('public') and c.relkind in ('r', 'p')
	and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
order by c.relname \gexec
rollback;
END`

// Count is how many rows a table has, and how many of them are newer than a
// time; Newer is -1 where its rows have no time.
type Count struct{ Rows, Newer int64 }

// Counts asks the live database for its rows, table by table.
func Counts(ctx context.Context, host Runner, d plan.Database, since time.Time) (map[string]Count, error) {
	res, err := host.Run(ctx, remote.Command{
		Name: "count rows", Script: rowsScript, Root: true, Timeout: 10 * time.Minute, MaxStdout: maxAnswer,
		Args: []string{d.Container, d.User, d.Name, strconv.FormatInt(since.Unix(), 10)},
	})
	if err != nil {
		return nil, err
	}
	if res.StdoutLost > 0 {
		return nil, fmt.Errorf("count rows: the host said more than can be read")
	}
	return readCounts(res.Stdout)
}

// readCounts reads lines of table, rows, newer.
func readCounts(out []byte) (map[string]Count, error) {
	all := map[string]Count{}
	for line := range strings.SplitSeq(strings.TrimSuffix(string(out), "\n"), "\n") {
		f := strings.Split(line, "\t")
		if line == "" {
			continue
		}
		if len(f) != 3 {
			return nil, fmt.Errorf("count rows: the answer cannot be read")
		}
		rows, err := strconv.ParseInt(f[1], 10, 64)
		newer, nerr := strconv.ParseInt(f[2], 10, 64)
		if err != nil || nerr != nil {
			return nil, fmt.Errorf("count rows: the answer cannot be read")
		}
		all[f[0]] = Count{rows, newer}
	}
	return all, nil
}

// Loss says in sentences what a return to the backup loses, as the live database
// counts it: the window first, then each table that differs.
func (m *Manifest) Loss(now time.Time, live map[string]Count) []string {
	var tables []string
	var newer int64
	for _, name := range slices.Sorted(maps.Keys(live)) {
		c, was, known := live[name], int64(0), false
		if was, known = m.Rows[name]; !known {
			tables = append(tables, fmt.Sprintf("table %s: %d rows, which the backup does not have at all", name, c.Rows))
			continue
		}
		if c.Newer > 0 {
			newer += c.Newer
			tables = append(tables, fmt.Sprintf("table %s: newer than the backup and lost: %d (rows now: %d, in the backup: %d)", name, c.Newer, c.Rows, was))
		} else if c.Rows != was {
			tables = append(tables, fmt.Sprintf("table %s: %d rows now, %d in the backup", name, c.Rows, was))
		}
	}
	head := fmt.Sprintf("everything written after %s, in the last %s, is lost from the live database and stays only in the database that is kept aside; rows newer than the backup: %d",
		units.Time(m.Taken), units.Duration(now.Sub(m.Taken)), newer)
	return append([]string{head}, tables...)
}
