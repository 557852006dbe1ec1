package vpstest

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// recorder is a test that notes how it ended.
type recorder struct {
	testing.TB
	ended string
}

func (r *recorder) Helper() {}

func (r *recorder) Skipf(format string, args ...any) {
	r.ended = "skipped: " + fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.ended = "failed: " + fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func TestWithoutAnEngine(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT RUN: -short skips whatever wants a server, with or without an engine")
	}
	t.Setenv("PATH", t.TempDir())
	for _, c := range []struct{ require, want string }{
		{"", "skipped: NOT RUN: needs a Docker engine"},
		{"1", "failed: LIFTALOT_REQUIRE_DOCKER=1 and the test cannot run"},
	} {
		t.Setenv(RequireEnv, c.require)
		r := &recorder{TB: t}
		done := make(chan struct{})
		go func() {
			defer close(done)
			Open(r)
		}()
		<-done
		if !strings.HasPrefix(r.ended, c.want) {
			t.Errorf("with %s=%q the test %s; want %s", RequireEnv, c.require, r.ended, c.want)
		}
	}
}

func TestOwnersDiffer(t *testing.T) {
	var owners []string
	for _, name := range []string{"a very long name, part one", "a very long name, part two"} {
		t.Run(name, func(t *testing.T) { owners = append(owners, owner(t)) })
	}
	if owners[0] == owners[1] || len(owners[0]) > 41 {
		t.Errorf("owners are %q", owners)
	}
}
