package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"liftalot/testenv/fakes/migration"
	"liftalot/testenv/sim/machine"
)

// A Migrated is a row of _sqlx_migrations.
type Migrated struct {
	Version     int64
	Description string
	Success     bool
	Checksum    string
}

// A Database is one of a cluster: its tables by number of rows, and what
// brought it here.
type Database struct {
	Owner    string
	Tables   map[string]int
	Migrated []Migrated
}

func (d *Database) newest() (n int64) {
	for _, m := range d.Migrated {
		n = max(n, m.Version)
	}
	return n
}

// size is what the database takes on the disk, or nearly so.
func (d *Database) size() int {
	n := 8 << 20
	for _, rows := range d.Tables {
		n += 64 * rows
	}
	return n
}

// A Cluster is what a PostgreSQL server holds.
type Cluster struct {
	User, Password string
	Databases      map[string]*Database
}

func (c *Cluster) clone() *Cluster {
	d := &Cluster{User: c.User, Password: c.Password, Databases: map[string]*Database{}}
	for name, db := range c.Databases {
		d.Databases[name] = &Database{Owner: db.Owner, Tables: maps.Clone(db.Tables), Migrated: slices.Clone(db.Migrated)}
	}
	return d
}

// cluster is the database that a container reaches, if it runs.
func (e *Engine) cluster(from *Container) *Cluster {
	for _, c := range e.Containers {
		image := e.Image(c.ImageID)
		if image != nil && image.App.Kind == Postgres && e.condition(c).status == "running" && (c == from || e.reach(from, c.Name) == c) {
			return e.Databases
		}
	}
	return nil
}

// migrate brings the server's database up to date, and says why not.
func (e *Engine) migrate(c *Container, app App) (fatal string) {
	cluster := e.cluster(c)
	if cluster == nil {
		return "error communicating with database"
	}
	db := cluster.Databases["chatalot"]
	if db == nil {
		return `database "chatalot" does not exist`
	}
	if db.newest() > app.Migrations {
		return (&migration.MissingError{Version: db.newest()}).Error()
	}
	if err := db.Migrate(app.Migrations); err != nil {
		return err.Error()
	}
	return ""
}

// Migrate applies what is missing up to a version. Each migration brings a
// table.
func (d *Database) Migrate(to int64) error {
	list, err := migration.UpTo(to)
	if err != nil {
		return err
	}
	have := d.newest()
	for _, m := range list {
		if m.Version <= have {
			continue
		}
		d.Migrated = append(d.Migrated, Migrated{m.Version, m.Description, true, hex.EncodeToString(m.Checksum())})
		d.Tables[fmt.Sprintf("of_migration_%d", m.Version)] = int(m.Version)
	}
	d.Tables["_sqlx_migrations"] = len(d.Migrated)
	return nil
}

// options takes what pg programs are told: -x VALUE for letters in with, and of the others
// those in plain.
func options(p *machine.Proc, args []string, with, plain string) (map[string]string, []string) {
	got := map[string]string{}
	var rest []string
	for i := 1; i < len(args); i++ {
		a := args[i]
		name, value, joined := strings.Cut(a, "=")
		if strings.HasPrefix(a, "-") && !strings.Contains(with, a[1:]) && !slices.Contains(strings.Fields(plain), name) {
			p.Unsimulated(args[0], "option %s", a)
		}
		switch {
		case len(a) == 2 && a[0] == '-' && strings.Contains(with, a[1:]) && i+1 < len(args):
			i++
			got[a] = args[i]
		case strings.HasPrefix(a, "-") && joined:
			got[name] = value
		case strings.HasPrefix(a, "-"):
			got[a] = "yes"
		default:
			rest = append(rest, a)
		}
	}
	return got, rest
}

func (e *Engine) pgDump(p *machine.Proc, args []string) int {
	got, rest := options(p, args, "U", "-Fc --lock-wait-timeout --version --compress")
	if got["--version"] != "" {
		fmt.Fprintln(p.Stdout(), "pg_dump (PostgreSQL) 15.18 (simulated)")
		return 0
	}
	if len(rest) != 1 {
		return 2
	}
	cluster := e.cluster(e.inside(p))
	if cluster == nil || cluster.Databases[rest[0]] == nil {
		fmt.Fprintf(p.Stderr(), "pg_dump: error: connection to server failed: FATAL:  database %q does not exist\n", rest[0])
		return 1
	}
	p.Sleep(200 * time.Millisecond)
	data := cluster.Databases[rest[0]].dump()
	for len(data) > 0 { // in pieces, so that it can be cut short
		n := min(4096, len(data))
		if _, err := p.WriteFD(1, data[:n]); err != nil {
			fmt.Fprintf(p.Stderr(), "pg_dump: error: could not write to output file: No space left on device\n")
			return 1
		}
		data = data[n:]
	}
	return 0
}

