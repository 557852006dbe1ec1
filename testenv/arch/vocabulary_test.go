package arch

import (
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestErrorsAreNamedAsSuch: a type that is an error ends in "Error", and a variable that is one
// begins with "Err", so that a reader knows it from its name.
func TestErrorsAreNamedAsSuch(t *testing.T) {
	tr := load(t)
	for _, f := range tr.files {
		for _, d := range f.syntax.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if name := receiver(d); d.Name.Name == "Error" && returnsText(d) && !strings.HasSuffix(name, "Error") && !strings.HasSuffix(name, "Errors") {
					t.Errorf("%s: %s is an error: its name must end in Error", tr.at(d), name)
				}
			case *ast.GenDecl:
				for _, name := range sentinels(d) {
					if !strings.HasPrefix(strings.ToLower(name.Name), "err") {
						t.Errorf("%s: %s is an error: its name must begin with Err", tr.at(name), name.Name)
					}
				}
			}
		}
	}
}

// receiver is the type that a method belongs to, empty for a function.
func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return ""
	}
	e := d.Recv.List[0].Type
	if p, ok := e.(*ast.StarExpr); ok {
		e = p.X
	}
	if x, ok := e.(*ast.IndexExpr); ok {
		e = x.X
	}
	name, _ := e.(*ast.Ident)
	if name == nil {
		return ""
	}
	return name.Name
}

func returnsText(d *ast.FuncDecl) bool {
	if d.Recv == nil || len(d.Type.Params.List) > 0 || d.Type.Results == nil || len(d.Type.Results.List) != 1 {
		return false
	}
	text, ok := d.Type.Results.List[0].Type.(*ast.Ident)
	return ok && text.Name == "string"
}

// sentinels are the variables that a declaration makes with errors.New or fmt.Errorf.
func sentinels(d *ast.GenDecl) (names []*ast.Ident) {
	if d.Tok != token.VAR {
		return nil
	}
	for _, s := range d.Specs {
		v := s.(*ast.ValueSpec)
		for i, value := range v.Values {
			call, ok := value.(*ast.CallExpr)
			if !ok {
				continue
			}
			f, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				continue
			}
			pkg, _ := f.X.(*ast.Ident)
			if pkg != nil && (pkg.Name == "errors" && f.Sel.Name == "New" || pkg.Name == "fmt" && f.Sel.Name == "Errorf") {
				names = append(names, v.Names[i])
			}
		}
	}
	return names
}

// formerNames are identifiers that have a better name now, by package. One that comes back is
// one idea with two words.
var formerNames = map[string]string{
	"plan": "Rests FileMark ContainerMark SecretMark Input Confined Moved TakenAway Decisions MakeFile UnmakeFile Return Unedit " +
		"ImageGone DatabaseMoved Full Half Done aim unlike mute said place Settled Back HostPlaces Vouched",
	"plan/apply": "Desk say do act work tried opens unmoved unseen shutOut giveBack leave FindCopy Copy Owned Unproven Refusal " +
		"RefusedByHost unedit unsecret found touched overBreaks badEnd complaint",
	"plan/journal": "Abandoned GivenUp Summarise Of",
	"plan/backup": "Taker Take Copies Copy Vouched PutBack Sender Sweep seal behind inside answer lane usual worthIt Unproven " +
		"someAtOnce takenAt tallying tryAgain lacking recognise doubt staged",
	"plan/compose":        "Refusal UndoConflict RedactSaid Without telling meant covered",
	"plan/probe":          "Look Candidate CandidateError conceal",
	"plan/verify":         "Want Anything Ended Upgraded RolledBack",
	"plan/batch":          "Held Ended",
	"remote":              "Refused Crowd KnownFiles KeyFiles SweepTemps Trust noise looks",
	"cmd/internal/cli":    "careful finished standing seenNow meeting filesBack drilled listed past gentle lookAndLearn",
	"testenv/sim/torture": "strike Strike duel Duel",
	"testenv/arch":        "room house",
}

func TestFormerNamesStayAway(t *testing.T) {
	tr := load(t)
	for _, f := range tr.files {
		former := strings.Fields(formerNames[f.pkg])
		for id := range declared(f.syntax) {
			if !f.test && slices.Contains(former, id.Name) {
				t.Errorf("%s: %s has a better name: see the history of this table", tr.at(id), id.Name)
			}
		}
	}
}

