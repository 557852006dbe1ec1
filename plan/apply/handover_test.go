package apply

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"liftalot/plan"
	"liftalot/plan/journal"
	"liftalot/remote"
)

// Before anything is changed, what lies on the host tells of it: whoever takes the
// run over knows of every change that may have been made, and has the plan.
func TestAnotherMachineKnowsOfEveryChange(t *testing.T) {
	for _, back := range []bool{false, true} {
		b := newBench(t)
		folder := HandoverFolder(b.plan)
		was := b.plan
		if back {
			if _, err := b.run(t.Context()); err != nil {
				t.Fatal(err)
			}
			rollbackOf(b)
		}
		b.handOff = folder
		told := map[string]bool{}
		b.host.fault = func(what string, after bool) error {
			s, ok := b.plan.Step(b.step)
			if after || !ok || strings.HasPrefix(what, "leave ") || s.Op.Describe().ReadOnly {
				return nil
			}
			c, err := journal.Parse([]byte(b.host.world["copy "+folder+"/"+copyName]), "web1", "the copy")
			if err != nil {
				return err
			}
			if journal.LastRun(c.Records).Step(b.step).Do != journal.Intent {
				t.Errorf("%s: %s is done, and the copy does not know", b.step, what)
			}
			told[b.step] = true
			return nil
		}
		if _, err := b.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(told) < 5 {
			t.Errorf("only %d steps were seen", len(told))
		}
		left := b.host.world["copy "+folder+"/"+b.plan.ID+".json"]
		if p, err := plan.Decode([]byte(left)); err != nil || p.ID != b.plan.ID {
			t.Errorf("the plan: %v", err)
		}
		c, err := journal.Parse([]byte(b.host.world["copy "+folder+"/"+copyName]), "web1", "the copy")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(journal.ForRun(b.records(), was.ID), c.Records); diff != "" {
			t.Errorf("the copy is not what the journal says at the end (-journal +copy):\n%s", diff)
		}
		for name, data := range b.host.world {
			if strings.HasPrefix(name, "copy ") && strings.Contains(data, "canary") {
				t.Errorf("a secret is in %s", name)
			}
		}
	}
}

// A host that cannot take the copy is not changed; one that can no longer take it
// is still put back.
func TestWithoutACopyNothingNewIsChanged(t *testing.T) {
	for _, tt := range []struct{ from, want string }{{"secrets-folder", "secrets-folder"}, {"sidecar", "sidecar"}} {
		b := newBench(t)
		b.handOff = HandoverFolder(b.plan)
		before := b.host.world.client()
		full := false
		b.host.fault = func(what string, after bool) error {
			full = full || b.step == tt.from
			if full && strings.HasPrefix(what, "leave ") {
				return errExit
			}
			return nil
		}
		res, err := b.run(t.Context())
		if err == nil || res.Failed != tt.want || res.Outcome != journal.RolledBack {
			t.Errorf("%s: %+v, %v", tt.from, res, err)
		}
		if diff := cmp.Diff(before, b.host.world.client()); diff != "" {
			t.Errorf("%s (-before +after):\n%s", tt.from, diff)
		}
	}
}

// copies is a host that has files and can list its runs.
type copies map[string]string

func (c copies) Run(_ context.Context, cmd remote.Command) (res remote.Result, err error) {
	verb, name, _ := strings.Cut(cmd.Name, " ")
	switch {
	case cmd.Name == "look for runs":
		for file := range c {
			if path.Base(file) == copyName {
				res.Stdout = fmt.Appendf(res.Stdout, "%d %s\n", len(file), file)
			}
		}
	case verb == "read":
		data, ok := c[name]
		if !ok {
			return res, &remote.ExitError{Name: cmd.Name, Code: 44}
		}
		res.Stdout = []byte(data)
	}
	return res, nil
}

// interrupted is a host with the copy of a run that died, and that run's plan.
func interrupted(t *testing.T) (copies, *plan.Plan, []journal.Record) {
	t.Helper()
	p, err := plan.Decode(readTest(t, "../testdata/build/unmanaged-public.json"))
	if err != nil {
		t.Fatal(err)
	}
	data, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 23, 20, 0, 0, 0, time.UTC)
	who, _ := json.Marshal(Operator{"ann", "old laptop"})
	records := []journal.Record{
		{Kind: journal.Note, Run: p.ID, Time: now, Data: who},
		{Kind: journal.RunBegun, Run: p.ID, Action: journal.Apply, Plan: plan.Hash(data), Time: now},
		{Kind: journal.Intent, Run: p.ID, Step: "edit", Time: now},
	}
	text, err := journal.Encode("web1", records)
	if err != nil {
		t.Fatal(err)
	}
	folder := HandoverFolder(p)
	return copies{folder + "/" + copyName: string(text), folder + "/" + p.ID + ".json": string(data)}, p, records
}

