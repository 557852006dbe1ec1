// Package remotetest holds the contract of package remote as a test suite.
//
// Whatever answers to a [remote.Client], a real sshd with a real sudo or a
// simulated host, must pass [Run]. The suite needs nothing of the host but
// what the contract needs: a POSIX shell and the usual small tools.
package remotetest

import (
	"bytes"
	"context"
	"path"
	"testing"
	"time"

	"liftalot/remote"
)

// A Fixture is a host for one test.
type Fixture struct {
	Config remote.Config
	// Dir is an empty folder on the host that exists for this test alone and
	// in which commands with Root set may do as they like.
	Dir string
	// Client makes the client. Nil means remote.NewClient.
	Client func(remote.Config) *remote.Client
	// Cut breaks every connection to the host at once, the way a dead link
	// does. Nil skips the tests that need it.
	Cut func()
}

// A host is a fixture and a client of it.
type host struct {
	Fixture
	*remote.Client
}

// Run puts a host to the test. It asks for a fixture for each case; they may
// share a machine, and must not share a Dir.
func Run(t *testing.T, newHost func(t *testing.T) Fixture) {
	for _, group := range []struct {
		name  string
		cases []testCase
	}{
		{"run", runCases()},
		{"files", fileCases()},
		{"link", linkCases()},
		{"job", jobCases()},
		{"lock", lockCases()},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, c := range group.cases {
				t.Run(c.name, func(t *testing.T) {
					f := newHost(t)
					if c.cuts && f.Cut == nil {
						t.Skip("NOT RUN: this host's link cannot be cut")
					}
					c.test(t, f.open(t))
				})
			}
		})
	}
}

type testCase struct {
	name string
	cuts bool // needs Fixture.Cut
	test func(t *testing.T, h host)
}

// open makes one more client of the host.
func (f Fixture) open(t *testing.T) host {
	t.Helper()
	newClient := f.Client
	if newClient == nil {
		newClient = remote.NewClient
	}
	c := newClient(f.Config)
	t.Cleanup(func() { c.Close() })
	return host{Fixture: f, Client: c}
}

// at returns the path of a name in the test's folder.
func (h host) at(name string) string { return path.Join(h.Dir, name) }

// sh runs a script as root and expects it to succeed.
func (h host) sh(t *testing.T, script string, args ...string) string {
	t.Helper()
	res, err := h.Run(t.Context(), remote.Command{Name: "test script", Script: script, Args: args, Root: true})
	if err != nil {
		t.Fatalf("%s: %v: %s", script, err, res.Stderr)
	}
	return string(bytes.TrimRight(res.Stdout, "\n"))
}

// await asks until the host says yes.
func (h host) await(t *testing.T, what, script string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := h.Run(ctx, remote.Command{Name: what, Script: script, Args: args, Root: true})
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s did not come true: %v", what, err)
		case <-tick.C:
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
