package images

import (
	"os/exec"
	"strings"
	"testing"
)

func TestLanesAreChosenByName(t *testing.T) {
	for _, c := range []struct{ name, env, want string }{
		{"", "", "trixie"}, {"", "sid", "sid"}, {"bookworm", "sid", "bookworm"}, {"woody", "", ""}, {"", "woody", ""},
	} {
		t.Setenv(LaneEnv, c.env)
		lane, err := FindLane(c.name)
		if lane.Name != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%q, %s=%q: %q (%v), want %q", c.name, LaneEnv, c.env, lane.Name, err, c.want)
		}
	}
}

// A database that is another major version is another image, and from 18 on its volume
// is mounted a folder higher.
func TestComposeFilesNameTheLanesDatabase(t *testing.T) {
	const file = "image: postgres:17\nvolumes:\n  - postgres_data:/var/lib/postgresql/data\n"
	for version, want := range map[int]string{
		17: file,
		15: "image: postgres:15\nvolumes:\n  - postgres_data:/var/lib/postgresql/data\n",
		18: "image: postgres:18\nvolumes:\n  - postgres_data:/var/lib/postgresql\n",
	} {
		if got := string((Lane{Postgres: version}).Compose([]byte(file))); got != want {
			t.Errorf("%d: %s", version, got)
		}
	}
}

// A trait without its function would be run as whatever program has that name.
func TestTraitsAreFunctionsOfSetup(t *testing.T) {
	setup, err := contexts.ReadFile("lane/setup")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range Lanes() {
		for _, trait := range l.Traits {
			if !strings.Contains(string(setup), "\n"+trait+"() {\n") {
				t.Errorf("lane %s: setup has no function %s", l.Name, trait)
			}
		}
	}
	if bash, err := exec.LookPath("bash"); err == nil {
		check := exec.Command(bash, "-n")
		check.Stdin = strings.NewReader(string(setup))
		if out, err := check.CombinedOutput(); err != nil {
			t.Errorf("setup: %v: %s", err, out)
		}
	}
}
