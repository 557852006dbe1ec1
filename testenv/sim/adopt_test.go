package sim_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"liftalot/plan/apply"
	"liftalot/plan/journal"
	"liftalot/plan/run"
	"liftalot/testenv/sim/driver"
	"liftalot/testenv/sim/engine"
)

// struck is how a killed laptop's goroutine ends.
type struck struct{}

// kill runs a command of a laptop and kills it when the step is begun.
func kill(t *testing.T, l *driver.Laptop, step string, command func() error) {
	t.Helper()
	defer func() {
		l.Moment = nil
		if _, ok := recover().(struck); !ok {
			t.Errorf("step %s was not begun", step)
		}
	}()
	l.Moment = func(m driver.Moment) {
		if m.Step == step && strings.HasPrefix(m.What, "event") {
			panic(struck{})
		}
	}
	if err := command(); err != nil {
		t.Error(err)
	}
}

// A laptop dies in the middle of an upgrade or of the rollback. Another one that
// never saw the server takes the run over and ends it, in either direction; the
// first one is then refused, until it takes the run over itself.
func TestAnotherLaptopTakesARunOver(t *testing.T) {
	for _, tt := range []struct {
		name, dies string
		back       bool // it dies on the rollback
		then       string
		upgraded   bool
	}{
		{"on", "edit", false, "apply", true},
		{"on, in the swap", "swap", false, "apply", true},
		{"back", "sidecar", false, "rollback", false},
		{"back, from the end", "verify", false, "rollback", false},
		{"back again", "undo-swap", true, "rollback", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, a := server(t, engine.App{Boot: 2 * time.Second})
			b := &driver.Laptop{Dir: t.TempDir(), Config: a.Config, Release: a.Release, Now: time.Now, Name: "colleague"}
			before := seen(t, s, state)
			if state, ok := errors.AsType[*run.StateError](b.Adopt(t.Context())); !ok || state.Why != run.Nothing {
				t.Fatalf("nothing was begun: %v", state)
			}
			apply1 := func() error { _, err := a.Apply(t.Context()); return err }
			if tt.back {
				must(t, apply1())
				kill(t, a, tt.dies, func() error { _, err := a.Rollback(t.Context()); return err })
			} else {
				kill(t, a, tt.dies, apply1)
			}
			s.Hangup()
			must(t, b.Adopt(t.Context()))

			var lost *apply.AdoptedError
			for name, again := range map[string]func() (driver.Result, error){
				"apply":    func() (driver.Result, error) { return a.Apply(t.Context()) },
				"rollback": func() (driver.Result, error) { return a.Rollback(t.Context()) },
			} {
				if name == "apply" && tt.back {
					continue // the unfinished rollback is in its way
				}
				if _, err := again(); !errors.As(err, &lost) || lost.By.Machine != "colleague" {
					t.Errorf("the first laptop's %s: %v", name, err)
				}
			}

			end := b.Apply
			if tt.then == "rollback" {
				end = b.Rollback
			}
			res, err := end(t.Context())
			if err != nil || res.Outcome != journal.Completed {
				t.Fatalf("%+v, %v", res, err)
			}
			health := seen(t, s, `docker exec chatalot-server curl -fsS http://localhost:8080/api/health`)
			if strings.Contains(health, `"version":"0.24.6"`) != tt.upgraded {
				t.Errorf("health says %s", health)
			}
			if after := seen(t, s, state); !tt.upgraded && after != before {
				t.Errorf("before:\n%s\nafter:\n%s", before, after)
			}
			if left := seen(t, s, `ls -A /var/lib/liftalot /dev/shm 2>/dev/null; true`); strings.Trim(left, "/devshm:\n") != "" {
				t.Errorf("left behind: %s", left)
			}
			if _, err := a.Rollback(t.Context()); !errors.As(err, &lost) {
				t.Errorf("the first laptop, after the end: %v", err)
			}

			// Rolled back by the first laptop, what the second one did is known there.
			must(t, a.Adopt(t.Context()))
			if last, err := a.Last(); err != nil || last.Interrupted() || last.Outcome != journal.Completed || last.Epoch == 0 {
				t.Errorf("%+v, %v, %v", last, last.Interrupted(), err)
			}
			if _, err := b.Rollback(t.Context()); tt.upgraded && !errors.As(err, &lost) {
				t.Errorf("the second laptop, which lost it again: %v", err)
			}
			res, err = a.Rollback(t.Context())
			if err != nil || (res.Nothing == "") != tt.upgraded {
				t.Errorf("%+v, %v", res, err)
			}
			if after := seen(t, s, state); after != before {
				t.Errorf("before:\n%s\nafter:\n%s", before, after)
			}
		})
	}
}
