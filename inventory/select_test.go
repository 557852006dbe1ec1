package inventory

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

const fleet = `version: 1
groups: {eu: [web-2, acme], us: [globex], empty: []}
hosts:
  acme: {address: a}
  web-2: {address: b}
  web-1: {address: c}
  globex: {address: d}
`

func TestSelect(t *testing.T) {
	inv := mustParse(t, fleet, "")
	tests := []struct{ patterns, want string }{
		{"", "acme web-2 web-1 globex"},
		{"globex acme", "acme globex"},
		{"acme acme a*", "acme"},
		{"web-*", "web-2 web-1"},
		{"web-[1]", "web-1"},
		{"@eu", "acme web-2"},
		{"@*u* !acme", "web-2 globex"},
		{"!@eu", "web-1 globex"},
		{"!web-* @eu", "acme"},
		{"!web-1 !globex", "acme web-2"},
		{"acmee", `error: pattern "acmee": names no host of /home/me/work/inventory.yml (did you mean "acme"?)`},
		{"!golbex", `error: pattern "!golbex": names no host of /home/me/work/inventory.yml (did you mean "globex"?)`},
		{"eu", `error: pattern "eu": names no host of /home/me/work/inventory.yml (for the group write @eu)`},
		{"@ue", `error: pattern "@ue": names no group of /home/me/work/inventory.yml (did you mean "eu"?)`},
		{"@nowhere", `error: pattern "@nowhere": names no group of /home/me/work/inventory.yml (the groups are @eu, @us, @empty)`},
		{"db-*", `error: pattern "db-*": names no host of /home/me/work/inventory.yml (the hosts are acme, web-2, web-1, globex)`},
		{"[", `error: pattern "[": is no valid pattern (a [ needs its ])`},
		{"acme !acme", `error: pattern "acme !acme": leaves no host`},
		{"@empty", `error: pattern "@empty": leaves no host`},
	}
	for _, tt := range tests {
		t.Run(tt.patterns, func(t *testing.T) {
			hosts, err := inv.Select(strings.Fields(tt.patterns)...)
			got := strings.Join(names(hosts), " ")
			if err != nil {
				got = "error: " + err.Error()
				var p *PatternError
				if !errors.As(err, &p) {
					t.Errorf("error is %T", err)
				}
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func names(hosts []Host) []string {
	var list []string
	for _, h := range hosts {
		list = append(list, h.Name)
	}
	return list
}

func TestSelectHandsOutCopies(t *testing.T) {
	inv := mustParse(t, "version: 1\nhosts: {a: {address: h, labels: {x: y}}}\n", "")
	first, _ := inv.Select("a")
	first[0].Labels["x"] = "changed"
	again, _ := inv.Select("a")
	if again[0].Labels["x"] != "y" {
		t.Error("a caller changed the inventory")
	}
}

// FuzzSelect holds that what is selected is in file order, once, and never
// something that was excluded by name.
func FuzzSelect(f *testing.F) {
	f.Add("@eu !acme")
	f.Add("web-* !@us")
	f.Add("[a-\\")
	inv, err := Parse("i.yml", []byte(fleet), WithSSHConfig())
	if err != nil {
		f.Fatal(err)
	}
	order := names(inv.Hosts())
	f.Fuzz(func(t *testing.T, text string) {
		patterns := strings.Fields(text)
		hosts, err := inv.Select(patterns...)
		if err != nil {
			return
		}
		last := -1
		for _, name := range names(hosts) {
			i := slices.Index(order, name)
			if i <= last || slices.Contains(patterns, "!"+name) {
				t.Fatalf("%q selects %v", patterns, names(hosts))
			}
			last = i
		}
	})
}

func BenchmarkLoadThousandHosts(b *testing.B) {
	var text strings.Builder
	text.WriteString("version: 1\ndefaults: {user: deploy}\nhosts:\n")
	for i := range 1000 {
		fmt.Fprintf(&text, "  client-%d: {address: 10.0.%d.%d, sudo: env:S, labels: {client: c%d}}\n", i, i/256, i%256, i)
	}
	data := []byte(text.String())
	for b.Loop() {
		if _, err := Parse("i.yml", data, WithSSHConfig()); err != nil {
			b.Fatal(err)
		}
	}
}
