package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"liftalot/plan"
	"liftalot/plan/journal"
)

var began = time.Date(2026, 11, 23, 21, 4, 5, 0, time.UTC)

func digest(c string) string { return "sha256:" + strings.Repeat(c, 64) }

// aPlan has one step of each kind a page shows differently.
func aPlan(host string) *plan.Plan {
	p := &plan.Plan{
		Format: 1, ID: "20261123T210405Z-0a1b2c", Host: host, Kind: plan.Upgrade, From: "0.23.0", To: "0.24.6",
		Release: plan.Release{
			Version: "0.24.6", Signature: "verified", Channel: "stable", KeySHA256: strings.Repeat("8", 64),
			Server:  plan.Ref{Repo: "registry.seglamater.app/seglamater/chatalot", Digest: digest("a"), Signature: "verified"},
			Updater: plan.Ref{Repo: "registry.seglamater.app/seglamater/chatalot-updater", Digest: digest("b"), Signature: "verified"},
			Proxy:   plan.Ref{Repo: "registry.seglamater.app/seglamater/docker-socket-proxy", Digest: digest("c"), Signature: "not signed"},
		},
		Steps: []plan.Step{
			{ID: "backup", Title: "back up database, secrets, .env and compose files", Op: plan.Backup{}},
			{ID: "edit", Title: "edit docker-compose.yml", Op: plan.Edit{}},
			{ID: "swap", Title: "replace the server's container", Op: plan.Swap{}},
			{ID: "verify", Title: "verify the upgraded server", Op: plan.Verify{}},
		},
		Deviations: []string{"images pulled by digest, the socket proxy's too"},
		FollowUps:  []string{"back up secrets/ offline: updater_token is new there"},
		Warnings:   []string{"registry.seglamater.app/seglamater/docker-socket-proxy is not signed"},
	}
	p.Project.Service = "chatalot"
	p.Baseline.Containers = []plan.ContainerFingerprint{{Service: "chatalot", ID: strings.Repeat("d", 64), ImageID: digest("e")}}
	var diff plan.FileDiff
	lines := `{"path":"docker-compose.yml","lines":[{"kind":"hunk","text":"@@ -4,7 +4,8 @@"},{"kind":"context","text":"   chatalot:"},` +
		`{"kind":"remove","text":"    build: ."},{"kind":"add","text":"    image: registry.seglamater.app/seglamater/chatalot@` + digest("a") + `"}]}`
	if err := json.Unmarshal([]byte(lines), &diff); err == nil {
		p.Diffs = []plan.FileDiff{diff}
	}
	return p
}

// records are those of a run; failed is the step that failed and was rolled back.
func records(p *plan.Plan, failed string) (list []journal.Record) {
	at := began
	add := func(r journal.Record, after time.Duration) {
		at = at.Add(after)
		r.Run, r.Time = p.ID, at
		list = append(list, r)
	}
	add(journal.Record{Kind: journal.Note, Data: []byte(`{"user":"ann","machine":"laptop","version":"v0.4.0"}`)}, 0)
	add(journal.Record{Kind: journal.RunBegun, Action: journal.Apply, Plan: strings.Repeat("f", 64)}, 0)
	for i, s := range p.Steps {
		add(journal.Record{Kind: journal.Intent, Step: s.ID}, 0)
		took := time.Duration(i+1) * 2 * time.Second
		if s.ID == failed {
			add(journal.Record{Kind: journal.Failed, Step: s.ID}, took)
			for _, done := range slices.Backward(p.Steps[:i]) {
				add(journal.Record{Kind: journal.UndoIntent, Step: done.ID}, 0)
				add(journal.Record{Kind: journal.UndoDone, Step: done.ID}, time.Second)
			}
			add(journal.Record{Kind: journal.UndoIntent, Step: s.ID}, 0)
			add(journal.Record{Kind: journal.UndoDone, Step: s.ID}, time.Second)
			add(journal.Record{Kind: journal.RunEnded, Outcome: journal.RolledBack}, 0)
			return list
		}
		add(journal.Record{Kind: journal.Done, Step: s.ID}, took)
	}
	add(journal.Record{Kind: journal.RunEnded, Outcome: journal.Completed}, 0)
	return list
}

func aPage() Page {
	page := Page{Title: "Managed updates for acme", Made: began.Add(time.Hour), Tool: "v0.4.0", Rest: []Rest{{"web9", "held back: the canary of its variant, web2, failed"}}}
	for i, failed := range []string{"", "swap"} {
		p := aPlan(fmt.Sprintf("web%d", i+1))
		r := Tell(p, records(p, failed))
		r.Head = Head{Line: 41, SHA256: strings.Repeat("9", 64)}
		r.Downtime = &Downtime{Millis: 2290, After: 1100, How: "probe", Probes: 61, Rate: 8.3, Words: "2.3s"}
		r.Backup = &Backup{
			ID: p.ID, Dir: "/home/ann/clients/.liftalot/hosts/" + p.Host + "/backups/" + p.ID, OnHost: "/var/backups/chatalot-pre-managed-update-" + p.ID, Taken: began, Database: "chatalot", Tables: 33, Migration: 51,
			Files: []File{{Name: "db.dump", Size: 95334, SHA256: strings.Repeat("1", 64)}, {Name: "file.0", Path: "/srv/chatalot/docker-compose.yml", Size: 4446, SHA256: strings.Repeat("2", 64)}},
		}
		page.Runs = append(page.Runs, r)
	}
	page.Runs[1].Error = `web2: step "replace the server's container": the container was restarted 3 times: the job on the host rolled back by itself`
	return page
}

