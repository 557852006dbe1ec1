package verify

import (
	"context"
	"errors"
	"strings"
	"testing"

	"liftalot/plan"
	"liftalot/remote"
)

type listing struct {
	said string
	err  error
}

func (l listing) Run(context.Context, remote.Command) (remote.Result, error) {
	return remote.Result{Stdout: []byte(l.said)}, l.err
}

// P9: what runs have left is named with its size and the command that removes it, and
// nothing that has another name gets into a command.
func TestP9LeftoversAreNamed(t *testing.T) {
	f := &plan.Facts{Database: plan.Database{Container: "chatalot-db", User: "chatalot", Name: "chatalot"}}
	const (
		kept   = "chatalot_before_rollback_20261124t090000z_0badf0"
		folder = "/var/backups/chatalot-pre-managed-update-20261124T090000Z-0badf0"
	)
	said := "database|" + kept + "|734003200\nfolder|" + folder + "|2048\n" +
		"database|x_before_rollback_; rm -rf /|1\nfolder|/var/backups/chatalot-pre-managed-update-$(reboot)|1\nfolder|" + folder + "|-4\nnonsense\n"
	got := Leftovers(t.Context(), listing{said: said}, f, "20261124T090000Z-0badf0")
	if len(got) != 2 || got[0].Level != plan.Pass || got[1].Level != plan.Pass {
		t.Fatalf("%+v", got)
	}
	for i, want := range []string{
		"kept by rollbacks and restores: " + kept + ` (700.0 MiB); on the host, "docker exec chatalot-db dropdb -U chatalot NAME" removes one for good`,
		"backups of runs: " + folder + ` (2.0 MiB); on the host, "sudo rm -r FOLDER" removes one for good, but a rollback of the last upgrade needs ` + folder,
	} {
		if got[i].Detail != want {
			t.Errorf("got  %s\nwant %s", got[i].Detail, want)
		}
	}
	if got := Leftovers(t.Context(), listing{}, f, ""); len(got) > 0 {
		t.Errorf("nothing is left, and told is %+v", got)
	}
	got = Leftovers(t.Context(), listing{err: errors.New("no way in")}, f, "")
	if len(got) != 1 || got[0].Level != plan.Warn || !strings.Contains(got[0].Detail, "no way in") {
		t.Errorf("%+v", got)
	}
}
