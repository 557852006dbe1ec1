package apply

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"liftalot/plan"
	"liftalot/plan/journal"
	"liftalot/remote"
)

// refusals are the ways in which a host lets nobody in.
func refusals() map[string]error {
	return map[string]error{
		"login": &remote.AuthError{Host: "web1"}, "host key": &remote.HostKeyError{Host: "web1"},
		"sudo": &remote.SudoError{Host: "web1", Kind: remote.SudoNoPasswordSet, Err: errors.New("the password manager is locked")},
	}
}

// refuses lets nobody in while a step is under way, and counts who asks.
func (b *bench) refuses(step string, refusal error) (asked *int) {
	asked = new(int)
	shut := false
	b.host.fault = func(_ string, after bool) error {
		if shut = shut || b.step == step && !after; !shut {
			return nil
		}
		*asked++
		return refusal
	}
	return asked
}

// A host that lets nobody in says nothing of the step: a good upgrade is not taken
// back for it, the run waits, and the host is not asked until the account is locked.
func TestARefusalBetweenTwoStepsIsAnInterruption(t *testing.T) {
	want := finished(t)
	for name, refusal := range refusals() {
		for i, s := range newBench(t).plan.Steps {
			t.Run(name+"/"+s.ID, func(t *testing.T) {
				b := newBench(t)
				b.handOff = "/var/backups/x/run"
				asked := b.refuses(s.ID, refusal)
				res, err := b.run(t.Context())
				if !errors.Is(err, refusal) || *asked != 1 || len(b.undone) > 0 {
					t.Fatalf("%+v, %v; asked %d times, undone %q", res, err, *asked, b.undone)
				}
				begun := slices.ContainsFunc(b.plan.Steps[:i+1], func(s plan.Step) bool { return s.Undo != nil })
				if !begun {
					if res.Outcome != journal.Aborted || b.state().Outcome != journal.Aborted {
						t.Errorf("nothing was changed, and it ended %q, %q", res.Outcome, b.state().Outcome)
					}
					return
				}
				if st := b.state(); res.Outcome != journal.Interrupted || !st.Interrupted() || st.Step(s.ID).Do != journal.Unknown {
					t.Fatalf("%+v; the journal says %+v", res, st)
				}
				b.host.fault = nil
				if res, err := b.run(t.Context()); err != nil || res.Outcome != journal.Completed {
					t.Fatalf("again: %+v, %v", res, err)
				}
				if diff := cmp.Diff(want, b.host.world.client()); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		}
	}
}

// The look before a change is no other matter.
func TestALookThatIsRefusedIsAnInterruption(t *testing.T) {
	refusal := &remote.AuthError{Host: "web1"}
	b := newBench(t)
	look := b.look
	b.look = func() (*plan.Facts, error) {
		if slices.Contains(b.done, "gate") {
			return nil, refusal
		}
		return look()
	}
	if res, err := b.run(t.Context()); !errors.Is(err, refusal) || res.Outcome != journal.Interrupted || len(b.undone) > 0 {
		t.Fatalf("%+v, %v; undone %q", res, err, b.undone)
	}
	b.look = look
	if res, err := b.run(t.Context()); err != nil || res.Outcome != journal.Completed {
		t.Errorf("again: %+v, %v", res, err)
	}
}

// What is being rolled back waits too, and goes on from there.
func TestARefusalDuringARollbackIsAnInterruption(t *testing.T) {
	for name, refusal := range refusals() {
		for _, id := range []string{"edit", "sidecar", "secrets-folder"} {
			t.Run(name+"/"+id, func(t *testing.T) {
				b := newBench(t)
				before := b.host.world.client()
				b.handOff = "/var/backups/x/run"
				asked := b.refuses("undo-"+id, refusal)
				shut := b.host.fault
				b.host.fault = func(what string, after bool) error {
					if b.step == "gate" && !after {
						return errExit
					}
					return shut(what, after)
				}
				res, err := b.run(t.Context())
				if !errors.Is(err, refusal) || res.Outcome != journal.Interrupted || *asked != 1 || b.state().Step(id).Undo != journal.UndoUnknown {
					t.Fatalf("%+v, %v; asked %d times; %+v", res, err, *asked, b.state().Step(id))
				}
				b.host.fault = nil
				if res, err := b.run(t.Context()); !errors.Is(err, ErrFailedBefore) || res.Outcome != journal.RolledBack {
					t.Fatalf("again: %+v, %v", res, err)
				}
				if diff := cmp.Diff(before, b.host.world.client()); diff != "" {
					t.Errorf("(-before +after):\n%s", diff)
				}
			})
		}
	}
}

func TestARollbackThatIsRefusedWaits(t *testing.T) {
	probe := newBench(t)
	if _, err := probe.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	rollbackOf(probe)
	for _, s := range probe.plan.Steps {
		for name, refusal := range refusals() {
			b := newBench(t)
			before := b.host.world.client()
			if _, err := b.run(t.Context()); err != nil {
				t.Fatal(err)
			}
			rollbackOf(b)
			asked := b.refuses(s.ID, refusal)
			if res, err := b.run(t.Context()); !errors.Is(err, refusal) || res.Outcome != journal.Interrupted || *asked != 1 {
				t.Errorf("%s, %s: %+v, %v; asked %d times", name, s.ID, res, err, *asked)
			}
			b.host.fault = nil
			if res, err := b.run(t.Context()); err != nil || res.Outcome != journal.Completed {
				t.Errorf("%s, %s, again: %+v, %v", name, s.ID, res, err)
			}
			if diff := cmp.Diff(before, b.host.world.client()); diff != "" {
				t.Errorf("%s, %s (-before +after):\n%s", name, s.ID, diff)
			}
		}
	}
}

// A job that failed, and that nobody was let in to start again, is started again by
// the next start: its old end is not taken for the new one.
func TestARefusalDoesNotHideAFailure(t *testing.T) {
	b := newBench(t)
	if _, err := b.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	rollbackOf(b)
	b.host.back = "end lost\n"
	if res, err := b.run(t.Context()); err == nil || res.Outcome != journal.NeedsPerson {
		t.Fatalf("%+v, %v", res, err)
	}
	b.host.back = ""
	b.host.fault = func(what string, _ bool) error {
		if what == "remove job" {
			return fmt.Errorf("x: %w", &remote.AuthError{Host: "web1"})
		}
		return nil
	}
	if res, err := b.run(t.Context()); err == nil || res.Outcome != journal.Interrupted {
		t.Fatalf("%+v, %v", res, err)
	}
	b.host.fault = nil
	if res, err := b.run(t.Context()); err != nil || res.Outcome != journal.Completed {
		t.Errorf("%+v, %v", res, err)
	}
}

// A first login that is refused has begun nothing.
func TestAFirstLoginThatIsRefusedBeginsNothing(t *testing.T) {
	for name, refusal := range refusals() {
		b := newBench(t)
		b.look = func() (*plan.Facts, error) { return nil, refusal }
		if res, err := b.run(t.Context()); !errors.Is(err, refusal) || res.Outcome != journal.Aborted || len(b.records()) > 0 {
			t.Errorf("%s: %+v, %v", name, res, err)
		}
	}
}

// What cannot be tidied up is named once, and the host is not asked again.
func TestTidyingUpDoesNotKnockTwice(t *testing.T) {
	b := newBench(t)
	asked := 0
	b.host.fault = func(what string, _ bool) error {
		if what == "remove temporary files" || strings.HasPrefix(what, "remove the run") {
			asked++
			return &remote.SudoError{Kind: remote.SudoWrongPassword}
		}
		return nil
	}
	if res, err := b.run(t.Context()); err != nil || res.Outcome != journal.Completed || asked != 1 {
		t.Errorf("%+v, %v; asked %d times", res, err, asked)
	}
}
