package main

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"liftalot/inventory"
	"liftalot/testenv/vps"
)

func TestParseItems(t *testing.T) {
	got, err := parseItems(".env\t-rw------- 0:0\nrows\t2 tables: users 20\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []item{{".env", "-rw------- 0:0"}, {"rows", "2 tables: users 20"}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(item{})); diff != "" {
		t.Error(diff)
	}
	// An item without a value would compare equal to another one.
	for _, out := range []string{"", "rows\n", "rows\t\n", "\tvalue\n", "a\tb\nsomething else\n"} {
		if got, err := parseItems(out); err == nil {
			t.Errorf("%q: got %v, want an error", out, got)
		}
	}
}

// The demo is worth nothing unless it sees each kind of difference.
func TestComparisonsSeeEveryDifference(t *testing.T) {
	before := []item{{"compose", "a"}, {".env", "b"}, {"gone", "c"}}
	after := []item{{".env", "x"}, {"compose", "a"}, {"left behind", "d"}}
	var got []string
	for _, c := range comparisons(before, after) {
		word, _, _ := strings.Cut(c.String(), " ")
		got = append(got, c.name+" "+word)
		if same := word == "same"; same != c.same() {
			t.Errorf("%s: said %s", c.name, word)
		}
	}
	want := []string{"compose same", ".env DIFFERS", "gone GONE", "left behind NEW"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestInventoryTextLoads(t *testing.T) {
	dir := t.TempDir()
	password := filepath.Join(dir, "password file")
	if err := os.WriteFile(password, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	hosts := []server{
		{name: "acme", addr: "10.1.2.3", port: 22, user: vps.UserDeploy, keyFile: "/k ey"},
		{name: "globex", addr: "10.1.2.4", port: 2222, user: vps.UserOps, keyFile: "/k ey"},
	}
	file := filepath.Join(dir, "inventory.yml")
	text := inventoryText(hosts, strings.Repeat("0a", 32), password)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	inv, err := inventory.Load(file, inventory.WithSSHConfig(), inventory.WithHome(dir))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if len(inv.Hosts()) != 2 {
		t.Errorf("got %d hosts, want 2", len(inv.Hosts()))
	}
}

func TestEnvironKeepsForeignSettingsOut(t *testing.T) {
	t.Setenv("NO_PROXY", "*")
	t.Setenv("SSH_AUTH_SOCK", "/agent")
	got := strings.Join(withoutOwn(os.Environ()), "\n") + "\n"
	for _, name := range []string{"NO_PROXY=", "SSH_AUTH_SOCK=", "HOME="} {
		if strings.Contains("\n"+got, "\n"+name) {
			t.Errorf("%s is still set", name)
		}
	}
}

func TestExplain(t *testing.T) {
	for _, c := range []struct {
		err         error
		interrupted bool
		want        int
	}{
		{nil, false, 0},
		{errors.New("2 things differ"), false, 1},
		{errors.New("cancelled"), true, 130},
	} {
		var said strings.Builder
		if got := explain(&said, c.err, c.interrupted); got != c.want {
			t.Errorf("%v: got %d, want %d", c.err, got, c.want)
		}
		if (c.err == nil) != (said.Len() == 0) {
			t.Errorf("%v: said %q", c.err, said.String())
		}
	}
}

// Without an engine the whole story is told on simulated servers, with the real
// binary, and its first and last lines say so.
func TestTheStoryOnSimulatedServers(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix://"+filepath.Join(t.TempDir(), "no-engine.sock"))
	var out strings.Builder
	if err := run(t.Context(), &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if lines[0] != simulated || lines[len(lines)-1] != simulated {
		t.Errorf("it begins with %q and ends with %q", lines[0], lines[len(lines)-1])
	}
	for _, want := range []string{
		"acme +upgraded", "globex +upgraded", "acme +rolled back", "globex +rolled back",
		`acme +health +.*"version":"0.24.6"`, "Everything is what it was before",
	} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("%q is not in:\n%s", want, out.String())
		}
	}
}
