package apply

import (
	"errors"
	"strings"
	"testing"

	"liftalot/plan"
	"liftalot/plan/journal"
	"liftalot/remote"
)

// pruned is a host from which a prune has taken the old image, until it is back.
func (b *bench) pruned() (back func()) {
	gone := true
	b.host.fault = func(what string, after bool) error {
		if gone && what == "look for the old image" && !after {
			return &remote.ExitError{Name: what, Code: exitGone}
		}
		return nil
	}
	return func() { gone = false }
}

// Without the old image nothing is rolled back: the client's files would name a server
// that cannot be started. The run stays, and goes on forward or back.
func TestNothingIsRevertedWithoutTheOldImage(t *testing.T) {
	b := newBench(t)
	b.verify = errors.New("the server is not well")
	back := b.pruned()
	res, err := b.run(t.Context())
	var gone *plan.ImageGoneError
	if !errors.As(err, &gone) || !gone.Begun || gone.Image == "" || gone.Ref == "" || res.Outcome != journal.NeedsPerson || len(b.undone) > 0 {
		t.Fatalf("%+v, %v; undone %q", res, err, b.undone)
	}
	if b.host.world["file "+composePath] == recordedCompose(t) || !b.state().Interrupted() {
		t.Errorf("the client's file was reverted: %+v", b.state())
	}
	back()
	if res, err := b.run(t.Context()); err == nil || res.Outcome != journal.RolledBack || b.host.world["server"] != "sha256:old" {
		t.Errorf("with the image there: %+v, %v", res, err)
	}
}

// Before the swap no rollback needs it.
func TestBeforeTheSwapTheOldImageIsNotAskedFor(t *testing.T) {
	b := newBench(t)
	b.pruned()
	prune := b.host.fault
	b.host.fault = func(what string, after bool) error {
		if b.step == "gate" && !after {
			return errExit
		}
		return prune(what, after)
	}
	if res, err := b.run(t.Context()); err == nil || res.Outcome != journal.RolledBack {
		t.Errorf("%+v, %v", res, err)
	}
}

// A job that finds it gone says what is missing; the next start goes on once it is there.
func TestARollbackWaitsForTheOldImage(t *testing.T) {
	b := newBench(t)
	if _, err := b.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	rollbackOf(b)
	b.host.back = "note the image that ran before is not on the host any more\nend gone\n"
	for range 2 {
		res, err := b.run(t.Context())
		var gone *plan.ImageGoneError
		if !errors.As(err, &gone) || res.Outcome != journal.NeedsPerson || !strings.Contains(err.Error(), gone.Image) || b.state().Step("undo-swap").Do != journal.Failed {
			t.Fatalf("%+v, %v", res, err)
		}
	}
	b.host.back = ""
	if res, err := b.run(t.Context()); err != nil || res.Outcome != journal.Completed {
		t.Errorf("%+v, %v", res, err)
	}
}
