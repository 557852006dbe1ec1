package cli

import (
	"errors"
	"fmt"
	"slices"

	"liftalot/cmd/internal/ui"
	"liftalot/plan"
	"liftalot/plan/journal"
	"liftalot/units"
)

// failed is the host with what went wrong there.
func (f hostResult) failed(host string, err error) hostResult {
	var known *hostError
	if errors.As(err, &known) {
		f.Exit, f.Next = known.code, known.hint
	} else {
		f.Exit, f.Next = classify(host, err)
	}
	f.Error, f.Result = err.Error(), ""
	f.Result = f.verdict()
	return f
}

// verdict says what a host's end means for the others of its kind: what could not
// be tried says nothing about the change.
func (f hostResult) verdict() result {
	switch f.Exit {
	case exitDone:
		return resultDone
	case exitCancelled:
		return resultInterrupted
	case exitUsage, exitLocked, exitAuth, exitStale, exitHostKey, exitUnreachable, exitAlgorithms:
		if f.ended == journal.Aborted {
			return resultSkipped
		}
	}
	return resultFailed
}

// onScreen is a host's end in a line, while others still run.
func (f hostResult) onScreen() (ui.Outcome, string) {
	if f.Error != "" {
		return ui.Failed, f.Outcome
	}
	text := fmt.Sprintf("%s → %s, took %s", f.From, f.To, ui.Duration(f.Took))
	if f.Downtime != nil {
		text += ", " + downWords(f.Downtime)
	}
	return ui.Done, text
}

// summary says for every host how it ended, and what to do next where something
// is to be done.
func (t *terminal) summary(id string, all []hostResult) error {
	if t.flags.json {
		return t.out.JSON(map[string]any{"format": 1, "batch": id, "hosts": all})
	}
	table := &ui.Table{Columns: []ui.Column{
		{Title: "HOST"}, {Title: "RESULT", Min: 12}, {Title: "VERSION"}, {Title: "DOWNTIME", Right: true}, {Title: "BACKUP", Right: true}, {Title: "TOOK", Right: true},
	}}
	for _, r := range all {
		table.Add(r.Host, resultText(r), versions(r), downtime(r.Downtime), backupText(r.Backup), ui.Duration(r.Took))
	}
	t.out.Printf("\n")
	t.out.Table(table)
	if !t.flags.quiet {
		t.next(all)
	}
	return nil
}

// next says for each host what to type or to see to. Sentences that hold for
// several are said once.
func (t *terminal) next(all []hostResult) {
	for _, r := range all {
		if len(all) > 1 && r.Error != "" && r.Next != "" {
			t.out.Printf("\n%s  next: %s\n", ui.Bold(r.Host), r.Next)
		}
	}
	if held := slices.ContainsFunc(all, func(r hostResult) bool { return r.Result == resultHeld }); held {
		t.out.Printf("\nheld back: nothing was changed there. When the reason is settled: \"liftalot %s --pending\"\n", verbOf(verbIn(all)))
	}
	var follow []string
	whose := map[string][]string{}
	for _, r := range all {
		if r.Result != resultDone {
			continue
		}
		for _, f := range r.Follow {
			if whose[f] == nil {
				follow = append(follow, f)
			}
			whose[f] = append(whose[f], r.Host)
		}
	}
	before := ""
	for _, f := range follow {
		if names := nameSome(whose[f]); names != before {
			t.out.Printf("\n%s  next:\n", ui.Bold(names))
			before = names
		}
		t.out.Printf("  - %s\n", f)
	}
}

func verbIn(all []hostResult) string {
	for _, r := range all {
		if r.Kind != "" {
			return string(r.Kind)
		}
	}
	return ""
}

// nameSome names hosts, and counts them where the names would fill the screen.
func nameSome(hosts []string) string {
	const most = 5
	text := ""
	for i, h := range hosts {
		if i == most {
			return text + fmt.Sprintf(" and %d more", len(hosts)-most)
		}
		if i > 0 {
			text += ", "
		}
		text += h
	}
	return text
}

func resultText(r hostResult) ui.Text {
	switch {
	case r.Result == resultHeld:
		return ui.Warn("held back: " + r.Held)
	case r.Nothing != "" && r.Error == "":
		return ui.Dim("nothing to do: " + r.Nothing)
	case r.Error != "" && r.Exit == exitUnreachable && r.ended == journal.Aborted:
		return ui.Bad("unreachable")
	case r.Error != "" && r.ended == journal.Aborted:
		return ui.Bad("not begun")
	case r.Error != "":
		return ui.Bad(r.Outcome)
	case r.Kind == plan.Rollback:
		return ui.Good("rolled back")
	case r.Kind == plan.Restoration:
		return ui.Good("restored")
	}
	return ui.Good("upgraded")
}

func versions(r hostResult) ui.Text {
	if r.ended != journal.Completed {
		return ui.Plain(r.From)
	}
	return ui.Textf("%s → %s", r.From, r.To)
}

func backupText(b *backupSummary) string {
	if b == nil {
		return "-"
	}
	return units.Bytes(b.Bytes)
}
