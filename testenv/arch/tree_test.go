package arch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// module is the prefix of our own import paths.
const module = "liftalot"

// root is the project's folder, seen from this one.
const root = "../.."

// A file is one Go file of the project.
type file struct {
	path    string // from the root, with slashes
	pkg     string // its folder
	test    bool
	syntax  *ast.File
	imports []string
	lines   int
}

// A tree is every Go file of the project.
type tree struct {
	set   *token.FileSet
	files []file
}

func load(t *testing.T) *tree {
	t.Helper()
	tr := &tree{set: token.NewFileSet()}
	walk(t, root, func(path string) {
		if filepath.Ext(path) != ".go" {
			return
		}
		if err := tr.add(path); err != nil {
			t.Fatal(err)
		}
	})
	if len(tr.files) == 0 {
		t.Fatal("no Go file found")
	}
	return tr
}

// walk calls f with every file that belongs to the project, by its path from
// the root.
func walk(t *testing.T, dir string, f func(path string)) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if hidden := strings.HasPrefix(d.Name(), ".") && len(d.Name()) > 2; hidden || d.Name() == "bin" {
				return filepath.SkipDir
			}
			return nil
		}
		rel, err := filepath.Rel(root, path)
		f(filepath.ToSlash(rel))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (tr *tree) add(path string) error {
	data, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		return err
	}
	syntax, err := parser.ParseFile(tr.set, path, data, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	f := file{
		path: path, pkg: filepath.ToSlash(filepath.Dir(path)), test: strings.HasSuffix(path, "_test.go"),
		syntax: syntax, lines: strings.Count(string(data), "\n"),
	}
	for _, spec := range syntax.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return fmt.Errorf("%s: import %s: %w", path, spec.Path.Value, err)
		}
		f.imports = append(f.imports, name)
	}
	tr.files = append(tr.files, f)
	return nil
}

// shipped are the files that are no tests and outside testenv: what a user runs.
func (tr *tree) shipped() []file {
	return slices.DeleteFunc(slices.Clone(tr.files), func(f file) bool {
		return f.test || under(f.pkg, "testenv")
	})
}

// under reports whether a folder is dir or beneath it.
func under(folder, dir string) bool { return folder == dir || strings.HasPrefix(folder, dir+"/") }

// at names a place for a failure message.
func (tr *tree) at(n ast.Node) string {
	p := tr.set.Position(n.Pos())
	return fmt.Sprintf("%s:%d", p.Filename, p.Line)
}

// uses lists where a file names a member of an imported package, such as
// os.Exit. A file that imports it under another name is read the same way.
func (tr *tree) uses(f file, pkg string, members ...string) []string {
	local := f.localName(pkg)
	if local == "" {
		return nil
	}
	var found []string
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); ok && x.Name == local && slices.Contains(members, sel.Sel.Name) {
			found = append(found, fmt.Sprintf("%s: %s.%s", tr.at(n), pkg, sel.Sel.Name))
		}
		return true
	})
	return found
}

// localName is what a file calls an imported package; empty if it does not.
func (f file) localName(pkg string) string {
	for i, spec := range f.syntax.Imports {
		switch {
		case f.imports[i] != pkg:
		case spec.Name != nil:
			return spec.Name.Name
		default:
			return pkg[strings.LastIndex(pkg, "/")+1:]
		}
	}
	return ""
}
