package arch

import (
	"bytes"
	"fmt"
	"go/ast"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A rule is something no file may do.
type rule struct {
	name   string
	reason string
	breaks func(*tree) []string
}

func rules() []rule {
	return []rule{
		{"no sleeping", "a wait that no context ends keeps an interrupted run alive, and a test that sleeps is slow or flaky: use a timer and a select, or testing/synctest", sleeps},
		{"no exit below main", "a package that ends the process leaves locks, files and hosts behind: return the error", exits},
		{"no printing", "a byte that does not go through cmd/internal/ui is neither escaped nor redacted", prints},
		{"no init", "what runs before main cannot be tested or chosen: build it where it is used", inits},
		{"no unchecked peer", "trust is checked on the workstation, always: there is no switch for it", unchecked},
		{"no stray imports", "see the table of confined imports", strays},
		{"short files", "a file of more than 600 lines has a second subject: give it a file of its own", longFiles},
		{"nothing left for later", "a mark in the code is a promise nobody keeps: do it, or say in a sentence what is not there", marks},
	}
}

func TestRules(t *testing.T) {
	tr := load(t)
	for _, r := range rules() {
		t.Run(strings.ReplaceAll(r.name, " ", "-"), func(t *testing.T) {
			for _, where := range r.breaks(tr) {
				t.Errorf("%s\n\t%s: %s", where, r.name, r.reason)
			}
		})
	}
}

func sleeps(tr *tree) (found []string) {
	for _, f := range tr.files {
		found = append(found, tr.uses(f, "time", "Sleep")...)
	}
	return found
}

func exits(tr *tree) (found []string) {
	for _, f := range tr.files {
		if f.syntax.Name.Name == "main" || f.test {
			continue // main decides how a process ends, and so does TestMain
		}
		found = append(found, tr.uses(f, "os", "Exit")...)
		found = append(found, tr.uses(f, "log", "Fatal", "Fatalf", "Fatalln")...)
		found = append(found, tr.uses(f, "syscall", "Exit")...)
	}
	return found
}

// processFile hands the process's streams to everything else.
const processFile = "cmd/internal/cli/cli.go"

func prints(tr *tree) (found []string) {
	for _, f := range tr.shipped() {
		found = append(found, tr.uses(f, "fmt", "Print", "Printf", "Println")...)
		found = append(found, tr.uses(f, "log", "Print", "Printf", "Println")...)
		found = append(found, builtinPrints(tr, f)...)
		if !under(f.pkg, "cmd/internal/ui") && f.path != processFile {
			found = append(found, tr.uses(f, "os", "Stdout", "Stderr", "Stdin")...)
		}
	}
	return found
}

func builtinPrints(tr *tree, f file) (found []string) {
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			if name, ok := call.Fun.(*ast.Ident); ok && (name.Name == "print" || name.Name == "println") {
				found = append(found, tr.at(n)+": "+name.Name)
			}
		}
		return true
	})
	return found
}

func inits(tr *tree) (found []string) {
	for _, f := range tr.files {
		for _, d := range f.syntax.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				found = append(found, tr.at(fn))
			}
		}
	}
	return found
}

func unchecked(tr *tree) (found []string) {
	for _, f := range tr.shipped() {
		found = append(found, tr.uses(f, "golang.org/x/crypto/ssh", "InsecureIgnoreHostKey")...)
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && id.Name == "InsecureSkipVerify" {
				found = append(found, tr.at(n)+": InsecureSkipVerify")
			}
			return true
		})
	}
	return found
}

// A confined import may stand in few files, each with its reason.
type confined struct {
	path   string
	in     []string // packages or files
	reason string
}

func confinedImports() []confined {
	return []confined{
		{"gopkg.in/yaml.v3", []string{"inventory", "plan/compose/yaml.go"}, "one import site for the user's file and one for the client's, so that it can be replaced"},
		{"os/exec", []string{"inventory/secretref.go", "inventory/sshexec.go", "remote/proxycommand.go", "plan/internal/shimhost", "cmd/internal/cli/hook.go"}, "the tool starts no program of the workstation but those that its operator names: in a secret reference, with --notify, and in ssh_config where ssh_commands allows it"},
		{"math/rand", nil, "names and tokens come from crypto/rand"},
		{"math/rand/v2", []string{"plan/release/transport.go", "cmd/internal/cli/fleet.go", "remote/door.go"}, "names and tokens come from crypto/rand; only a pause may be guessed"},
		{"unsafe", nil, "nothing here needs it"},
		{"io/ioutil", nil, "deprecated"},
		{"github.com/spf13/cobra", []string{"cmd/internal/cli"}, "commands are thin and live in one package"},
		{"golang.org/x/crypto/ssh", []string{"remote"}, "one package speaks SSH"},
		{"github.com/pkg/sftp", []string{"remote"}, "one package speaks SFTP"},
		{"github.com/aws/aws-sdk-go-v2/aws/signer/v4", []string{"plan/backup/bucket"}, "one package speaks S3"},
		{"github.com/google/go-containerregistry/pkg/v1/remote", []string{"plan/release"}, "one package speaks to registries"},
	}
}

func strays(tr *tree) (found []string) {
	for _, f := range tr.shipped() {
		for _, c := range confinedImports() {
			if slices.Contains(f.imports, c.path) && !slices.ContainsFunc(c.in, func(in string) bool { return f.path == in || under(f.pkg, in) }) {
				found = append(found, fmt.Sprintf("%s imports %s: %s", f.path, c.path, c.reason))
			}
		}
	}
	return found
}

func longFiles(tr *tree) (found []string) {
	for _, f := range tr.files {
		if f.lines > 600 {
			found = append(found, fmt.Sprintf("%s has %d lines", f.path, f.lines))
		}
	}
	return found
}

func marks(tr *tree) (found []string) {
	words := []string{"TO" + "DO", "FIX" + "ME", "XX" + "X:", "HA" + "CK:"}
	for _, f := range tr.files {
		for _, group := range f.syntax.Comments {
			for _, c := range group.List {
				for _, w := range words {
					if strings.Contains(c.Text, w) {
						found = append(found, tr.at(c)+": "+w)
					}
				}
			}
		}
	}
	return found
}

func TestEveryPackageHasItsManual(t *testing.T) {
	doc := map[string]string{}
	name := map[string]string{}
	for _, f := range load(t).files {
		if f.test {
			continue
		}
		name[f.pkg] = f.syntax.Name.Name
		doc[f.pkg] += f.syntax.Doc.Text()
	}
	for folder, pkg := range name {
		want := "Package " + pkg + " "
		if pkg == "main" {
			base := filepath.Base(folder)
			want = strings.ToUpper(base[:1]) + base[1:] + " "
		}
		if !strings.HasPrefix(doc[folder], want) {
			t.Errorf("%s: want a package comment that begins with %q: it is the manual, the first thing a reader sees", folder, want)
		}
	}
}

// The package that acts on hosts must be of use to any program that does.
func TestRemoteKnowsNoProduct(t *testing.T) {
	walk(t, filepath.Join(root, "remote"), func(path string) {
		data, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range bytes.Split(data, []byte("\n")) {
			if bytes.Contains(bytes.ToLower(line), []byte("chatalot")) {
				t.Errorf("%s:%d: remote acts on hosts and knows nothing of what runs on them: say it in plan", path, i+1)
			}
		}
	})
}
