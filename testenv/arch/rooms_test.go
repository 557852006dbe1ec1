package arch

import (
	"slices"
	"strings"
	"testing"
)

// A room is a package of the project, with the packages of the project that it
// may import. Arrows go down only.
type room struct {
	name string
	may  []string
}

// rooms is the plan of the house. testenv is not in it: it may import anything,
// and only tests and its own programs import it.
func rooms() []room {
	return []room{
		{"inventory", nil},

		// One host over SSH. Nothing here knows what runs on it.
		{"remote/shell", nil},
		{"remote/filelock", nil}, // of files on this machine, that processes share
		{"remote", []string{"remote/filelock", "remote/shell"}},
		{"remote/job", []string{"remote", "remote/shell"}},
		{"remote/lock", []string{"remote", "remote/shell"}},
		{"remote/remotetest", []string{"remote", "remote/job", "remote/lock", "remote/shell"}},

		// Words and decisions. compose, release and batch are leaves that know no host.
		{"plan/compose", nil},
		{"plan/container", nil},
		{"plan/release", nil},
		{"plan/batch", nil},
		{"plan/drift", []string{"plan/compose"}},
		{"plan", []string{"inventory", "plan/compose", "plan/drift"}},
		{"plan/journal", []string{"plan", "remote/filelock"}},

		// A reader of PostgreSQL's archives, that knows no product either.
		{"plan/backup/pgarchive", nil},

		// Objects in a bucket of an S3-compatible store.
		{"plan/backup/bucket", nil},

		// What restore and drill do to a database in the same way: text of shell.
		{"plan/postgres", nil},

		// Whoever touches a host. backup writes its files the way the journal
		// does, so that a crash leaves none half written.
		{"plan/probe", []string{"plan", "plan/compose", "remote"}},
		{"plan/backup", []string{"plan", "plan/backup/pgarchive", "plan/journal", "plan/postgres", "remote", "remote/job"}},
		{"plan/apply", []string{"plan", "plan/compose", "plan/container", "plan/journal", "plan/postgres", "remote", "remote/job"}},
		{"plan/verify", []string{"plan", "remote"}},
		{"plan/report", []string{"plan", "plan/journal"}},

		// Where a connection meets an engine, and nowhere else: what comes next for a host,
		// and how it is carried out.
		{"plan/run", []string{"plan", "plan/apply", "plan/backup", "plan/journal", "plan/probe", "plan/verify", "remote", "remote/lock"}},
		{"plan/internal/shimhost", []string{"remote"}},

		// Where a person meets it.
		{"cmd/internal/ui", nil},
		{"cmd/internal/cli", []string{
			"cmd/internal/ui", "inventory", "plan", "plan/apply", "plan/backup", "plan/backup/bucket", "plan/batch", "plan/compose", "plan/journal",
			"plan/probe", "plan/release", "plan/report", "plan/run", "plan/verify", "remote", "remote/filelock", "remote/job", "remote/lock",
		}},
		{"cmd/liftalot", []string{"cmd/internal/cli"}},
	}
}

// forTests are rooms that only tests import: they would bring testing, or a
// host that is none, into the binary.
func forTests() []string { return []string{"remote/remotetest", "plan/internal/shimhost"} }

func TestWhoImportsWhom(t *testing.T) {
	may := map[string][]string{}
	for _, r := range rooms() {
		may[r.name] = r.may
	}
	for _, f := range load(t).shipped() {
		allowed, known := may[f.room]
		if !known {
			t.Errorf("%s: %s is in no plan of the house: give it a line in rooms, with what it may import", f.path, f.room)
			continue
		}
		for _, path := range f.imports {
			name, ours := strings.CutPrefix(path, module+"/")
			if ours && !slices.Contains(allowed, name) {
				t.Errorf("%s: %s may not import %s: arrows go down only, so that each room can be read and tested without those above it (rooms_test.go has the table)", f.path, f.room, name)
			}
		}
	}
}

func TestOnlyTestsImportTestRooms(t *testing.T) {
	for _, f := range load(t).shipped() {
		for _, path := range f.imports {
			name, ours := strings.CutPrefix(path, module+"/")
			if ours && !slices.Contains(forTests(), f.room) && (under(name, "testenv") || slices.Contains(forTests(), name)) {
				t.Errorf("%s imports %s: what servers are tried on must not reach the binary", f.path, name)
			}
		}
	}
}

// The table would allow a circle that go itself refuses, but also an arrow that
// points up; what is beneath must come first.
func TestRoomsAreInOrder(t *testing.T) {
	var above []string
	for _, r := range rooms() {
		for _, name := range r.may {
			if !slices.Contains(above, name) {
				t.Errorf("%s may import %s, which stands below it in the table: put what is imported first", r.name, name)
			}
		}
		above = append(above, r.name)
	}
}
