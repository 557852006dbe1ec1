package sim_test

import (
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"liftalot/plan/journal"
	"liftalot/remote"
	"liftalot/remote/lock"
	"liftalot/testenv/sim"
	"liftalot/testenv/sim/engine"
	"liftalot/testenv/sim/machine"
)

// An operator's link dies and the host does not hear of it: the lock stays held,
// and a command waits for input that never comes. The operator comes back and
// gets both free; another one does not.
func TestAHostThatDoesNotKnowTheLinkIsDead(t *testing.T) {
	h, err := sim.New(sim.Options{Machine: machine.Options{Hostname: "sim"}})
	must(t, err)
	t.Cleanup(func() { must(t, h.Close()) })
	l := lend(t, h, accounts()...)
	operator := func(user string) (*lock.Host, *remote.Client) {
		c := remote.NewClient(l.config(h, "root", remote.Sudo{}))
		t.Cleanup(func() { c.Close() })
		return &lock.Host{
			Client: c, File: "/run/liftalot/lock", Wait: 10 * time.Millisecond,
			Holder: lock.Holder{User: user, Machine: "laptop", RunID: "r1", Reason: "test"},
		}, c
	}
	gone, client := operator("ann")
	_, err = gone.Hold(t.Context())
	must(t, err)
	in, out := io.Pipe()
	defer out.Close()
	var wait sync.WaitGroup
	reads := make(chan struct{})
	wait.Go(func() {
		_, _ = gone.Run(t.Context(), remote.Command{Name: "read", Script: "echo reads; cat >/dev/null", Stdin: in, OnLine: func(int, string) { close(reads) }})
	})
	<-reads
	h.SetFault(func(sim.Event) sim.Fault { return sim.Vanish })
	if _, err := client.Run(t.Context(), remote.Command{Name: "vanish", Script: "true"}); !errors.Is(err, remote.ErrUnknownOutcome) {
		t.Fatalf("the link is there: %v", err)
	}
	wait.Wait()
	h.SetFault(nil)

	other, _ := operator("bob")
	var held *lock.HeldError
	if _, err := other.Hold(t.Context()); !errors.As(err, &held) || held.Holder.User != "ann" {
		t.Errorf("another operator: %v", err)
	}
	again, _ := operator("ann")
	var said []string
	again.Tell = func(s string) {
		said = append(said, s)
		h.Machine.Do(func() { h.Machine.Wait(20 * time.Second) })
	}
	if _, err := again.Hold(t.Context()); err != nil {
		t.Fatalf("%v; told %q", err, said)
	}
	must(t, again.Release(t.Context()))
	if len(said) < 2 {
		t.Errorf("the operator was told %q: it was not waited until the host was sure", said)
	}
}

// A link that falls silent in the middle of an upgrade is found by its keepalives,
// and the same start goes on over a new one.
func TestAHalfOpenLinkIsFoundAndTheRunGoesOn(t *testing.T) {
	for _, n := range []int{40, 130, 200, 330} {
		s, l := server(t, engine.App{Boot: 2 * time.Second})
		l.Config.KeepAlive = 300 * time.Millisecond
		struck := false
		s.SetFault(func(e sim.Event) sim.Fault {
			if e.N != n || struck {
				return sim.None
			}
			struck = true
			return sim.Silence
		})
		l.Tell = func(string) { s.Machine.Do(func() { s.Machine.Wait(20 * time.Second) }) }
		res, err := l.Apply(t.Context())
		if err != nil || res.Outcome != journal.Completed || !struck {
			t.Errorf("message %d: %+v, %v, struck %v", n, res, err, struck)
		}
	}
}
