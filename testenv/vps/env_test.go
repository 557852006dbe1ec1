package vps_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"liftalot/testenv/vps"
	"liftalot/testenv/vps/vpstest"
)

func TestTwoServersStandApartAndCloseTakesBoth(t *testing.T) {
	env := vpstest.Open(t)
	type booted struct {
		host *vps.Host
		err  error
	}
	results := make(chan booted, 2)
	for range 2 {
		go func() {
			host, err := env.Boot(t.Context(), vps.BootOptions{Scenario: "public"})
			results <- booted{host, err}
		}()
	}
	a, b := <-results, <-results
	do(t, a.err, b.err)
	if a.host.Addr == b.host.Addr || a.host.Name == b.host.Name || a.host.HostKey == b.host.HostKey {
		t.Errorf("%s and %s share an address, a name or a key", a.host.Name, b.host.Name)
	}
	reachable(t, a.host)
	reachable(t, b.host)
	do(t, a.host.Cut(t.Context()))
	reachable(t, b.host)
	again, err := env.Host(t.Context(), b.host.Name)
	if err != nil || again.HostKey != b.host.HostKey || again.Addr != b.host.Addr {
		t.Errorf("found again as %+v (%v)", again, err)
	}
	checkClose(t, env)
}

// checkClose sees that nothing is left, also of a server that was cut off.
func checkClose(t *testing.T, env *vps.Env) {
	if len(owned(t, env.Owner())) == 0 {
		t.Fatal("an open environment has no objects with its owner's label")
	}
	do(t, env.Close(t.Context()))
	if left := owned(t, env.Owner()); len(left) > 0 {
		t.Errorf("left behind: %s", left)
	}
	if _, err := os.Stat(env.KeyFile()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the key is still there: %v", err)
	}
	if _, err := vps.Attach(t.Context(), vps.Options{Owner: env.Owner()}); !errors.Is(err, vps.ErrNoEnv) {
		t.Errorf("attach to a closed environment: %v; want %v", err, vps.ErrNoEnv)
	}
}

// What a killed process left goes with the next Open, and nothing else does.
func TestOpenSweepsUpAfterTheDead(t *testing.T) {
	living := vpstest.Open(t)
	const dead = "00000000-0000-0000-0000-000000000000:1:1:1" // of another boot
	for _, args := range [][]string{
		{"volume", "create", "--label", "liftalot.testenv.owner=t-dead"},
		{"volume", "create"}, // a golden disk in the making has no owner
	} {
		args = append(args, "--label", "liftalot.testenv=1", "--label", "liftalot.testenv.process="+dead)
		do(t, exec.CommandContext(t.Context(), "docker", args...).Run())
	}
	again, err := vps.Open(t.Context(), vps.Options{Owner: living.Owner()})
	do(t, err)
	out, err := exec.CommandContext(t.Context(), "docker", "volume", "ls", "-q", "--filter", "label=liftalot.testenv.process="+dead).Output()
	if err != nil || len(out) > 0 {
		t.Errorf("still there: %s (%v)", out, err)
	}
	if _, err := os.Stat(living.KeyFile()); err != nil {
		t.Errorf("the living lost its key: %v", err)
	}
	if _, err := again.Fixture().Info(t.Context()); err != nil {
		t.Errorf("the living lost the vendor's hosts: %v", err)
	}
}

// owned lists containers, volumes and networks with an owner's label.
func owned(t *testing.T, owner string) []string {
	t.Helper()
	var all []string
	for _, args := range [][]string{{"ps", "-a"}, {"volume", "ls"}, {"network", "ls"}} {
		args = append(args, "-q", "--filter", "label=liftalot.testenv.owner="+owner)
		out, err := exec.CommandContext(t.Context(), "docker", args...).Output()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, strings.Fields(string(out))...)
	}
	return all
}