// declared are the functions, methods, types, package variables and fields of a file.
func declared(file *ast.File) func(func(*ast.Ident) bool) {
	return func(yield func(*ast.Ident) bool) {
		for _, d := range file.Decls {
			var names []*ast.Ident
			switch d := d.(type) {
			case *ast.FuncDecl:
				names = append(names, d.Name)
			case *ast.GenDecl:
				for _, s := range d.Specs {
					switch s := s.(type) {
					case *ast.TypeSpec:
						names = append(names, s.Name)
						if st, ok := s.Type.(*ast.StructType); ok {
							for _, field := range st.Fields.List {
								names = append(names, field.Names...)
							}
						}
					case *ast.ValueSpec:
						names = append(names, s.Names...)
					}
				}
			}
			for _, n := range names {
				if !yield(n) {
					return
				}
			}
		}
	}
}

// formerFiles are names of files that did not say what is in them.
var formerFiles = strings.Fields("said.go modellevel.go undomeaning.go place.go span.go moved.go outcome.go seen_now.go trusted.go elsewhere.go " +
	"lookups.go simple.go furniture.go rests.go rests_config.go take.sh settled.sh return.sh candidate.go seal.go rooms_test.go")

// formerFunctions are functions of scripts.
var formerFunctions = strings.Fields("well patiently halt spare bounded stay over gone way_back go_back unedit attend strays decided settled " +
	"closet loose stacks where named inside everyone created described unlike endow unfill packed taken huge left told_id record_says is_called")

func TestFilesAndScriptsInTheFieldsWords(t *testing.T) {
	function := regexp.MustCompile(`(?m)^\s*([a-z_]+)\(\)`)
	walk(t, root, func(path string) {
		if slices.Contains(formerFiles, filepath.Base(path)) {
			t.Errorf("%s: a file's name says what is in it", path)
		}
		if filepath.Ext(path) != ".sh" {
			return
		}
		data, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range function.FindAllStringSubmatch(string(data), -1) {
			if slices.Contains(formerFunctions, m[1]) {
				t.Errorf("%s: the function %s has a better name", path, m[1])
			}
		}
	})
}

// TestRunsAreRolledBack: a run is rolled back, a step is reverted, a key is revoked. Taking
// back was all of them.
func TestRunsAreRolledBack(t *testing.T) {
	former := regexp.MustCompile(`(?i)\bt(ak(e|es|en|ing)|ook) ((it|them|this|that|itself) )?back\b`)
	walk(t, root, func(path string) {
		if !slices.Contains([]string{".go", ".sh", ".md", ".html", ".json", ".txtar"}, filepath.Ext(path)) {
			return
		}
		data, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Fatal(err)
		}
		if at := former.FindString(string(data)); at != "" {
			t.Errorf("%s: %q: a run is rolled back, a step is reverted", path, at)
		}
	})
}

// TestDocCommentsBeginWithTheName: go doc shows them one after the other, and a reader looks for
// the name.
func TestDocCommentsBeginWithTheName(t *testing.T) {
	tr := load(t)
	for _, f := range tr.shipped() {
		for _, d := range f.syntax.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Doc != nil && ast.IsExported(d.Name.Name) {
					begins(t, tr, d.Doc, d.Name.Name)
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					if s, ok := s.(*ast.TypeSpec); ok && ast.IsExported(s.Name.Name) {
						if doc := s.Doc; doc != nil || d.Doc != nil && !d.Lparen.IsValid() {
							if doc == nil {
								doc = d.Doc
							}
							begins(t, tr, doc, s.Name.Name)
						} else {
							t.Errorf("%s: %s has no doc comment", tr.at(s), s.Name.Name)
						}
					}
				}
			}
		}
	}
}

func begins(t *testing.T, tr *tree, doc *ast.CommentGroup, name string) {
	t.Helper()
	text := doc.Text()
	for _, article := range []string{"", "A ", "An ", "The "} {
		if rest, ok := strings.CutPrefix(text, article+name); ok && (rest == "" || !ast.IsExported(rest) && strings.ContainsAny(rest[:1], " ,.:'\n")) {
			return
		}
	}
	t.Errorf("%s: the comment begins with %q, not with %s", tr.at(doc), strings.SplitN(text, "\n", 2)[0], name)
}
