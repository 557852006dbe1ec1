package driver

import (
	"context"
	"fmt"
	"time"

	"liftalot/plan/apply"
	"liftalot/plan/run"
)

// A Moment is a place between two effects: "decide" before the lock is held, then "record"
// before a line is added to the journal, or the kind of an event of the engine.
type Moment struct {
	What string
	Step string
}

// Decide is the What of a moment at which nothing is locked yet.
const Decide = "decide"

// surroundings are the state, the clock and the screen of a laptop that may be killed
// between any two things that it does.
type surroundings struct {
	laptop *Laptop
	run.Folder
	locked bool // a run's plan is kept as soon as the host's lock is held
}

func (s *surroundings) moment(m Moment) {
	if s.laptop.Moment != nil {
		s.laptop.Moment(m)
	}
}

func (s *surroundings) KeepPlan(run string, data []byte) error {
	s.locked = true
	return s.Folder.KeepPlan(run, data)
}

func (s *surroundings) Now() time.Time {
	what := Decide
	if s.locked {
		what = "record"
	}
	s.moment(Moment{What: what})
	return s.laptop.Now()
}

func (s *surroundings) Sleep(context.Context, time.Duration) error {
	if s.laptop.Pause != nil {
		s.laptop.Pause()
	}
	return nil
}

func (s *surroundings) Event(ev apply.Event) {
	if ev.Kind != apply.Output {
		s.moment(Moment{What: fmt.Sprintf("event %d", ev.Kind), Step: ev.Step})
	}
}

func (s *surroundings) Say(sentence string) {
	if s.laptop.Tell != nil {
		s.laptop.Tell(sentence)
	}
}

func (s *surroundings) Secrets([]string) {}

func (s *surroundings) Redact(text string) string { return text }
