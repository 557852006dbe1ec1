package compose

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/txtar"
)

// seeds are the files of the cases, before and after.
func seeds(f *testing.F) []string {
	f.Helper()
	files, err := filepath.Glob("testdata/cases/*.txtar")
	if err != nil || len(files) == 0 {
		f.Fatal("no cases", err)
	}
	var out []string
	for _, path := range files {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, s := range archive.Files {
			if strings.HasSuffix(s.Name, ".yml") {
				out = append(out, string(s.Data))
			}
		}
	}
	return out
}

// chooser picks edits of a file at random, from one number.
type chooser struct {
	*rand.Rand
	f *File
}

func pick[T any](c chooser, from ...T) T { return from[c.IntN(len(from))] }

func (c chooser) edits() []Edit {
	var out []Edit
	for range 1 + c.IntN(4) {
		out = append(out, c.edit())
	}
	return out
}

func (c chooser) edit() Edit {
	service := pick(c, append(c.f.Services(), "proxy")...)
	key, text := pick(c, "A", "B", "x.y", "on", "Ä"), pick(c, "1", "a b", "", "x: #y", "b", "\"'", "${A:-b}")
	name := pick(c, "token", "data", "inner", "on", "7")
	switch c.IntN(9) {
	case 0:
		return PinImage{service, pick(c, "example/web:2", "example/web@sha256:0123")}
	case 1, 2:
		return SetEnvironment{service, []Var{{key, text}, {"Z", "z"}}}
	case 3:
		return ReplaceEnvironment{service, key, text}
	case 4:
		return AddServiceSecret{service, name}
	case 5:
		return AddServiceNetworks{service, []string{name, "outer"}, c.IntN(2) == 0}
	case 6:
		return AddService{pick(c, "proxy", "1"), pick(c, "image: p\n", "image: p\ncommand: |\n  a\n\n  b\nports:\n  - a: b\n    c:\n      d: e\n  - f\n")}
	case 7:
		return AddServiceVolume{service, name, pick(c, "/data", "/x y", "/")}
	}
	return AddTopLevel{pick(c, "volumes", "networks", "secrets"), name, pick(c, "", "internal: true\n")}
}

// FuzzApply makes edits of files like those of the cases: whatever the file,
// it is edited and every invariant holds, or it is refused with a reason other
// than that an invariant did not hold.
func FuzzApply(f *testing.F) {
	for i, s := range seeds(f) {
		f.Add([]byte(s), uint64(i))
	}
	f.Fuzz(func(t *testing.T, src []byte, choice uint64) {
		file, err := Parse("compose.yml", src)
		if err != nil {
			return
		}
		edits := chooser{rand.New(rand.NewPCG(choice, 0)), file}.edits()
		r, err := file.Apply(edits...)
		var no *RefusalError
		if errors.As(err, &no) && no.Kind != NotVerified {
			return
		}
		if err != nil {
			t.Fatalf("%+v: %v", edits, err)
		}
		again, err := Parse("compose.yml", r.After)
		if err != nil {
			t.Fatalf("the outcome: %v", err)
		}
		if twice, err := again.Apply(edits...); err != nil || twice.Changed() {
			t.Fatalf("%+v, once more: %v, %v", edits, twice, err)
		}
		if back, err := Undo(r.Before, r.After, r.After); err != nil || !bytes.Equal(back.Content, src) {
			t.Fatalf("undo: %q, %v", back.Content, err)
		}
	})
}

