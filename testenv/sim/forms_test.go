package sim_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"mvdan.cc/sh/v3/syntax"
)

// TestEveryFormHasARow fails where a script of ours uses a tool, an option, an expansion
// or an operator that no row of the tables runs on the real thing and on the simulated one.
func TestEveryFormHasARow(t *testing.T) {
	held := forms{}
	for _, name := range []string{"shell.golden", "tools.golden"} {
		for _, r := range readGolden(t, name).rows {
			if err := held.add(r.script, fmt.Sprintf("%s:%d", name, r.line)); err != nil && !strings.Contains(r.want, "[2, stderr]") {
				t.Error(err)
			}
		}
	}
	used := forms{}
	for where, text := range scripts(t) {
		must(t, used.add(text, where))
	}
	for _, form := range slices.Sorted(maps.Keys(used)) {
		name, _, _ := strings.Cut(form, " ")
		if held[form] == "" && !unsimulated[name] && used["function "+name] == "" && !strings.HasPrefix(form, "function ") {
			t.Errorf("no row has: %s\n\t(used by %s)", form, used[form])
		}
	}
}

// unsimulated are programs that scripts run and no simulated machine has: those scripts
// run on real servers only. What is in a container is the engine's.
var unsimulated = map[string]bool{"docker": true, "curl": true, "xargs": true, "gzip": true, "openssl": true, "sftp-server": true, "uniq": true, "tee": true, "dd": true, "watchdog_script": true}

// signals are what traps name.
var signals = map[string]bool{"EXIT": true, "TERM": true, "INT": true, "HUP": true, "PIPE": true}

// realOnly are scripts that do no simulated machine runs: they are tested on real servers.
var realOnly = regexp.MustCompile(`plan/backup/(uploads_\w+\.sh|drill\.sh|upload_restore\.go)`)

// scripts are all that runs on hosts, by where it stands.
func scripts(t *testing.T) map[string]string {
	t.Helper()
	root := filepath.Join("..", "..")
	all := map[string]string{}
	for _, dir := range []string{"plan", "remote"} {
		must(t, filepath.WalkDir(filepath.Join(root, dir), func(name string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && (d.Name() == "testdata" || d.Name() == "remotetest"):
				return fs.SkipDir
			case realOnly.MatchString(name):
			case filepath.Ext(name) == ".sh":
				data, err := os.ReadFile(name)
				all[strings.TrimPrefix(name, root+"/")] = string(data)
				return err
			case filepath.Ext(name) == ".go" && !strings.HasSuffix(name, "_test.go"):
				return goScripts(name, all)
			}
			return nil
		}))
	}
	return all
}

// goScripts adds the literals of constants that are called …Script or common, and of
// fields that are called Script.
func goScripts(name string, all map[string]string) error {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	take := func(x ast.Expr) {
		if text := literals(x); text != "" {
			all[strings.TrimPrefix(set.Position(x.Pos()).String(), "../../")] = text
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ValueSpec:
			if id := n.Names[0].Name; strings.HasSuffix(id, "Script") || id == "common" {
				for _, v := range n.Values {
					take(v)
				}
			}
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Script" {
				take(n.Value)
			}
		}
		return true
	})
	return nil
}

// literals are the texts of which an expression is put together.
func literals(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.BinaryExpr:
		return literals(x.X) + literals(x.Y)
	case *ast.BasicLit:
		text, _ := strconv.Unquote(x.Value) // it was parsed
		return text
	}
	return ""
}

// forms are what scripts use, by where it was seen.
type forms map[string]string

func (f forms) add(script, where string) error {
	file, err := syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Parse(strings.NewReader(script), where)
	if err != nil {
		return fmt.Errorf("%s: %w", where, err)
	}
	seen := func(format string, args ...any) { f[fmt.Sprintf(format, args...)] = where }
	syntax.Walk(file, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.Stmt:
			if n.Background {
				seen("a command in the background")
			}
			if n.Negated {
				seen("!")
			}
		case *syntax.FuncDecl:
			seen("function %s", n.Name.Value)
		case *syntax.BinaryCmd:
			seen("%s", n.Op)
		case *syntax.IfClause, *syntax.CaseClause, *syntax.Subshell, *syntax.Block:
			seen("%T", n)
		case *syntax.WhileClause:
			seen("while, until %t", n.Until)
		case *syntax.ForClause:
			seen("for, in %t", n.Loop.(*syntax.WordIter).InPos.IsValid())
		case *syntax.CaseItem:
			for _, p := range n.Patterns {
				for _, m := range globs.FindAllString(source(p), -1) {
					seen("pattern %s", m)
				}
			}
		case *syntax.Redirect:
			f.redirect(n, seen)
		case *syntax.ParamExp:
			f.expansion(n, seen)
		case *syntax.BinaryArithm:
			seen("arithmetic %s", n.Op)
		case *syntax.CmdSubst:
			seen("$(…)")
		case *syntax.CallExpr:
			if len(n.Assigns) > 0 && len(n.Args) > 0 {
				seen("an assignment before a command")
			}
			for _, nested := range f.call(n, seen) {
				err = errors.Join(err, f.add(nested, where))
			}
		}
		return true
	})
	return err
}

