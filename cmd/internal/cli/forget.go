package cli

import (
	"context"
	"fmt"

	"liftalot/cmd/internal/ui"
	"liftalot/plan/journal"
)

// forget ends an unfinished run of this machine without a word to the host. It is the
// way on where no other command finds one: the server was rebuilt or is gone, or somebody
// has settled by hand what the run had left.
func (t *target) forget(ctx context.Context) error {
	name := t.host.Name
	j, err := journal.Open(t.folder(), journal.Options{Host: name, Purpose: "forget a run", Now: t.env.Now()})
	if err != nil {
		return err
	}
	defer j.Close()
	run := journal.Summarise(j.Records())
	if !run.Interrupted() {
		return &nothingToDo{what: name + ": no run of this machine is unfinished there", hint: "liftalot status " + name}
	}
	says, _ := describe(name, run)
	t.out.Printf("%s  run %s: %s\n", ui.Bold(name), run.Run, says)
	if err := t.confirm(ctx, ui.Textf("Give it up as it is? Nothing is done on the host: what the run has changed there stays changed. Its plan and its backup stay here.")); err != nil {
		return err
	}
	if err := t.sign(j, run.Run); err != nil {
		return err
	}
	if err := j.Append(journal.Record{Kind: journal.RunEnded, Run: run.Run, Outcome: journal.GivenUp, Time: t.env.Now().UTC()}); err != nil {
		return err
	}
	run.Outcome = journal.GivenUp
	_, next := describe(name, run)
	t.out.Printf("%s  run %s is given up\n  %s %s\n", name, run.Run, ui.Dim("next:"), next)
	return nil
}

// stuck names the way on of last resort.
func stuck(host, wayOn string) string {
	return fmt.Sprintf(`%s; if it is another server by now: "liftalot unlock %s --forget-run"`, wayOn, host)
}
