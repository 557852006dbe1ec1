package run

import (
	"fmt"
	"time"

	"liftalot/plan/journal"
)

// Resume is what to type after a run that was interrupted: an upgrade can be taken back as
// well, the others can only be resumed.
func Resume(host string, action journal.Action) string {
	if action == journal.Apply {
		return fmt.Sprintf(`"liftalot apply %s" resumes it, "liftalot rollback %s" takes it back`, host, host)
	}
	return fmt.Sprintf(`"liftalot %s %s" resumes it`, action, host)
}

// Kind is the word for an action.
func Kind(a journal.Action) string {
	if a == journal.Apply {
		return "upgrade"
	}
	return string(a)
}

func undoForgotten(host string) string {
	return fmt.Sprintf(`if it is still the same server, "liftalot rollback %s" takes back what it left`, host)
}

func shortTime(at time.Time) string { return at.UTC().Format("2006-01-02 15:04 UTC") }

// Describe tells a run in a sentence and names the next command.
func Describe(host string, r journal.RunState) (says, next string) {
	at := r.Last.Time.UTC().Format(time.DateTime) + " UTC"
	if r.Outcome == journal.Forgotten {
		next = "liftalot check " + host
		if r.Action == journal.Apply {
			next += "; " + undoForgotten(host)
		}
		return fmt.Sprintf("the %s was given up at %s; what it had changed there stayed", Kind(r.Action), at), next
	}
	if r.Action == journal.Restore {
		return describeRestore(host, at, r)
	}
	switch r.Outcome {
	case journal.Completed:
		if r.Action == journal.Rollback {
			return fmt.Sprintf("rolled back at %s", at), "liftalot plan " + host
		}
		return fmt.Sprintf("upgraded at %s", at), "liftalot verify " + host
	case journal.RolledBack:
		return fmt.Sprintf("an upgrade failed at %s and was taken back", at), "liftalot plan " + host
	case journal.Aborted:
		return fmt.Sprintf("an upgrade stopped at %s before it changed anything", at), "liftalot plan " + host
	case journal.NeedsPerson:
		return fmt.Sprintf("the %s failed at %s, and the new version may have changed the database", Kind(r.Action), at), "liftalot rollback " + host + ", which says whether --with-database is needed"
	}
	next = Resume(host, r.Action)
	if r.Action == journal.Apply && r.Last.Step == "swap" {
		next = fmt.Sprintf(`"liftalot apply %s" looks how the swap ended: it goes on, or takes the upgrade back where the swap was cut off; "liftalot rollback %[1]s" takes it back`, host)
	}
	return fmt.Sprintf("the %s stopped at %s in step %q", Kind(r.Action), at, r.Last.Step), next
}

func describeRestore(host, at string, r journal.RunState) (says, next string) {
	switch r.Outcome {
	case journal.Completed:
		return fmt.Sprintf("its database was put back from a backup at %s", at), "liftalot verify " + host
	case journal.RolledBack:
		return fmt.Sprintf("a restore failed at %s and was taken back", at), "liftalot check " + host
	case journal.Aborted:
		return fmt.Sprintf("a restore stopped at %s before it changed anything", at), "liftalot backups " + host
	}
	return fmt.Sprintf("the restore stopped at %s in step %q", at, r.Last.Step), Resume(host, r.Action)
}
