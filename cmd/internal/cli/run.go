package cli

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"liftalot/cmd/internal/ui"
	"liftalot/plan"
	"liftalot/plan/apply"
	"liftalot/plan/journal"
	"liftalot/plan/run"
)

// hostResult is a host after a run.
type hostResult struct {
	Host     string           `json:"host"`
	Result   result           `json:"result"`
	Wave     int              `json:"wave,omitempty"`      // counts from 1; the canaries are the first
	Held     string           `json:"held_back,omitempty"` // why it was not begun
	Run      string           `json:"run,omitempty"`
	Kind     plan.RunKind     `json:"kind,omitempty"`
	Outcome  string           `json:"outcome"` // ended, in a word
	From     string           `json:"from,omitempty"`
	To       string           `json:"to,omitempty"`
	Downtime *apply.Downtime  `json:"downtime,omitempty"`
	Backup   *backupSummary   `json:"backup,omitempty"`
	Took     time.Duration    `json:"took_ns"`
	Error    string           `json:"error,omitempty"`
	Failure  *journal.Failure `json:"failure,omitempty"` // what was seen of the step that failed
	Exit     int              `json:"exit"`
	Next     string           `json:"next,omitempty"` // what to do about the error
	Follow   []string         `json:"follow_ups,omitempty"`
	Nothing  string           `json:"nothing,omitempty"` // why there was nothing to do

	ended journal.Outcome
}

// endedAs is the host with how its run ended.
func (f hostResult) endedAs(o journal.Outcome) hostResult {
	f.ended, f.Outcome = o, map[journal.Outcome]string{
		journal.Completed: "completed", journal.Aborted: "not begun", journal.RolledBack: "rolled back",
		journal.Interrupted: "interrupted", journal.NeedsPerson: "needs person",
	}[o]
	return f
}

type backupSummary struct {
	ID    string `json:"id"`
	Dir   string `json:"dir"`
	Bytes int64  `json:"bytes"`
}

// carryOut carries a job out on a host, with its live line, and keeps how it ended.
func (t *target) carryOut(ctx context.Context, todo run.Job, track *ui.Track) (hostResult, error) {
	p := todo.Plan
	began := t.now()
	done := hostResult{Host: t.host.Name, Run: p.ID, Kind: p.Kind, From: p.From, To: p.To}.endedAs(journal.Aborted)
	res, err := t.server(track).CarryOut(ctx, todo)
	if !res.Began {
		return done, err
	}
	done = done.endedAs(res.Outcome)
	done.Downtime, done.Took, done.Follow = res.Downtime, t.now().Sub(began), res.FollowUp
	done.Failure = res.Failure
	if res.Backup != nil {
		done.Backup = &backupSummary{ID: res.Backup.ID, Dir: t.backups.folder(res.Backup.ID), Bytes: res.Backup.Bytes}
	}
	if err != nil {
		code, hint := ofRun(t.host.Name, res.Action, res.Result, err)
		err = &hostError{host: t.host.Name, code: code, err: withHost(t.host.Name, err), hint: hint, failure: res.Failure}
		done = done.failed(t.host.Name, err)
	}
	kerr := t.folder.keepResult(done, t.term.secret.String)
	if kerr == nil && res.Outcome == journal.Completed && res.Swapped {
		kerr = t.folder.beginSeen(res.Found)
	}
	if kerr != nil {
		t.term.warnOnce(kerr.Error())
	}
	return done, err
}

// publicCheck asks for the health of the server as its users reach it: a reverse
// proxy that looked the container's address up once is stranded by a new one. It
// warns only: the way there is not part of the upgrade.
func publicCheck(ctx context.Context, base string) plan.Check {
	c := plan.Check{Name: "public address", Level: plan.Warn, Hint: "does the reverse proxy still know where the server is?"}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(base, "/")+"/api/health", nil)
	if err != nil {
		c.Detail = err.Error()
		return c
	}
	client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}}}
	defer client.CloseIdleConnections()
	res, err := client.Do(req)
	if err != nil {
		c.Detail = err.Error()
		return c
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil || res.StatusCode != http.StatusOK || !strings.Contains(string(body), `"status"`) {
		c.Detail = fmt.Sprintf("%s/api/health answers %d, and not with the server's health", base, res.StatusCode)
		return c
	}
	return plan.Check{Name: "public address", Level: plan.Pass, Detail: base + " answers"}
}

// show puts an event of the engine on the screen.
func show(track *ui.Track, ev apply.Event) {
	place := fmt.Sprintf("%*d/%d ", len(strconv.Itoa(ev.Steps)), ev.Place, ev.Steps)
	switch ev.Kind {
	case apply.StepBegun:
		track.Begin(place + ev.Title)
	case apply.UndoBegun:
		track.Begin("revert: " + ev.Title)
	case apply.StepDone, apply.UndoDone:
		track.End(ui.Done, "")
	case apply.StepSkipped:
		track.Begin(place + ev.Title)
		track.End(ui.Skipped, "done before")
	case apply.StepFailed, apply.UndoFailed:
		track.End(ui.Failed, ev.Err.Error())
	case apply.Output:
		track.Say(ev.Text)
	}
}
