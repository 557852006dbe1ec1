package sim_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"liftalot/remote"
	"liftalot/testenv/sim"
	"liftalot/testenv/sim/machine"
)

// At each point of one command the client knows no more than it can know, and
// the host is as the point says.
func TestFaults(t *testing.T) {
	h, err := sim.New(sim.Options{Machine: machine.Options{Hostname: "sim"}})
	must(t, err)
	t.Cleanup(func() { must(t, h.Close()) })
	l := lend(t, h, accounts()...)
	for _, tt := range []struct {
		point sim.Point
		fault sim.Fault
		ran   bool
	}{
		{sim.Request, sim.Cut, false}, {sim.Started, sim.Cut, true}, {sim.Output, sim.Cut, true}, {sim.Output, sim.CutHalf, true},
		{sim.Output, sim.Silence, true}, {sim.Request, sim.Silence, false}, {sim.Request, sim.Reboot, false},
	} {
		config := l.config(h, "root", remote.Sudo{})
		if tt.fault == sim.Silence {
			// Short, and yet longer than a loaded machine takes to begin a command.
			config.KeepAlive = 300 * time.Millisecond
		}
		c := remote.NewClient(config)
		must(t, c.Connect(t.Context()))
		h.SetFault(func(e sim.Event) sim.Fault {
			if e.Point == tt.point {
				return tt.fault
			}
			return sim.None
		})
		// Without the trap a cut at Started kills it or not, as with a real sshd: what
		// it says first may meet a pipe that nobody reads any more.
		_, err := c.Run(t.Context(), remote.Command{Name: "work", Script: `trap "" PIPE; echo begun; sleep 60; : > /root/done; echo more`})
		h.SetFault(nil)
		if !errors.Is(err, remote.ErrUnknownOutcome) {
			t.Errorf("%s, fault %d: got %v, want an unknown outcome", tt.point, tt.fault, err)
		}
		c.Close()
		h.Machine.Settle()
		said, status := h.Shell("rm /root/done")
		if ran := status == 0; ran != tt.ran {
			t.Errorf("%s, fault %d: ran %v: %s", tt.point, tt.fault, ran, said)
		}
	}
}

// A disk that is full says so, and nothing of a file that did not fit replaces
// what was there.
func TestFullDisk(t *testing.T) {
	h, err := sim.New(sim.Options{Machine: machine.Options{Hostname: "sim"}})
	must(t, err)
	t.Cleanup(func() { must(t, h.Close()) })
	c := remote.NewClient(lend(t, h, accounts()...).config(h, "root", remote.Sudo{}))
	t.Cleanup(func() { c.Close() })
	must(t, c.WriteFile(t.Context(), "/srv/f", []byte("old"), remote.WriteOptions{UID: -1, GID: -1}))
	h.Machine.Do(func() { h.Machine.FillDisk(true) })
	err = c.WriteFile(t.Context(), "/srv/f", []byte("new"), remote.WriteOptions{UID: -1, GID: -1, ExpectSHA256: remote.AnyContent})
	if !errors.Is(err, remote.ErrNotStarted) {
		t.Errorf("got %v, want not started", err)
	}
	if said, _ := h.Shell("cat /srv/f; ls -A /srv"); said != "oldf" {
		t.Errorf("the host has %q", said)
	}
}

// A write that is cut anywhere leaves the old file or the new one, and beside it
// nothing that a sweep for its owner does not find.
func TestCutWriteIsSwept(t *testing.T) {
	h, err := sim.New(sim.Options{Machine: machine.Options{Hostname: "sim"}})
	must(t, err)
	t.Cleanup(func() { must(t, h.Close()) })
	config := lend(t, h, accounts()...).config(h, "root", remote.Sudo{})
	left := 0
	for n, over := 1, false; !over; n++ {
		over = true
		h.Shell("rm -rf /srv/w && mkdir /srv/w && echo old >/srv/w/f")
		ctx, gone := context.WithCancel(t.Context())
		h.SetFault(func(e sim.Event) sim.Fault {
			if e.N != n {
				return sim.None
			}
			over = false
			gone() // so that nobody is left to tidy up
			return sim.Cut
		})
		c := remote.NewClient(config)
		_ = c.WriteFile(ctx, "/srv/w/f", []byte("new\n"), remote.WriteOptions{UID: -1, GID: -1, ExpectSHA256: remote.AnyContent, Owner: "run-1"})
		gone()
		c.Close()
		h.SetFault(nil)
		h.Hangup()
		h.Machine.Settle()
		if said, _ := h.Shell("cat /srv/w/f"); said != "old" && said != "new" {
			t.Errorf("message %d: the file holds %q", n, said)
		}
		if said, _ := h.Shell("ls -A /srv/w"); said != "f" {
			left++
		}
		c = remote.NewClient(config)
		_, err := c.Run(t.Context(), remote.RemoveTemps([]string{"run-1"}, []string{"/srv/w/f"}))
		c.Close()
		if said, _ := h.Shell("ls -A /srv/w"); said != "f" || err != nil {
			t.Errorf("message %d: there is %q after a sweep, %v", n, said, err)
		}
	}
	if left == 0 {
		t.Error("no cut left anything: this test sweeps nothing")
	}
}
