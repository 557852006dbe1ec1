package arch

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// traps is the page that explains the codes.
const traps = "docs/traps.md"

// A code is a letter with a number (C11), "Case 17" or "Row 24". It is cited
//
//   - in the name of a test: TestC11…, TestR9Case17…, TestRow24…;
//   - in a comment of Go, of a script and of a story (txtar), as a word of its own;
//   - at the beginning of a string of a test, as the name of its case: "H1: …".
var (
	codesOfName = regexp.MustCompile(`^(?:Test|Fuzz)((?:[A-Z][0-9]{1,2}|Case[0-9]+|Row[0-9]+)+)(?:[A-Z_]|$)`)
	codeInName  = regexp.MustCompile(`[A-Z][0-9]{1,2}|Case[0-9]+|Row[0-9]+`)
	codeAlone   = regexp.MustCompile(`\b[A-Z][0-9]{1,2}\b`)
	codeBefore  = regexp.MustCompile(`^([A-Z][0-9]{1,2}): `)
	numbered    = regexp.MustCompile(`\b([Rr]ow|[Cc]ase)s? ([0-9]+(?:(?:,| and|, and| to) [0-9]+)*)`)
	trapS3      = regexp.MustCompile(`\b[Tt]raps? (?:[A-Z][0-9]+(?:,| and|, and) )*S3\b`)
)

// noCode reports words that look like a code and are none.
func noCode(word, text string) bool {
	switch {
	case word == "S3": // the protocol of buckets, unless it is called a trap
		return !trapS3.MatchString(text)
	case word[0] == 'I': // what testenv/sim/torture holds after each fault; its package comment lists them
		return true
	case word == "C0" || word == "C1" && strings.Contains(text, "control"): // sets of control characters
		return true
	}
	return false
}

// codesIn are the codes in a comment.
func codesIn(text string) (codes []string) {
	for _, word := range codeAlone.FindAllString(text, -1) {
		if !noCode(word, text) {
			codes = append(codes, word)
		}
	}
	for _, m := range numbered.FindAllStringSubmatch(text, -1) {
		for _, n := range regexp.MustCompile(`[0-9]+`).FindAllString(m[2], -1) {
			codes = append(codes, numberedCode(m[1], n))
		}
	}
	return codes
}

// numberedCode writes "case 6" the way the page does: "Case 06".
func numberedCode(word, digits string) string {
	n, _ := strconv.Atoi(digits)
	return fmt.Sprintf("%s %02d", strings.ToUpper(word[:1])+strings.ToLower(word[1:]), n)
}

func codesOfTest(name string) (codes []string) {
	m := codesOfName.FindStringSubmatch(name)
	if m == nil {
		return nil
	}
	for _, c := range codeInName.FindAllString(m[1], -1) {
		if digits := strings.TrimLeft(c, "CaseRow"); len(c)-len(digits) > 1 {
			c = numberedCode(strings.TrimSuffix(c, digits), digits)
		}
		codes = append(codes, c)
	}
	return codes
}

// cited maps each code to a place that cites it.
func cited(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	note := func(where string, codes []string) {
		for _, c := range codes {
			if found[c] == "" {
				found[c] = where
			}
		}
	}
	tr := load(t)
	for _, f := range tr.files {
		if f.pkg == "testenv/arch" {
			continue // these rules name codes as examples
		}
		for _, group := range f.syntax.Comments {
			note(tr.at(group), codesIn(group.Text()))
		}
		if !f.test {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				note(tr.at(n), codesOfTest(n.Name.Name))
			case *ast.BasicLit:
				if m := codeBefore.FindStringSubmatch(strings.Trim(n.Value, "\"`")); n.Kind == token.STRING && m != nil {
					note(tr.at(n), m[1:])
				}
			}
			return true
		})
	}
	walk(t, root, func(path string) {
		if ext := filepath.Ext(path); ext != ".sh" && ext != ".txtar" {
			return
		}
		data, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range bytes.Split(data, []byte("\n")) {
			if text, ok := strings.CutPrefix(strings.TrimSpace(string(line)), "#"); ok {
				note(fmt.Sprintf("%s:%d", path, i+1), codesIn(text))
			}
		}
	})
	return found
}

// explained are the codes that have a line in the page.
func explained(t *testing.T) (codes []string) {
	t.Helper()
	for _, tb := range tables(read(t, traps)) {
		if tb.column("code") != 0 {
			continue
		}
		for _, row := range tb.rows {
			for c := range strings.SplitSeq(row[0], ", ") {
				codes = append(codes, c)
			}
		}
	}
	return codes
}

// A code in a test's name or in a comment is of use to a reader who can look it up.
func TestEveryTrapIsExplained(t *testing.T) {
	have := explained(t)
	found := cited(t)
	for _, code := range slices.Sorted(maps.Keys(found)) {
		if !slices.Contains(have, code) {
			t.Errorf("%s: %s is cited, and %s does not explain it: give it a line", found[code], code, traps)
		}
	}
}

func TestCodesAreRecognised(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"Traps B4 and C9: nothing is built", "B4 C9"},
		{"as the backup has it (R7).", "R7"},
		{"Rows F4 and F5: each change", "F4 F5"},
		{"Row 28, P2: what is not known", "P2|Row 28"},
		{"R13, case 6: what", "R13|Case 06"},
		{"Rows 28 to 30, P2 and D1", "P2 D1|Row 28|Row 30"},
		{"one S3-compatible store", ""},
		{"Trap S3: a file that got content", "S3"},
		{"the SHA256 of x86_64 in UTF8", ""},
		{"a lower case 12a", "Case 12"},
	} {
		want := strings.FieldsFunc(c.want, func(r rune) bool { return r == '|' })
		if len(want) > 0 && !strings.HasPrefix(want[0], "Row ") && !strings.HasPrefix(want[0], "Case ") {
			want = append(strings.Fields(want[0]), want[1:]...)
		}
		if got := codesIn(c.text); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", c.text, got, want)
		}
	}
	for name, want := range map[string]string{
		"TestC11B4B7NothingSentToAHostDestroys": "C11,B4,B7", "TestR9Case17AnImage": "R9,Case 17", "TestRow24OccupiedByTheEditedModel": "Row 24",
		"TestHTTPAgain": "", "TestCase06RevokedElsewhere": "Case 06", "TestSHA256": "", "TestARealStore": "",
	} {
		if got := strings.Join(codesOfTest(name), ","); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}