// globs are what is special in patterns.
var globs = regexp.MustCompile(`\*|\?|\[!|\[`)

func (f forms) redirect(r *syntax.Redirect, seen func(string, ...any)) {
	to := source(r.Word)
	switch {
	case r.Hdoc != nil && strings.Trim(to, `'"\`) != to:
		seen("redirection << quoted")
	case r.Hdoc == nil && to == "-":
		seen("redirection %s-", r.Op)
	default:
		seen("redirection %s", r.Op)
	}
	if r.N != nil && r.N.Value > "2" {
		seen("redirection of another descriptor by %s", r.Op)
	}
}

func (f forms) expansion(p *syntax.ParamExp, seen func(string, ...any)) {
	name := p.Param.Value
	if name[0] < 'A' {
		if len(name) > 1 {
			name = "{NN}"
		} else if name[0] >= '0' && name[0] <= '9' {
			name = "N"
		}
		seen("$%s", name)
	}
	if p.Length {
		seen("${#x}")
	}
	if p.Exp == nil {
		return
	}
	seen("${x%s…}", p.Exp.Op)
	switch p.Exp.Op.String() {
	case "#", "##", "%", "%%":
		for _, m := range globs.FindAllString(source(p.Exp.Word), -1) {
			seen("pattern %s in ${x%s…}", m, p.Exp.Op)
		}
	}
}

// call notes a command and what is special in its words, and returns the scripts in them.
func (f forms) call(c *syntax.CallExpr, seen func(string, ...any)) (nested []string) {
	if len(c.Args) == 0 {
		return nil
	}
	name := c.Args[0].Lit()
	if name == "" || unsimulated[name] && name != "xargs" {
		return nil // its words may still hold substitutions: these are walked
	}
	seen("%s", strings.TrimPrefix(name, "/bin/"))
	words := c.Args[1:]
	for i, w := range words {
		if w.Lit() == "--" && (name == "set" || name == "[") || i > 0 && name == "printf" {
			break
		}
		quoted, isQuoted := single(w)
		switch before := word(words, i-1); {
		case isQuoted && (before == "-c" && strings.HasSuffix(word(words, i-2), "sh") || before == "-c" && i == 1 && strings.HasSuffix(name, "sh") || name == "trap" && i == 0):
			nested = append(nested, quoted)
			continue
		case name == "sed" && before != "-e" && i > 0 && word(words, i-1) != "-n":
			if !strings.HasPrefix(source(w), "-") {
				continue
			}
		case (name == "head" || name == "tail" || name == "touch") && i > 0 && before != "-c" && before != "-n":
			continue
		}
		f.word(name, source(w), seen)
	}
	return nested
}

// verbatim are programs whose words mean something beyond options.
var verbatim = map[string]bool{
	"sed": true, "tr": true, "date": true, "set": true, "kill": true, "trap": true,
}

var (
	numbers    = regexp.MustCompile(`[0-9]+`)
	verbs      = regexp.MustCompile(`%[-0-9.]*[a-z]|\\[0-9]+|\\[a-z]`)
	parameters = regexp.MustCompile(`\$\{?[a-zA-Z0-9_]+\}?`)
)

func (f forms) word(name, text string, seen func(string, ...any)) {
	switch {
	case name == "printf":
		for _, v := range verbs.FindAllString(text, -1) {
			seen("printf %s", numbers.ReplaceAllString(v, "N"))
		}
	case name == "[" && (strings.HasPrefix(text, "-") && len(text) > 1 || text == "=" || text == "!=" || text == "!"):
		seen("[ %s", numbers.ReplaceAllString(text, "N"))
	case name == "[", name == "trap" && !signals[text] && text != "-" && text != ":", name == "echo", name == "exit", name == "return", name == "exec", name == "eval", name == "setsid", name == "nohup":
	case name == "stat" && (strings.Contains(text, "%")):
		seen("stat %s", strings.Trim(text, "\"'"))
	case name == "sed" && !strings.HasPrefix(text, "-"), name == "grep" && strings.HasPrefix(text, "'"):
		seen("%s %s", name, parameters.ReplaceAllString(text, "$$x"))
	case strings.HasPrefix(text, "-") && len(text) > 1, verbatim[name] && !strings.Contains(text, "$"):
		seen("%s %s", name, numbers.ReplaceAllString(text, "N"))
	}
}

func word(words []*syntax.Word, i int) string {
	if i < 0 {
		return ""
	}
	return words[i].Lit()
}

func single(w *syntax.Word) (string, bool) {
	if len(w.Parts) != 1 {
		return "", false
	}
	q, ok := w.Parts[0].(*syntax.SglQuoted)
	if !ok {
		return "", false
	}
	return q.Value, true
}

// source is a word as it is written.
func source(n syntax.Node) string {
	if w, ok := n.(*syntax.Word); !ok || w == nil {
		return ""
	}
	var b strings.Builder
	_ = syntax.NewPrinter().Print(&b, n) // a builder takes every write
	return b.String()
}
