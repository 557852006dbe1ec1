package arch

import (
	"slices"
	"strings"
	"testing"
)

// A layer is a package of the project, with the packages of the project that it may
// import.
type layer struct {
	name string
	may  []string
}

// layers says who may import whom, the lowest first. testenv is not in it: it may import
// anything, and only tests and its own programs import it.
func layers() []layer {
	return []layer{
		{"units", nil},
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
		{"plan", []string{"inventory", "plan/compose", "plan/drift", "units"}},
		{"plan/statefile", nil}, // files that a crash leaves whole
		{"plan/journal", []string{"plan", "plan/statefile", "remote/filelock"}},

		// A reader of PostgreSQL's archives, that knows no product either.
		{"plan/backup/pgarchive", nil},

		// Objects in a bucket of an S3-compatible store.
		{"plan/backup/bucket", nil},

		// What restore and drill do to a database in the same way: text of shell.
		{"plan/postgres", nil},

		// Whoever touches a host.
		{"plan/probe", []string{"plan", "plan/compose", "remote"}},
		{"plan/backup", []string{"plan", "plan/backup/pgarchive", "plan/postgres", "plan/statefile", "remote", "remote/job", "units"}},
		{"plan/apply", []string{"plan", "plan/compose", "plan/container", "plan/journal", "plan/postgres", "remote", "remote/job", "units"}},
		{"plan/verify", []string{"plan", "remote", "units"}},
		{"plan/report", []string{"plan", "plan/journal", "units"}},

		// Where a connection meets an engine, and nowhere else: what comes next for a host,
		// and how it is carried out.
		{"plan/run", []string{"plan", "plan/apply", "plan/backup", "plan/journal", "plan/probe", "plan/statefile", "plan/verify", "remote", "remote/lock", "units"}},
		{"plan/internal/shimhost", []string{"remote"}},

		// Where a person meets it.
		{"cmd/internal/ui", []string{"units"}},
		{"cmd/internal/cli", []string{
			"cmd/internal/ui", "inventory", "plan", "plan/apply", "plan/backup", "plan/backup/bucket", "plan/batch", "plan/compose", "plan/journal",
			"plan/probe", "plan/release", "plan/report", "plan/run", "plan/statefile", "plan/verify", "remote", "remote/filelock", "remote/job", "remote/lock", "units",
		}},
		{"cmd/liftalot", []string{"cmd/internal/cli"}},
	}
}

// forTests are packages that only tests import: they would bring the package testing, or a
// simulated host, into the binary.
func forTests() []string { return []string{"remote/remotetest", "plan/internal/shimhost"} }

func TestWhoImportsWhom(t *testing.T) {
	may := map[string][]string{}
	for _, r := range layers() {
		may[r.name] = r.may
	}
	for _, f := range load(t).shipped() {
		allowed, known := may[f.pkg]
		if !known {
			t.Errorf("%s: package %s is not in the table: give it a line in layers, with what it may import", f.path, f.pkg)
			continue
		}
		for _, path := range f.imports {
			name, ours := strings.CutPrefix(path, module+"/")
			if ours && !slices.Contains(allowed, name) {
				t.Errorf("%s: %s may not import %s: imports go one way only, so that each package can be read and tested without those above it (layering_test.go has the table)", f.path, f.pkg, name)
			}
		}
	}
}

func TestOnlyTestsImportTestPackages(t *testing.T) {
	for _, f := range load(t).shipped() {
		for _, path := range f.imports {
			name, ours := strings.CutPrefix(path, module+"/")
			if ours && !slices.Contains(forTests(), f.pkg) && (under(name, "testenv") || slices.Contains(forTests(), name)) {
				t.Errorf("%s imports %s: what servers are tried on must not reach the binary", f.path, name)
			}
		}
	}
}

// The table lists what is imported before what imports it, so that it reads from the lowest
// package to the highest.
func TestLayersAreInOrder(t *testing.T) {
	var above []string
	for _, r := range layers() {
		for _, name := range r.may {
			if !slices.Contains(above, name) {
				t.Errorf("%s may import %s, which stands below it in the table: put what is imported first", r.name, name)
			}
		}
		above = append(above, r.name)
	}
}