// FuzzUndo takes a change out of a file that somebody edited since, in any
// texts: what comes out holds the other change, or both sides are shown.
func FuzzUndo(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add([]byte(s), []byte(s+"x: y\n"), []byte("# a\n"+s+"x: y\n"))
		f.Add([]byte("A=1\n"), []byte("A=1\nB=2\n"), []byte(s))
	}
	f.Fuzz(func(t *testing.T, before, ours, now []byte) {
		r, err := Undo(before, ours, now)
		var clash *UndoConflictError
		if errors.As(err, &clash) {
			if len(clash.Clashes) == 0 {
				t.Fatal("a clash at no place")
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if !r.Kept && !bytes.Equal(r.Content, before) {
			t.Fatalf("not the file before: %q", r.Content)
		}
		// What came since, put on top of before, gives the same: taking ours out
		// of now and bringing theirs to before is one thing.
		if other, err := Undo(now, ours, before); err != nil || !bytes.Equal(other.Content, r.Content) {
			t.Fatalf("seen from the other side: %q, %v; want %q", other.Content, err, r.Content)
		}
	})
}

// FuzzPlaces asks the parser's positions of any file: the end of each node is
// behind its start, within the file, and the next node is behind it.
func FuzzPlaces(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		file, err := Parse("compose.yml", src)
		if err != nil {
			return
		}
		var walk func(n *node, parent int)
		walk = func(n *node, parent int) {
			if end, err := file.end(n, parent); err == nil && (end < file.start(n) || end > len(src)) {
				t.Fatalf("%d:%d: from %d to %d", n.Line, n.Column, file.start(n), end)
			}
			if column, err := file.column(n); err == nil {
				parent = column
			}
			for _, c := range n.Content {
				walk(c, parent)
			}
		}
		walk(file.root, 0)
	})
}

// FuzzScalarText writes any text as a scalar and reads it back.
func FuzzScalarText(f *testing.F) {
	for _, s := range []string{"", "a", "on", ".5", "a: b", "#", "\"", "\\", "a\nb", "\t", "é", "😀", "0x1", "a=b", "~", "-", "\x7f", "\u0085", "\u2028"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return
		}
		written := []string{"k: " + scalarText(s) + "\n", "k: [" + quote(s) + ", x]\n"}
		if len(s) <= maxKey {
			written = append(written, "k: {"+quote(s)+": x}\n")
		}
		for _, src := range written {
			root, err := decode([]byte(src))
			if err != nil {
				t.Fatalf("%q: %v", src, err)
			}
			got := root.Content[1]
			if len(got.Content) > 0 {
				got = got.Content[0]
			}
			if got.Value != s || got.ShortTag() != "!!str" {
				t.Fatalf("%q reads %s %q", src, got.ShortTag(), got.Value)
			}
		}
	})
}

// FuzzBody indents any body anew, in many styles: it means the same there.
func FuzzBody(f *testing.F) {
	for _, s := range []string{proxyBody, updaterBody, "a: |\n  b\n\n   c\nd:\n- e: f\n  g:\n  - h\n# i\nj: {k: l,\n  m: n}\n", "a: >2-\n   b\n", "a: b\n  c\nd: \"e\n  f\"\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		b, err := parseBody("it", src)
		if err != nil {
			return
		}
		for _, s := range []style{{1, 0}, {2, 2}, {2, 0}, {3, 1}, {4, 4}, {8, 2}} {
			text := "services:\n" + strings.Join(b.lines("it", 2, s), "\n") + "\n"
			file, err := parse("", []byte(text))
			if err != nil {
				t.Fatalf("%+v: %v\n%s", s, err, text)
			}
			if path, differ := firstDifference(b.value, file.value.get("services", "it")); differ {
				t.Fatalf("%+v: %s differs\n%s", s, joinPath(path), text)
			}
		}
	})
}

// FuzzModel reads any model: it is equal to itself, and can be told in words.
func FuzzModel(f *testing.F) {
	f.Add([]byte(modelBefore), []byte(upgradedModel()))
	f.Add([]byte(`{"services": {"a": null, "b": {"volumes": [1, "x"], "secrets": [null], "ports": {}}}}`), []byte(`{"services": {}}`))
	f.Fuzz(func(t *testing.T, before, after []byte) {
		a, err := ParseModel(before)
		if err != nil {
			return
		}
		if diffs := CompareModels(a, a); len(diffs) > 0 {
			t.Fatalf("it differs from itself: %v", diffs)
		}
		b, err := ParseModel(after)
		if err != nil {
			return
		}
		diffs := CompareModels(a, b)
		if len(diffs) == 0 && Summary(diffs) != "" || len(diffs) > 0 && Summary(diffs) == "" {
			t.Fatalf("%v is told as %q", diffs, Summary(diffs))
		}
		for _, name := range append(a.ServiceNames(), "nobody") {
			a.Service(name)
		}
		if left := CheckModels(a, b, Declare(upgradeEdits()...)); len(diffs) == 0 && len(left) > len(Declare(upgradeEdits()...)) {
			t.Fatalf("nothing changed and there is more to say than was declared: %v", left)
		}
	})
}
