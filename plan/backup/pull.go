package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"time"

	"filippo.io/age"

	"liftalot/plan"
	"liftalot/plan/backup/pgarchive"
	"liftalot/plan/statefile"
	"liftalot/remote"
	"liftalot/units"
)

// pull brings the host's files here, encrypted while they arrive.
func (t *Creator) pull(ctx context.Context, req Request, said *hostListing, dir string, root *os.Root, to []age.Recipient, m *Manifest) error {
	var total int64
	for _, f := range said.files {
		total += f.Size
	}
	if err := t.requireSpace(dir, total); err != nil {
		return err
	}
	hosts, hangUp, err := t.connections(ctx, total)
	if err != nil {
		return err
	}
	defer hangUp()
	var done int64
	for _, f := range said.files {
		got, err := encrypt(root, f.Name, to, func(w io.Writer) error {
			return source{hosts: hosts, path: path.Join(req.Dir, f.Name), size: f.Size, pause: t.pause, tell: func(n int64) {
				t.tell(Event{Done: done + n, Total: total})
			}}.copy(ctx, w)
		})
		if err := t.pullError(f.Name, err); err != nil {
			return err
		}
		if got.Size != f.Size || got.SHA256 != f.SHA256 {
			return t.unproven(fmt.Sprintf("%s arrived with %d bytes that are not the %d the host has", f.Name, got.Size, f.Size), nil)
		}
		got.Path = f.Path
		m.Files = append(m.Files, got)
		done += f.Size
	}
	return nil
}

// pullError says what an error of a pull means: what the line did can be tried
// again, anything else leaves no proof.
func (t *Creator) pullError(name string, err error) error {
	switch {
	case err == nil:
		return nil
	case provesNothing(err):
		return fmt.Errorf("pull %s: %w", name, err)
	}
	return t.unproven("pull "+name, err)
}

// provesNothing reports whether an error says nothing of what was to be pulled.
func provesNothing(err error) bool {
	return remote.Unanswered(err) || remote.Denied(err) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// slack is what a backup takes beside its data.
const slack = 16 << 20

// requireSpace makes sure that what is coming has a place here.
func (t *Creator) requireSpace(dir string, need int64) error { return requireSpace(t.Name, dir, need) }

func requireSpace(host, dir string, need int64) error {
	free, err := freeSpace(dir)
	if err != nil {
		return &UnprovenError{Host: host, What: "ask for the free space of " + dir, Err: err}
	}
	if free < need+slack {
		return &UnprovenError{Host: host, What: fmt.Sprintf("it needs %s on this machine, and %s has %s free", units.Bytes(need+slack), dir, units.Bytes(free))}
	}
	return nil
}

// A line whose round trip takes longer than this is filled by several
// connections; a shorter one is faster over one.
const longLine = 20 * time.Millisecond

// defaultConns is how many connections fill a long line, and worth it how much there
// must be to pull.
const (
	defaultConns     = 4
	minParallelBytes = 8 << 20
	maxLanes         = 16
)

// connections dials what the line needs.
func (t *Creator) connections(ctx context.Context, total int64) (hosts []Runner, hangUp func(), err error) {
	hosts = []Runner{t.watch()}
	n := min(t.Connections, maxLanes)
	if n == 0 && t.Dial != nil && total >= minParallelBytes {
		took, err := t.roundTrip(ctx)
		if err != nil {
			return nil, nil, err
		}
		if took > longLine {
			n = defaultConns
		}
	}
	for t.Dial != nil && len(hosts) < n {
		hosts = append(hosts, t.Dial())
	}
	return hosts, func() {
		for _, h := range hosts[1:] {
			if c, ok := h.(io.Closer); ok {
				_ = c.Close()
			}
		}
	}, nil
}

// roundTrip measures the line by a command that does nothing, the quicker of
// two: each takes two round trips.
func (t *Creator) roundTrip(ctx context.Context) (time.Duration, error) {
	best := time.Hour
	for range 2 {
		res, err := t.watch().Run(ctx, remote.Command{Name: "measure the line", Script: ":"})
		if err != nil {
			return 0, err
		}
		best = min(best, res.Duration/2)
	}
	return best, nil
}

// proveAll reads every file back from the disk and holds the dump against the
// live database.
func (m *Manifest) proveAll(root *os.Root, keys Keys, op plan.Backup) error {
	if err := (statefile.OS{}).SyncDir(root.Name()); err != nil {
		return &UnprovenError{Host: m.Host, What: "flush its folder", Err: err}
	}
	for _, f := range m.Files {
		c, newest, err := prove(root, f, keys.Identity)
		if err != nil {
			return &UnprovenError{Host: m.Host, What: f.Name, Err: err}
		}
		if c == nil {
			continue
		}
		m.Postgres, m.Migration, m.Roles = c.Server, newest, c.Roles
		m.Tables, m.Rows = countRows(c)
	}
	if m.Tables != op.Tables {
		return &UnprovenError{Host: m.Host, What: fmt.Sprintf("the archive holds %d tables, the database has %d", m.Tables, op.Tables)}
	}
	if m.Migration != op.Migration {
		return &UnprovenError{Host: m.Host, What: fmt.Sprintf("the archive is at migration %d, the database at %d", m.Migration, op.Migration)}
	}
	return nil
}

// Verify proves a backup again, as it lies on the disk.
func (m *Manifest) Verify(dir string, id age.Identity) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return &UnprovenError{Host: m.Host, What: "open its folder", Err: err}
	}
	defer root.Close()
	return m.verify(func(f File) (*pgarchive.Contents, int64, error) { return prove(root, f, id) })
}

// verify proves a backup by its files, wherever they are read from.
func (m *Manifest) verify(prove func(File) (*pgarchive.Contents, int64, error)) error {
	dump := false
	for _, f := range m.Files {
		c, newest, err := prove(f)
		if err != nil {
			return &UnprovenError{Host: m.Host, What: f.Name, Err: err}
		}
		if c == nil {
			continue
		}
		dump = true
		if m.Format == formatHostClock {
			m.RolesFound = c.Roles
		}
		if tables, _ := countRows(c); tables != m.Tables || newest != m.Migration {
			return &UnprovenError{Host: m.Host, What: "the dump is not the one its manifest tells of"}
		}
	}
	if !dump {
		return &UnprovenError{Host: m.Host, What: "there is no dump in it"}
	}
	return nil
}
