package run

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"liftalot/plan/journal"
)

// Every way in which a run can end has one next command. That none of them is refused in
// its state is held by the torture, which types them.
func TestAdvise(t *testing.T) {
	for _, tt := range []struct {
		action  journal.Action
		outcome journal.Outcome
		data    string
		says    string
		next    string
	}{
		{journal.Apply, journal.Completed, "", "upgraded at", "liftalot verify web1"},
		{journal.Apply, journal.RolledBack, "", "an upgrade failed at", "liftalot plan web1"},
		{journal.Apply, journal.Aborted, "", "before it changed anything", "liftalot plan web1"},
		{journal.Apply, journal.NeedsPerson, `{}`, "the server was stopped on purpose", `"liftalot rollback web1 --with-database" puts the database`},
		{journal.Apply, journal.NeedsPerson, "", "the server was stopped on purpose", `"liftalot rollback web1 --with-database" puts the database`},
		{journal.Apply, journal.NeedsPerson, `{"unsure":true}`, "did not say whether it was migrated", `"liftalot rollback web1" asks the database again`},
		{journal.Apply, journal.Forgotten, "", "the upgrade was given up", "liftalot check web1, or, if it is still the same server"},
		{journal.Apply, "", "", "the upgrade was interrupted at", `"liftalot apply web1" resumes it, "liftalot rollback web1" undoes it`},
		{journal.Rollback, journal.Completed, "", "rolled back at", "liftalot plan web1"},
		{journal.Rollback, journal.NeedsPerson, `{}`, "the rollback failed", `"liftalot rollback web1 --with-database"`},
		{journal.Rollback, "", "", "the rollback was interrupted at", `"liftalot rollback web1" resumes it`},
		{journal.Restore, journal.Completed, "", "its database was put back", "liftalot verify web1"},
		{journal.Restore, journal.RolledBack, "", "a restore failed", "liftalot check web1"},
		{journal.Restore, journal.Aborted, "", "a restore stopped", "liftalot backups web1"},
		{journal.Restore, "", "", "the restore was interrupted", `"liftalot restore web1" resumes it`},
	} {
		r := journal.RunState{Run: "x", Action: tt.action, Outcome: tt.outcome, Last: journal.Record{Time: time.Unix(0, 0), Data: json.RawMessage(tt.data)}}
		a := Advise("web1", r)
		if !strings.Contains(a.Says, tt.says) || !strings.HasPrefix(a.Next(), tt.next) {
			t.Errorf("%s %q %s: %q, next %q", tt.action, tt.outcome, tt.data, a.Says, a.Next())
		}
	}
}
