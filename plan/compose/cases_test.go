package compose

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// updating reports whether what the tests get is to be written as expected.
func updating() bool { return os.Getenv("LIFTALOT_GOLDEN") != "" }

// TestCases runs the files of testdata/cases. Each is a txtar archive:
//
//	in.yml            the file before
//	edits             one edit a line, see readEdits
//	body/NAME         the body of a service or of SECTION.NAME
//	out.yml           the file after, or
//	refusal           the kind and the line of the refusal
//	conflicts         the conflicts, one a line
//
// Each file is edited as it stands, and with other line ends. With
// LIFTALOT_GOLDEN=1 the outcomes are written as expected.
func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/cases/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) { runCase(t, path) })
	}
}

func runCase(t *testing.T, path string) {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	for _, f := range archive.Files {
		sections[f.Name] = string(f.Data)
	}
	edits := readEdits(t, sections)
	after, conflicts, refusal := edit(t, sections["in.yml"], edits)
	if updating() {
		writeCase(t, path, archive, map[string]string{"out.yml": after, "conflicts": conflicts, "refusal": refusal})
		return
	}
	for name, got := range map[string]string{"out.yml": after, "conflicts": conflicts, "refusal": refusal} {
		if diff := cmp.Diff(sections[name], got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if refusal != "" {
		return
	}
	for name, vary := range variants() {
		if strings.HasPrefix(name, "no end") && strings.HasSuffix(sections["in.yml"], "\n\n") {
			continue // a line end less is still a line end
		}
		if strings.HasPrefix(name, "no end") && endsOpen(t, vary(sections["in.yml"])) {
			continue // things go elsewhere in such a file
		}
		got, _, refusal := edit(t, vary(sections["in.yml"]), edits)
		if refusal != "" {
			t.Errorf("%s: refused: %s", name, refusal)
			continue
		}
		if diff := cmp.Diff(vary(after), got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// endsOpen reports whether a file ends inside a text block.
func endsOpen(t *testing.T, src string) bool {
	t.Helper()
	f, err := Parse("compose.yml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return f.open(f.root, 0, f.lines())
}

// variants are ways to write the same file.
func variants() map[string]func(string) string {
	crlf := func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }
	open := func(s string) string { return strings.TrimSuffix(s, "\n") }
	return map[string]func(string) string{
		"CRLF":        crlf,
		"no end":      open,
		"no end CRLF": func(s string) string { return crlf(open(s)) },
		"BOM":         func(s string) string { return bom + s },
		"BOM, CRLF":   func(s string) string { return bom + crlf(s) },
	}
}

// edit edits a file and returns it, the conflicts and the refusal as text.
func edit(t *testing.T, src string, edits []Edit) (after, conflicts, refusal string) {
	t.Helper()
	f, err := Parse("compose.yml", []byte(src))
	var r *Result
	if err == nil {
		r, err = f.Apply(edits...)
	}
	var no *RefusalError
	if errors.As(err, &no) {
		return "", "", fmt.Sprintf("%s\nline %d\n%s\n%s\n", no.Kind, no.Line, no.Reason, no.Hint)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range r.Conflicts {
		conflicts += fmt.Sprintf("line %d: %s\n", c.Line, c)
	}
	undone, err := Undo(r.Before, r.After, r.After)
	if err != nil || string(undone.Content) != src {
		t.Errorf("undo does not give the file before: %v", err)
	}
	return string(r.After), conflicts, ""
}

func writeCase(t *testing.T, path string, archive *txtar.Archive, got map[string]string) {
	t.Helper()
	out := &txtar.Archive{Comment: archive.Comment}
	for _, f := range archive.Files {
		if _, made := got[f.Name]; !made {
			out.Files = append(out.Files, f)
		}
	}
	for _, name := range []string{"out.yml", "conflicts", "refusal"} {
		if got[name] != "" {
			out.Files = append(out.Files, txtar.File{Name: name, Data: []byte(got[name])})
		}
	}
	data := bytes.ReplaceAll(txtar.Format(out), []byte("\r\n"), []byte("\n"))
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// readEdits reads the lines
//
//	pin SERVICE IMAGE
//	env SERVICE KEY=VALUE...
//	replace SERVICE KEY=VALUE
//	secret SERVICE SECRET
//	networks SERVICE NETWORK...
//	override SERVICE NETWORK...
//	service NAME
//	top SECTION NAME
func readEdits(t *testing.T, sections map[string]string) []Edit {
	t.Helper()
	var out []Edit
	for line := range strings.Lines(sections["edits"]) {
		w := strings.Fields(line)
		switch w[0] {
		case "pin":
			out = append(out, PinImage{w[1], w[2]})
		case "env":
			e := SetEnvironment{Service: w[1]}
			for _, kv := range w[2:] {
				k, v, _ := strings.Cut(kv, "=")
				e.Vars = append(e.Vars, Var{k, v})
			}
			out = append(out, e)
		case "replace":
			k, v, _ := strings.Cut(w[2], "=")
			out = append(out, ReplaceEnvironment{w[1], k, v})
		case "secret":
			out = append(out, AddServiceSecret{w[1], w[2]})
		case "networks", "override":
			out = append(out, AddServiceNetworks{w[1], w[2:], w[0] == "override"})
		case "service":
			out = append(out, AddService{w[1], sections["body/"+w[1]]})
		case "top":
			out = append(out, AddTopLevel{w[1], w[2], sections["body/"+w[1]+"."+w[2]]})
		default:
			t.Fatalf("unknown edit %q", line)
		}
	}
	return out
}