func (e *Engine) pgRestore(p *machine.Proc, args []string) int {
	got, _ := options(p, args, "Udf", "--exit-on-error --single-transaction")
	data, err := io.ReadAll(p.Stdin())
	var db *Database
	if err == nil {
		db, err = undump(data)
	}
	if err != nil {
		fmt.Fprintf(p.Stderr(), "pg_restore: error: %v\n", err)
		return 1
	}
	if got["-d"] != "" {
		cluster := e.cluster(e.inside(p))
		if cluster == nil || cluster.Databases[got["-d"]] == nil {
			fmt.Fprintln(p.Stderr(), "pg_restore: error: connection to server failed")
			return 1
		}
		p.Sleep(500 * time.Millisecond)
		db.Owner = cluster.Databases[got["-d"]].Owner
		cluster.Databases[got["-d"]] = db
		e.Did["restore "+got["-d"]]++
	}
	return 0
}

func pgBool(b bool) string {
	if b {
		return "t"
	}
	return "f"
}

// psql answers the statements that the tool makes, and no other.
func (e *Engine) psql(p *machine.Proc, args []string) int {
	got, _ := options(p, args, "UdchFv", "-X -q -A -t -w")
	cluster := e.cluster(e.inside(p))
	name := got["-d"]
	switch {
	case cluster == nil || cluster.User != got["-U"]:
		fmt.Fprintln(p.Stderr(), "psql: error: connection to server failed")
		return 2
	case got["-h"] != "" && p.Env["PGPASSWORD"] != cluster.Password:
		fmt.Fprintf(p.Stderr(), "psql: error: FATAL:  password authentication failed for user %q\n", got["-U"])
		return 2
	case name != "template1" && cluster.Databases[name] == nil:
		fmt.Fprintf(p.Stderr(), "psql: error: FATAL:  database %q does not exist\n", name)
		return 2
	}
	separator := "|"
	if got["-F"] != "" {
		separator = got["-F"]
	}
	text := got["-c"]
	if text == "" {
		said, err := io.ReadAll(p.Stdin())
		if err != nil {
			return 2
		}
		text = string(said)
	}
	rows, err := cluster.script(cluster.Databases[name], text, psqlVariables(args))
	if errors.Is(err, errNotSimulated) {
		p.Unsimulated("psql", "the statement %.200q", text)
	}
	if err != nil {
		fmt.Fprintf(p.Stderr(), "ERROR:  %v\n", err)
		return 1
	}
	for _, r := range rows {
		fmt.Fprintln(p.Stdout(), strings.Join(r, separator))
	}
	return 0
}

// psqlVariables are those that are set with -v.
func psqlVariables(args []string) map[string]string {
	vars := map[string]string{}
	for i := 1; i < len(args); i++ {
		if args[i-1] == "-v" {
			name, value, _ := strings.Cut(args[i], "=")
			vars[name] = value
		}
	}
	return vars
}

// script answers the questions about what a database is besides its content, which
// stand behind a comment, and otherwise takes a statement.
func (c *Cluster) script(db *Database, text string, vars map[string]string) ([][]string, error) {
	head, _, _ := strings.Cut(text, "\n")
	about := c.Databases[vars["db"]]
	switch {
	case strings.HasPrefix(head, "-- database: ") && about == nil:
		return nil, nil
	case head == "-- database: how it was made":
		return [][]string{{fmt.Sprintf(`create database "%s" owner "%s" template template0;`, vars["new"], about.Owner)}}, nil
	case head == "-- database: what it was given":
		return nil, nil
	case head == "-- database: all of it":
		return [][]string{{"owner\t" + about.Owner}}, nil
	}
	return c.query(db, strings.TrimSuffix(strings.TrimSpace(text), ";"))
}

