// Package vpstest lends throw-away servers to tests.
//
//	func TestUpgrade(t *testing.T) {
//		host := vpstest.Boot(t, "public")
//		...
//	}
//
// Where no Docker engine answers the test is skipped, and says so on standard
// error whatever the flags; with [RequireEnv] set to 1 it fails instead, so
// that a run that must test the real thing cannot pass without it.
//
// Each environment belongs to one test: releases and faults do not leak into
// another, and tests may run in parallel. It is removed when the test ends,
// also when it failed; a failed test logs what the servers said last.
package vpstest

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"liftalot/testenv/vps"
	"liftalot/testenv/vps/engine"
)

// RequireEnv names the variable that forbids skipping.
const RequireEnv = "LIFTALOT_REQUIRE_DOCKER"

// removeWithin bounds the clean-up, which runs even when the test was cancelled.
const removeWithin = 2 * time.Minute

// Boot lends a server of the scenario, in an environment of its own.
func Boot(tb testing.TB, scenario string) *vps.Host {
	tb.Helper()
	return BootIn(tb, Open(tb), vps.BootOptions{Scenario: scenario})
}

// Open returns an environment for the test's servers. With -short the test is skipped.
func Open(tb testing.TB) *vps.Env {
	tb.Helper()
	if testing.Short() {
		tb.Skip("NOT RUN: -short")
	}
	env, err := vps.Open(tb.Context(), vps.Options{Owner: owner(tb), Log: os.Stderr})
	if errors.Is(err, engine.ErrNone) {
		notRun(tb, err)
	}
	if err != nil {
		tb.Fatalf("open test environment: %v", err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), removeWithin)
		defer cancel()
		if err := env.Close(ctx); err != nil {
			tb.Errorf("remove test environment: %v", err)
		}
	})
	return env
}

// BootIn lends a server in an environment that the test has opened.
func BootIn(tb testing.TB, env *vps.Env, options vps.BootOptions) *vps.Host {
	tb.Helper()
	host, err := env.Boot(tb.Context(), options)
	if err != nil {
		tb.Fatalf("boot scenario %s: %v", options.Scenario, err)
	}
	// Clean-up runs last in, first out: this is before the server is removed.
	tb.Cleanup(func() {
		if !tb.Failed() {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), removeWithin)
		defer cancel()
		tb.Logf("what %s said last:\n%s", host.Name, host.Logs(ctx))
	})
	return host
}

func notRun(tb testing.TB, cause error) {
	tb.Helper()
	if os.Getenv(RequireEnv) == "1" {
		tb.Fatalf("%s=1 and the test cannot run: %v", RequireEnv, cause)
	}
	fmt.Fprintf(os.Stderr, "NOT RUN: %s needs a Docker engine: %v\n", tb.Name(), cause)
	tb.Skipf("NOT RUN: needs a Docker engine: %v", cause)
}

// owner turns a test's name into an owner's, unique on this machine.
func owner(tb testing.TB) string {
	name := regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(tb.Name()), "-")
	name = strings.Trim(name[:min(len(name), 20)], "-")
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(tb.Name())) // a hash takes every write
	return fmt.Sprintf("t%d-%s-%x", os.Getpid(), name, hash.Sum32())
}
