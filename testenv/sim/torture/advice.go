package torture

import (
	"context"
	"errors"

	"liftalot/plan"
	"liftalot/plan/apply"
	"liftalot/plan/run"
)

// maxAdvice bounds the commands to which one state may lead: resume, roll back, look.
const maxAdvice = 4

// follow types what the tool itself says comes next, until it leads to no further change.
// How each ends is judged by what follows; here none may be refused in its state.
func (t *trial) follow(ctx context.Context) {
	for range maxAdvice {
		words, err := t.laptop.Advised(ctx)
		t.told(err)
		if words == nil && err == nil {
			return
		}
		if refused(err) && !(t.path.NoFiles && words[0] == "plan") { // which says what is missing
			t.say("the advice %q is refused: %v", words, err)
		}
		if words == nil || words[0] != "apply" && words[0] != "rollback" {
			return
		}
	}
	if last, _ := t.laptop.Last(); last.Interrupted() {
		t.say("%d times its advice was followed, and run %s is not finished", maxAdvice, last.Run)
	}
}

// refused reports whether a command did not begin because of the state it was typed in.
func refused(err error) bool {
	_, state := errors.AsType[*run.StateError](err)
	_, stop := errors.AsType[*plan.RefusedError](err)
	_, stale := errors.AsType[*apply.StaleError](err)
	return state || stop || stale
}