var (
	countDatabase  = regexp.MustCompile(`^select count\(\*\) from pg_database where datname = '([^']*)'$`)
	dropDatabase   = regexp.MustCompile(`^drop database "([^"]*)" with \(force\)$`)
	createDatabase = regexp.MustCompile(`^create database "([^"]*)" owner "([^"]*)" template template0$`)
	renameDatabase = regexp.MustCompile(`^alter database "([^"]*)" rename to "([^"]*)"; alter database "([^"]*)" rename to "([^"]*)"$`)
	keptDatabase   = regexp.MustCompile(`^select 'kept ' \|\| count\(\*\) from pg_database where datname = '([^']*)'$`)
)

// keptDatabases asks for what rollbacks and restores have left.
const keptDatabases = "select 'database', datname, pg_database_size(datname) from pg_database where datname ~ '_before_(rollback|restore)_' order by datname"

func (c *Cluster) query(db *Database, sql string) ([][]string, error) {
	switch {
	case sql == "select 1":
		return [][]string{{"1"}}, nil
	case strings.HasPrefix(sql, "select pg_terminate_backend("):
		return nil, nil
	case strings.HasPrefix(sql, "select count(pg_terminate_backend("):
		return [][]string{{"0"}}, nil
	case sql == "select max(version) from _sqlx_migrations" && db != nil:
		return [][]string{{strconv.FormatInt(db.newest(), 10)}}, nil
	case strings.HasPrefix(sql, "select current_setting('server_version_num'), pg_database_size(") && db != nil:
		return [][]string{{"170012", strconv.Itoa(db.size()), strconv.Itoa(len(db.Tables)), "t"}}, nil
	case sql == keptDatabases:
		var rows [][]string
		for _, name := range slices.Sorted(maps.Keys(c.Databases)) {
			if strings.Contains(name, "_before_rollback_") || strings.Contains(name, "_before_restore_") {
				rows = append(rows, []string{"database", name, strconv.Itoa(c.Databases[name].size())})
			}
		}
		return rows, nil
	case strings.HasPrefix(sql, "select version, success, encode(checksum, 'hex') from _sqlx_migrations") && db != nil:
		var rows [][]string
		for _, m := range db.Migrated {
			rows = append(rows, []string{strconv.FormatInt(m.Version, 10), pgBool(m.Success), m.Checksum})
		}
		return rows, nil
	case strings.HasPrefix(sql, "begin transaction isolation level repeatable read read only;\nselect format('select %L, count(*)") && db != nil:
		var rows [][]string
		for _, name := range slices.Sorted(maps.Keys(db.Tables)) {
			rows = append(rows, []string{name, strconv.Itoa(db.Tables[name]), "-1"})
		}
		return rows, nil
	case strings.HasPrefix(sql, "select count(*), max(version), md5(") && db != nil:
		sum := sha256.Sum256(fmt.Append(nil, db.Migrated))
		return [][]string{{strconv.Itoa(len(db.Migrated)), strconv.FormatInt(db.newest(), 10), hex.EncodeToString(sum[:16])}}, nil
	}
	if m := keptDatabase.FindStringSubmatch(sql); m != nil {
		if c.Databases[m[1]] != nil {
			return [][]string{{"kept 1"}}, nil
		}
		return [][]string{{"kept 0"}}, nil
	}
	if m := countDatabase.FindStringSubmatch(sql); m != nil {
		if c.Databases[m[1]] != nil {
			return [][]string{{"1"}}, nil
		}
		return [][]string{{"0"}}, nil
	}
	return nil, c.alter(sql)
}

func (c *Cluster) alter(sql string) error {
	if m := dropDatabase.FindStringSubmatch(sql); m != nil {
		delete(c.Databases, m[1])
		return nil
	}
	if m := createDatabase.FindStringSubmatch(sql); m != nil {
		if c.Databases[m[1]] != nil {
			return fmt.Errorf("database %q already exists", m[1])
		}
		c.Databases[m[1]] = &Database{Owner: m[2], Tables: map[string]int{}}
		return nil
	}
	if m := renameDatabase.FindStringSubmatch(sql); m != nil {
		// Several statements at once are one transaction.
		all := maps.Clone(c.Databases)
		for _, name := range [][]string{m[1:3], m[3:5]} {
			switch {
			case all[name[0]] == nil:
				return fmt.Errorf("database %q does not exist", name[0])
			case all[name[1]] != nil:
				return fmt.Errorf("database %q already exists", name[1])
			}
			all[name[1]] = all[name[0]]
			delete(all, name[0])
		}
		c.Databases = all
		return nil
	}
	return errNotSimulated
}
