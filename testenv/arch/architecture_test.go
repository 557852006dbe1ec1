package arch

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// The page on architecture tells who imports whom: what the code does today, where the
// table of TestWhoImportsWhom has what it may do.
func TestThePageOnArchitectureTellsWhoImportsWhom(t *testing.T) {
	const page = "docs/architecture.md"
	imports := map[string]map[string]bool{}
	for _, f := range load(t).shipped() {
		if imports[f.pkg] == nil {
			imports[f.pkg] = map[string]bool{}
		}
		for _, path := range f.imports {
			if name, ours := strings.CutPrefix(path, module+"/"); ours {
				imports[f.pkg][name] = true
			}
		}
	}
	told := map[string]string{}
	for _, tb := range tables(read(t, page)) {
		col := tb.column("imports")
		if col < 0 {
			continue
		}
		for _, row := range tb.rows {
			told[strings.Trim(row[0], "`")] = row[col]
		}
	}
	for name, set := range imports {
		want := "-"
		if len(set) > 0 {
			want = "`" + strings.Join(slices.Sorted(maps.Keys(set)), "` `") + "`"
		}
		if got, ok := told[name]; !ok || got != want {
			t.Errorf("%s: the line of %s should have the imports %s\n\tit has %s", page, name, want, fmt.Sprintf("%q", got))
		}
		delete(told, name)
	}
	for name := range told {
		t.Errorf("%s has a line of %s, which is no package", page, name)
	}
}