func TestFindCopyProvesWhatItFinds(t *testing.T) {
	host, p, records := interrupted(t)
	c, err := FindHandover(t.Context(), host, "web1")
	if err != nil || c == nil || c.State().Step("edit").Do != journal.Intent || c.Folder != HandoverFolder(p) {
		t.Fatalf("%+v, %v", c, err)
	}
	if by, at := LastOwner(c.Records, p.ID); by != (Operator{"ann", "old laptop"}) || !at.Equal(records[1].Time) {
		t.Errorf("%+v since %v", by, at)
	}
	if c, err := FindHandover(t.Context(), copies{}, "web1"); c != nil || err != nil {
		t.Errorf("an empty host: %+v, %v", c, err)
	}
	if c, err := FindHandover(t.Context(), copies{"/tmp/x/run/" + copyName: "elsewhere"}, "web1"); c != nil || err != nil {
		t.Errorf("a file elsewhere: %+v, %v", c, err)
	}
	folder := HandoverFolder(p)
	for name, spoil := range map[string]func(copies){
		"another host":  func(c copies) { c[folder+"/"+copyName] = strings.ReplaceAll(c[folder+"/"+copyName], "web1", "web2") },
		"a flipped bit": func(c copies) { c[folder+"/"+copyName] = strings.Replace(c[folder+"/"+copyName], "edit", "fdit", 1) },
		"torn":          func(c copies) { c[folder+"/"+copyName] = c[folder+"/"+copyName][:len(c[folder+"/"+copyName])-20] },
		"no plan":       func(c copies) { delete(c, folder+"/"+p.ID+".json") },
		"another plan": func(c copies) {
			c[folder+"/"+p.ID+".json"] = strings.Replace(c[folder+"/"+p.ID+".json"], "0.24.6", "0.24.7", 1)
		},
	} {
		host, _, _ := interrupted(t)
		spoil(host)
		var damaged *journal.DamagedError
		if _, err := FindHandover(t.Context(), host, "web1"); !errors.As(err, &damaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOwnedCountsChangesOfHands(t *testing.T) {
	host, p, own := interrupted(t)
	folder := HandoverFolder(p)
	if err := CheckOwnership(t.Context(), host, p, folder, own); err != nil {
		t.Errorf("its own: %v", err)
	}
	if err := CheckOwnership(t.Context(), copies{}, p, folder, own); err != nil {
		t.Errorf("not yet left: %v", err)
	}
	who, _ := json.Marshal(Operator{"bob", "new laptop"})
	adopted := append(own, journal.Record{Kind: journal.Adopted, Run: p.ID, Time: own[0].Time.Add(time.Hour), Data: who})
	text, err := journal.Encode("web1", adopted)
	if err != nil {
		t.Fatal(err)
	}
	host[folder+"/"+copyName] = string(text)
	var lost *AdoptedError
	for _, mine := range []*plan.Plan{p, {ID: "back", Host: "web1", Undoes: p.ID}} {
		if err := CheckOwnership(t.Context(), host, mine, folder, own); !errors.As(err, &lost) || lost.By.Machine != "new laptop" || !errors.Is(err, remote.ErrNotStarted) {
			t.Errorf("%s: %v", mine.ID, err)
		}
	}
	if err := CheckOwnership(t.Context(), host, p, folder, adopted); err != nil {
		t.Errorf("the new owner: %v", err)
	}
}

func TestOriginalOnHost(t *testing.T) {
	_, p, _ := interrupted(t)
	op := p.Steps[0].Op.(plan.Backup)
	host := copies{op.Dir + "/file.0": "as it was"}
	if got, err := OriginalOnHost(t.Context(), host, p, op.Files[0]); err != nil || string(got) != "as it was" {
		t.Errorf("%q, %v", got, err)
	}
	for _, file := range []string{op.Files[1], "/etc/passwd"} {
		if _, err := OriginalOnHost(t.Context(), host, p, file); err == nil {
			t.Errorf("%s was found", file)
		}
	}
}
