package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

// documents says which commands print a document with --json, and which schema in
// docs/schema describes it. A field may be added to a document; one that goes or
// changes its meaning raises the document's format.
func documents() map[string]string {
	return map[string]string{
		"liftalot version": "version", "liftalot hosts": "hosts", "liftalot check": "check", "liftalot verify": "check",
		"liftalot plan": "plan", "liftalot apply": "apply", "liftalot rollback": "apply",
		"liftalot status": "status", "liftalot history": "history", "liftalot report": "report", "liftalot report verify": "evidence",
		"liftalot backup": "backup", "liftalot backups": "backups", "liftalot backups verify": "backups", "liftalot backups prune": "backups-prune", "liftalot backups push": "backups-push",
		"liftalot restore": "restore", "liftalot key": "key", "liftalot compose edit": "compose-edit",
	}
}

// textOnly are flags that make a command print a text for people.
var textOnly = map[string]string{"liftalot check": "commands", "liftalot key": "recovery"}

// refuseJSON keeps a program from reading a text as a document.
func (a *app) refuseJSON(cmd *cobra.Command, _ []string) error {
	if a.flags.json && (documents()[cmd.CommandPath()] == "" || cmd.Flags().Changed(textOnly[cmd.CommandPath()])) {
		return &usageError{fmt.Errorf("%q has no JSON document", cmd.CommandPath()), cmd.CommandPath()}
	}
	return nil
}