func TestTell(t *testing.T) {
	p := aPlan("web1")
	r := Tell(p, records(p, "swap"))
	if r.Outcome != "failed and rolled back" || len(r.By) != 1 || r.By[0].User != "ann" || r.Plan == "" || !r.Begun.Equal(began) {
		t.Errorf("got %+v", r)
	}
	var states []string
	for _, s := range r.Steps {
		states = append(states, s.State+" "+s.Took().String())
	}
	if got, want := strings.Join(states, ", "), "reverted 2s, reverted 4s, reverted 6s, not begun 0s"; got != want {
		t.Errorf("steps %q, want %q", got, want)
	}
	if i := r.Images[0]; i.Before != digest("e") || !strings.HasSuffix(i.After, "@"+digest("a")) || i.Signature != "verified" {
		t.Errorf("the server's image is %+v", i)
	}
	if r := Tell(p, nil); r.Outcome != "not begun" {
		t.Errorf("a run without records: %q", r.Outcome)
	}
	if r := Tell(p, records(p, "")[:5]); r.Outcome != "interrupted, not finished" || draw(1, r) == nil {
		t.Errorf("a run that was interrupted: %+v", r)
	}
}

func TestTimelineStaysInThePicture(t *testing.T) {
	for _, away := range []int64{0, 1, 2290, 1 << 40, 1 << 62} {
		p := aPlan("web1")
		r := Tell(p, records(p, ""))
		r.Downtime = &Downtime{Millis: away, After: away}
		l := draw(7, r)
		if len(l.Bars) != 4 || len(l.Down) != 1 {
			t.Fatalf("got %+v", l)
		}
		for _, b := range l.Bars {
			if b.X < 0 || b.X+b.Width > width+thinnest {
				t.Errorf("%q is drawn from %.1f over %.1f", b.Title, b.X, b.Width)
			}
		}
		if l.Down[0].X < 0 || l.Down[0].Width < 1 {
			t.Errorf("away for %d ms: %+v", away, l.Down)
		}
	}
}

// The silence is drawn when it was: the swap begins 6 s into a run of 20 s.
func TestTimelineShowsWhenTheServerWasAway(t *testing.T) {
	p := aPlan("web1")
	for after, want := range map[int64]float64{0: 300, 2000: 400, 1 << 40: 600} {
		r := Tell(p, records(p, ""))
		r.Downtime = &Downtime{Millis: 2000, After: after}
		if l := draw(7, r); len(l.Down) != 1 || l.Down[0].X != want || l.Down[0].Width != 100 {
			t.Errorf("after %d ms: %+v, want it at %.0f", after, l.Down, want)
		}
	}
}

// What a host says stays text.
func TestForeignTextIsNoHTML(t *testing.T) {
	for _, attack := range []string{
		"<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "</pre></style><b>", "javascript:alert(1)", "{{.Title}}", "' onmouseover='x", "</title><h1>",
	} {
		page := aPage()
		page.Title, page.Tool = attack, attack
		page.Rest = []Rest{{attack, attack}}
		r := &page.Runs[0]
		r.Host, r.ID, r.Kind, r.Outcome, r.Error, r.From, r.To, r.Manifest, r.Plan = attack, attack, attack, attack, attack, attack, attack, attack, attack
		r.By, r.Images = []By{{attack, attack, attack}}, []Image{{attack, attack, attack, attack}}
		r.Downtime.How, r.Backup.Dir, r.Backup.Database, r.Backup.Files = attack, attack, attack, []File{{attack, attack, 1, attack}}
		r.Steps[0].Title, r.Steps[0].State, r.Diffs[0].Path, r.Diffs[0].Lines[1].Text = attack, attack, attack, attack
		r.Channel, r.Key, r.Next, r.Later = attack, attack, attack, []Later{{Run: attack, Kind: attack, Outcome: attack}}
		r.Backup.OnHost = attack
		r.Deviations, r.Warnings, r.FollowUps, r.Head.SHA256 = []string{attack}, []string{attack}, []string{attack}, attack
		text := rendered(t, page)
		for _, never := range []string{"<script", "<img", "<b>", "<h1><", "onerror=alert(1)>", `href="javascript`, "' onmouseover='"} {
			if strings.Contains(text+rendered(t, clientOf(page, "de")), never) {
				t.Errorf("%q puts %q into the page", attack, never)
			}
		}
		if got := strings.Count(text, "<h1>"); got != 1 {
			t.Errorf("%q makes %d titles", attack, got)
		}
	}
}

func TestClaims(t *testing.T) {
	var b bytes.Buffer
	if err := Render(&b, aPage()); err != nil {
		t.Fatal(err)
	}
	claims, err := Claims(b.Bytes())
	if err != nil || len(claims) != 2 || claims[0] != (Claim{"web1", Head{41, strings.Repeat("9", 64)}}) {
		t.Errorf("got %+v, %v", claims, err)
	}
	for _, text := range []string{"", "<html></html>", "<head></head>", `</head><meta name="liftalot-journal" content="web1 1 ` + strings.Repeat("9", 64) + `">`} {
		if claims, err := Claims([]byte(text)); err == nil {
			t.Errorf("%q claims %+v", text, claims)
		}
	}
}
