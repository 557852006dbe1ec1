package arch

import (
	"go/ast"
	"strings"
	"testing"
)

// Who reads a line of a method has to know what its receiver can do. A type with more
// methods than this has several subjects: give each a type of its own, in a field with a
// name, or make plain functions of what uses one field.
const (
	mostMethods = 40 // of a type's own
	mostReached = 60 // with those of the types of ours that it embeds
)

// tooWide are types that are wider than that by now.
var tooWide = map[string]string{
	"plan/apply.Engine": "one method for each operation, its undo and what they share",
}

// A class is a type as it is written down.
type class struct {
	at       string
	methods  map[string]bool
	embedded []string // names of classes
}

// TestNoTypeDoesEverything holds how much a value can be asked.
func TestNoTypeDoesEverything(t *testing.T) {
	tr := load(t)
	all := classes(tr)
	if c := all["plan/run.Host"]; c == nil || len(c.methods) == 0 {
		t.Fatal("the methods of plan/run.Host are not found")
	}
	for name, c := range all {
		if tooWide[name] != "" {
			continue
		}
		if n := len(c.methods); n > mostMethods {
			t.Errorf("%s: %s has %d methods, and %d are the most", c.at, name, n, mostMethods)
		}
		reached := map[string]bool{}
		reach(all, name, reached)
		if n := len(reached); n > mostReached {
			t.Errorf("%s: %s reaches %d methods through what it embeds, and %d are the most: give what it embeds a name", c.at, name, n, mostReached)
		}
	}
}

// reach collects the methods of a class and of all that it embeds.
func reach(all map[string]*class, name string, reached map[string]bool) {
	c := all[name]
	if c == nil {
		return
	}
	for m := range c.methods {
		reached[m] = true
	}
	for _, e := range c.embedded {
		reach(all, e, reached)
	}
}

// classes are the types of what is shipped, by package and name.
func classes(tr *tree) map[string]*class {
	all := map[string]*class{}
	of := func(f file, name string) *class {
		key := f.pkg + "." + name
		if all[key] == nil {
			all[key] = &class{methods: map[string]bool{}}
		}
		return all[key]
	}
	for _, f := range tr.shipped() {
		for _, d := range f.syntax.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv != nil {
					of(f, baseName(d.Recv.List[0].Type)).methods[d.Name.Name] = true
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if ts, ok := spec.(*ast.TypeSpec); ok {
						c := of(f, ts.Name.Name)
						c.at = tr.at(ts)
						c.add(f, ts.Type)
					}
				}
			}
		}
	}
	return all
}

// add adds what a struct or an interface embeds, and the methods that an interface names.
func (c *class) add(f file, typ ast.Expr) {
	var fields []*ast.Field
	switch typ := typ.(type) {
	case *ast.StructType:
		fields = typ.Fields.List
	case *ast.InterfaceType:
		fields = typ.Methods.List
		for _, m := range fields {
			for _, name := range m.Names {
				c.methods[name.Name] = true
			}
		}
	}
	for _, field := range fields {
		if len(field.Names) == 0 {
			c.embedded = append(c.embedded, f.className(field.Type))
		}
	}
}

// className is the key of a type that a file names, "" for one that is not ours.
func (f file) className(typ ast.Expr) string {
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	sel, ok := typ.(*ast.SelectorExpr)
	if !ok {
		return f.pkg + "." + baseName(typ)
	}
	pkg, _ := sel.X.(*ast.Ident)
	for _, path := range f.imports {
		if folder, ours := strings.CutPrefix(path, module+"/"); ours && pkg != nil && f.localName(path) == pkg.Name {
			return folder + "." + sel.Sel.Name
		}
	}
	return ""
}

// baseName is the name of a receiver's type, or of an embedded one, of this package.
func baseName(typ ast.Expr) string {
	switch typ := typ.(type) {
	case *ast.StarExpr:
		return baseName(typ.X)
	case *ast.IndexExpr:
		return baseName(typ.X)
	case *ast.Ident:
		return typ.Name
	}
	return ""
}
