package compose

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestUndo(t *testing.T) {
	const before = "services:\n  web:\n    image: a\n    environment:\n      A: a\n    restart: always\n  db:\n    image: b\n"
	const ours = "services:\n  web:\n    # Was: image: a\n    image: z\n    environment:\n      A: a\n      B: b\n    restart: always\n    secrets:\n      - token\n  db:\n    image: b\nsecrets:\n  token:\n    file: t\n"
	for _, tt := range []struct {
		name, before, ours, now, want string
		kept                          bool
		clash                         []int // lines; no want
	}{
		{"untouched", before, ours, ours, before, false, nil},
		{"already back", before, ours, before, before, false, nil},
		{"we changed nothing", before, before, ours, ours, true, nil},
		{
			"elsewhere", before, ours,
			"# hello\nservices:\n  web:\n    # Was: image: a\n    image: z\n    environment:\n      A: a\n      B: b\n    restart: no\n    secrets:\n      - token\n  db:\n    image: c\nsecrets:\n  token:\n    file: t\n",
			"# hello\nservices:\n  web:\n    image: a\n    environment:\n      A: a\n    restart: no\n  db:\n    image: c\n", true, nil,
		},
		{
			"right below ours", before, ours,
			"services:\n  web:\n    # Was: image: a\n    image: z\n    environment:\n      A: a\n      B: b\n      C: c\n    restart: always\n    secrets:\n      - token\n  db:\n    image: b\nsecrets:\n  token:\n    file: t\n",
			"services:\n  web:\n    image: a\n    environment:\n      A: a\n      C: c\n    restart: always\n  db:\n    image: b\n", true, nil,
		},
		{
			"the line we wrote", before, ours,
			"services:\n  web:\n    # Was: image: a\n    image: zz\n    environment:\n      A: a\n      B: b\n    restart: always\n    secrets:\n      - token\n  db:\n    image: b\nsecrets:\n  token:\n    file: t\n",
			"", false, []int{3},
		},
		{
			"an item in the list we began", before, ours,
			"services:\n  web:\n    # Was: image: a\n    image: z\n    environment:\n      A: a\n      B: b\n    restart: always\n    secrets:\n      - token\n      - other\n  db:\n    image: b\nsecrets:\n  token:\n    file: t\n",
			"", false, []int{9},
		},
		{"env file", "A=1\nB=2\n", "A=1\nB=2\nP=x\n", "A=1\nB=3\nP=x\nC=4\n", "A=1\nB=3\nC=4\n", true, nil},
		{"env file, same line", "P=a\n", "P=a,b\n", "P=a,b,c\n", "", false, []int{1}},
		{"no line end", "A=1", "A=1\nP=x", "A=1\nP=x\nC=4", "A=1\nC=4", true, nil},
		{"a line end since", "A=1", "A=1\nP=x", "A=1\nP=x\nC=4\n", "A=1\nC=4\n", true, nil},
		{"a line end of ours", "A=1", "A=1\nP=x\n", "A=2\nP=x\n", "A=2", true, nil},
		{"CRLF", "A=1\r\nB=2\r\n", "A=1\r\nB=2\r\nP=x\r\n", "A=9\r\nB=2\r\nP=x\r\n", "A=9\r\nB=2\r\n", true, nil},
		{"two at one point", "A\nB\n", "A\nx\nB\n", "A\nB\n", "A\nB\n", false, nil},
		{"back since, and an edit behind", "A\nB\n", "A\nx\nB\n", "A\nB\nC\n", "A\nB\nC\n", true, nil},
		{"back since, and an edit before", "A\nB\n", "A\nx\nB\n", "0\nA\nB\n", "0\nA\nB\n", true, nil},
		{"back since, another line beside", "A\nB\nC\n", "A\nx\nB\nC\n", "A\nb\nC\n", "", false, []int{2}},
		{"back since, another line in its place", "A\nB\n", "A\nx\nB\n", "A\ny\nB\n", "", false, []int{2}},
		{"a line we took out is back", "A\nx\nB\n", "A\nB\n", "A\nx\nB\nC\n", "A\nx\nB\nC\n", true, nil},
		{"a line we took out is back otherwise", "A\nx\nB\n", "A\nB\n", "A\ny\nB\nC\n", "", false, []int{2}},
		{"a line we replaced is back", "A\nx\nB\n", "A\ny\nB\n", "A\nx\nB\nC\n", "A\nx\nB\nC\n", true, nil},
		{"one of two back since", "A\nB\nC\n", "A\nx\nB\ny\nC\n", "A\nB\ny\nC\nD\n", "A\nB\nC\nD\n", true, nil},
		{"one back since, one changed", "A\nB\nC\n", "A\nx\nB\ny\nC\n", "A\nB\nz\nC\n", "", false, []int{3}},
		{"no line end, back since", "A=1\nB=1", "A=1\nx\nB=1\n", "A=1\nB=1\nC=1", "A=1\nB=1\nC=1", true, nil},
		{
			"compose file, back since", before, ours,
			"x-a: b\n" + before, "x-a: b\n" + before, true, nil,
		},
		{
			"compose file, back since, and an edit where ours was", before, ours,
			before + "    restart: no\n", "", false, []int{9},
		},
		{
			"compose file, half of it back since", before, ours,
			"x-a: b\nservices:\n  web:\n    image: a\n    environment:\n      A: a\n    restart: always\n    secrets:\n      - token\n  db:\n    image: b\nsecrets:\n  token:\n    file: t\n",
			"x-a: b\n" + before, true, nil,
		},
		{
			"an item back since, and another behind", "a:\n  - A\n  - B\n", "a:\n  - A\n  - x\n  - B\n",
			"a:\n  - A\n  - B\n  - C\n", "a:\n  - A\n  - B\n  - C\n", true, nil,
		},
		{
			"an item we replaced is back, and another behind", "a:\n  - A\n  - B\n", "a:\n  - x\n  - B\n",
			"a:\n  - A\n  - B\n  - C\n", "a:\n  - A\n  - B\n  - C\n", true, nil,
		},
		{"emptied since", "A\nB\n", "A\nx\nB\n", "", "", false, []int{1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Undo([]byte(tt.before), []byte(tt.ours), []byte(tt.now))
			var conflict *UndoConflictError
			var lines []int
			if errors.As(err, &conflict) {
				for _, c := range conflict.Clashes {
					lines = append(lines, c.Line)
				}
			} else if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.clash, lines); diff != "" {
				t.Errorf("clashes: %s\n%+v\n%s", diff, conflict, got.Content)
			}
			if diff := cmp.Diff(tt.want, string(got.Content)); diff != "" {
				t.Error(diff)
			}
			if got.Kept != tt.kept {
				t.Errorf("kept: %v", got.Kept)
			}
		})
	}
}
