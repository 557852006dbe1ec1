package vps

import (
	"os/exec"
	"strings"
	"testing"
)

func TestAProcessIsGoneOnlyWhenItIs(t *testing.T) {
	self, err := thisProcess()
	if err != nil {
		t.Fatal(err)
	}
	f := strings.Split(self, ":")
	with := func(i int, value string) string {
		g := append([]string(nil), f...)
		g[i] = value
		return strings.Join(g, ":")
	}
	for _, c := range []struct {
		what, process string
		want          bool
	}{
		{"this process", self, false},
		{"its number, given out again", with(3, "1"), true},
		{"another boot", with(0, "00000000-0000-0000-0000-000000000000"), true},
		{"another namespace", with(1, "1"), false},
		{"something else", "anything", false},
		{"nothing", "", false},
	} {
		if got := gone(c.process); got != c.want {
			t.Errorf("%s: gone(%q) is %t", c.what, c.process, got)
		}
	}
}

func TestAnEndedProcessIsGone(t *testing.T) {
	child := exec.CommandContext(t.Context(), "sleep", "60")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	boot, space, err := thisMachine()
	if err != nil {
		t.Fatal(err)
	}
	start, err := startTime(child.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	process := processName(boot, space, child.Process.Pid, start)
	if gone(process) {
		t.Error("gone while it runs")
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it was killed, and says so
	if !gone(process) {
		t.Error("not gone after its end")
	}
}

func TestPoolsStayClearOfEngines(t *testing.T) {
	for i := range pools {
		if s := pool(i).String(); !strings.HasPrefix(s, "10.214.") || !strings.HasSuffix(s, ".0/24") {
			t.Fatalf("pool %d is %s", i, s)
		}
	}
	subnet := pool(7)
	if got := numbered(subnet, firstHostNumber).String(); got != "10.214.7.10" {
		t.Errorf("first host is %s", got)
	}
}
