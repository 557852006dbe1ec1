package run

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"liftalot/plan"
	"liftalot/plan/apply"
	"liftalot/plan/journal"
	"liftalot/units"
)

// An Advice says where a host stands after its runs, and names the one command that helps
// next. Every command of the tool answers from it, so that no two of them disagree.
type Advice struct {
	Says    string   // what happened, in a sentence
	Command []string // what to type after "liftalot"; nil where nothing waits
	Why     string   // what the command does in this state, "" where its name says so
	Or      string   // another way out, "" for none
}

// Next is the command as it is typed, what it does, and the other way out.
func (a Advice) Next() string {
	if a.Command == nil {
		return ""
	}
	next := "liftalot " + strings.Join(a.Command, " ")
	if a.Why != "" {
		next = fmt.Sprintf("%q %s", next, a.Why)
	}
	if a.Or != "" {
		next += ", " + a.Or
	}
	return next
}

// Standing says where a host stands as its state has it, and its newest run. No host is
// asked.
func Standing(host string, s State) (a Advice, last journal.RunState, err error) {
	runs, err := s.Runs()
	if err != nil {
		return a, last, err
	}
	p, _, err := s.Saved()
	waits := err == nil
	switch {
	case len(runs) > 0:
	case waits:
		return Advice{Says: "planned, not applied", Command: []string{"apply", host}}, last, nil
	case errors.Is(err, fs.ErrNotExist):
		return Advice{Says: "never touched from here", Command: []string{"check", host}}, last, nil
	default:
		return a, last, err
	}
	last = runs[len(runs)-1]
	a = Advise(host, last)
	if last.Interrupted() {
		a.Says += AtStep(s, last)
	}
	if waits && !last.Interrupted() && plannedSince(p, runs) {
		a = Advice{Says: a.Says + "; planned since", Command: []string{"apply", host}}
	}
	return a, last, nil
}

// AtStep says at which step a run is or was, by the step's title, and of one whose work on
// the host goes on without us that it does; "" where its plan is not here.
func AtStep(s State, r journal.RunState) string {
	p, _, err := s.Plan(r.Run)
	if err != nil {
		return ""
	}
	step, ok := p.Step(r.Last.Step)
	if !ok {
		return ""
	}
	text := fmt.Sprintf(", at %q", step.Title)
	if (r.Last.Kind == journal.Intent || r.Last.Kind == journal.Unknown) && plan.Is[plan.Swap](step.Op) {
		text += ", which ends by itself on the host"
	}
	return text
}

// plannedSince reports whether a saved plan is newer than all that was done, and is not
// done itself.
func plannedSince(p *plan.Plan, runs []journal.RunState) bool {
	if p.Empty() || slices.ContainsFunc(runs, func(r journal.RunState) bool { return r.Run == p.ID }) {
		return false
	}
	made, err := time.Parse(time.RFC3339, p.Created)
	return err == nil && !made.Before(runs[len(runs)-1].Last.Time.Truncate(time.Second))
}

// Advise tells a run as the newest of a host.
func Advise(host string, r journal.RunState) Advice {
	at := units.Time(r.Last.Time)
	say := func(format string, args ...any) string { return fmt.Sprintf(format, args...) }
	switch r.Outcome {
	case journal.Forgotten:
		a := Advice{Says: say("the %s was given up at %s; what it had changed there stayed", Kind(r.Action), at), Command: []string{"check", host}}
		if r.Action == journal.Apply {
			a.Or = say(`or, if it is still the same server, "liftalot rollback %s" undoes what it left`, host)
		}
		return a
	case journal.Completed:
		switch r.Action {
		case journal.Rollback:
			return Advice{Says: "rolled back at " + at, Command: []string{"plan", host}}
		case journal.Restore:
			return Advice{Says: "its database was put back from a backup at " + at, Command: []string{"verify", host}}
		}
		return Advice{Says: "upgraded at " + at, Command: []string{"verify", host}}
	case journal.RolledBack:
		if r.Action == journal.Restore {
			return Advice{Says: say("a restore failed at %s and was rolled back", at), Command: []string{"check", host}}
		}
		return Advice{Says: say("an upgrade failed at %s and was rolled back", at), Command: []string{"plan", host}}
	case journal.Aborted:
		if r.Action == journal.Restore {
			return Advice{Says: say("a restore stopped at %s before it changed anything", at), Command: []string{"backups", host}}
		}
		return Advice{Says: say("an upgrade stopped at %s before it changed anything", at), Command: []string{"plan", host}}
	case journal.NeedsPerson:
		return adviseMigrated(host, at, r)
	}
	return adviseInterrupted(host, at, r)
}

// adviseMigrated is for a run that ended between two releases: the new one has changed the
// database and does not run on it, and the old one cannot.
func adviseMigrated(host, at string, r journal.RunState) Advice {
	var end apply.MigratedError
	_ = json.Unmarshal(r.Last.Data, &end) // journals of before say nothing here
	if end.Unsure {
		return Advice{
			Says: fmt.Sprintf("the %s failed at %s, and the database did not say whether it was migrated: the server was stopped on purpose",
				Kind(r.Action), at),
			Command: []string{"rollback", host}, Why: "asks the database again, once it answers on the host",
		}
	}
	return Advice{
		Says: fmt.Sprintf("the %s failed at %s, and the database is the new release's by now: the server was stopped on purpose, as the old release refuses that database",
			Kind(r.Action), at),
		Command: []string{"rollback", host, "--with-database"}, Why: "puts the database and the old release back; what would be lost is shown before it asks",
	}
}

func adviseInterrupted(host, at string, r journal.RunState) Advice {
	a := Advice{
		Says:    fmt.Sprintf("the %s was interrupted at %s", Kind(r.Action), at),
		Command: []string{string(r.Action), host}, Why: "resumes it",
	}
	if r.Action == journal.Apply {
		a.Or = fmt.Sprintf(`"liftalot rollback %s" undoes it`, host)
		if r.Last.Step == "swap" {
			a.Why = "looks how the swap ended: it goes on, or rolls the upgrade back where the swap was cut off"
		}
	}
	return a
}

// Resume is what to type after a run that was interrupted: an upgrade can be rolled back as
// well, the others can only be resumed.
func Resume(host string, action journal.Action) string {
	return adviseInterrupted(host, "", journal.RunState{Action: action}).Next()
}

// Kind is the word for an action.
func Kind(a journal.Action) string {
	if a == journal.Apply {
		return "upgrade"
	}
	return string(a)
}
