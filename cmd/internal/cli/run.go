package cli

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"liftalot/cmd/internal/ui"
	"liftalot/plan"
	"liftalot/plan/apply"
	"liftalot/plan/backup"
	"liftalot/plan/journal"
	"liftalot/plan/verify"
	"liftalot/remote"
	"liftalot/remote/lock"
)

// finished is a host after a run.
type finished struct {
	Host     string          `json:"host"`
	Result   result          `json:"result"`
	Wave     int             `json:"wave,omitempty"`      // counts from 1; the canaries are the first
	Held     string          `json:"held_back,omitempty"` // why it was not begun
	Run      string          `json:"run,omitempty"`
	Kind     plan.RunKind    `json:"kind,omitempty"`
	Outcome  apply.Outcome   `json:"outcome"`
	From     string          `json:"from,omitempty"`
	To       string          `json:"to,omitempty"`
	Downtime *apply.Downtime `json:"downtime,omitempty"`
	Backup   *backupSummary  `json:"backup,omitempty"`
	Took     time.Duration   `json:"took_ns"`
	Error    string          `json:"error,omitempty"`
	Exit     int             `json:"exit"`
	Next     string          `json:"next,omitempty"` // what to do about the error
	Follow   []string        `json:"follow_ups,omitempty"`
	Nothing  string          `json:"nothing,omitempty"` // why there was nothing to do
}

type backupSummary struct {
	ID    string `json:"id"`
	Dir   string `json:"dir"`
	Bytes int64  `json:"bytes"`
}

// lockFile is the lock's place on a host: on the memory file system, so that a
// reboot leaves nothing of it.
const lockFile = "/run/liftalot/lock"

// carryOut runs a plan on a host, with its journal, its lock and its live line.
func (t *target) carryOut(ctx context.Context, todo job, track *ui.Track) (finished, error) {
	p, was, hash := todo.plan, todo.was, todo.hash
	began := t.env.Now()
	done := finished{Host: t.host.Name, Run: p.ID, Kind: p.Kind, From: p.From, To: p.To, Outcome: apply.NotBegun}
	j, err := journal.Open(t.folder(), journal.Options{Host: t.host.Name, Purpose: string(p.Kind), Now: began})
	if err != nil {
		return done, err
	}
	defer j.Close()
	if err := todo.unchanged(t.host.Name, j.Records()); err != nil {
		return done, err
	}
	if err := t.stillTrusted(p, j.Records()); err != nil {
		return done, err
	}
	if err := t.stillOffered(ctx, p, j.Records()); err != nil {
		return done, err
	}
	host := t.underLock(j, p, was, func(s string) { track.Say(s) })
	defer func() { _ = host.Release(ctx) }()
	if _, err := host.Hold(ctx); err != nil {
		return done, err
	}
	if _, err := savePlan(t.runPlan(p.ID), p); err != nil {
		return done, err
	}
	if err := t.sign(j, p.ID); err != nil {
		return done, err
	}
	desk := t.desk(was, p, host, track)
	var warned []string
	var found *plan.Facts
	desk.Verify = func(ctx context.Context, _ plan.Verify) (err error) {
		warned, found, err = t.verifyPatiently(ctx, verify.Ended(p, was, todo.resumes))
		return err
	}
	e := &apply.Engine{Host: host, Watch: t.client, Plan: p, Hash: hash, Journal: j, Stop: t.stop, Desk: desk, Handover: apply.HandoverFolder(was)}
	if e.Before, err = t.downBefore(p, j.Records()); err != nil {
		return done, err
	}
	res, err := e.Run(ctx)
	done.Outcome, done.Downtime, done.Took, done.Follow = res.Outcome, res.Downtime, t.env.Now().Sub(began), slices.Concat(warned, p.FollowUps)
	if res.Backup != nil {
		done.Backup = &backupSummary{ID: res.Backup.ID, Dir: t.backupFolder(res.Backup.ID), Bytes: res.Backup.Bytes}
	}
	if err != nil {
		code, hint := ofRun(t.host.Name, e.Action(), res, err)
		err = &hostError{host: t.host.Name, code: code, err: named(t.host.Name, err), hint: hint}
		done = done.failed(t.host.Name, err)
	}
	if err == nil {
		t.rememberInstalled(p)
	}
	kerr := t.keepResult(done)
	if kerr == nil && res.Outcome == apply.Completed && res.Swapped {
		kerr = t.beginSeen(found)
	}
	if kerr != nil {
		t.warnOnce(kerr.Error())
	}
	return done, err
}

// sign notes in the journal who starts a run, or goes on with it.
func (t *target) sign(j *journal.Journal, run string) error {
	who, err := json.Marshal(whoWorks())
	if err != nil {
		return fmt.Errorf("write down who works here: %w", err)
	}
	return j.Append(journal.Record{Kind: journal.Note, Run: run, Time: t.env.Now().UTC(), Data: who})
}

// desk is what the engine may ask of this machine.
func (t *target) desk(was, p *plan.Plan, host *lock.Host, track *ui.Track) apply.Desk {
	return apply.Desk{
		Look: t.lookAndLearn,
		Backup: func(ctx context.Context, op plan.Backup) (apply.BackupNote, error) {
			taker, err := t.taker(ctx, host, track)
			if err != nil {
				return apply.BackupNote{}, err
			}
			m, err := taker.Take(ctx, backup.Request{Backup: op, Version: p.From, Run: true}, t.backupFolder(op.ID))
			if err != nil {
				return apply.BackupNote{}, err
			}
			dump, _ := m.File(backup.Dump)
			return apply.BackupNote{ID: m.ID, Bytes: m.Size(), SHA256: dump.SHA256}, nil
		},
		Send:     t.send(host, track),
		Original: t.original(was),
		Credentials: func(ctx context.Context) (string, []byte, error) {
			c := t.credentials()
			if c == nil {
				return "", nil, errors.New("the inventory names none any more")
			}
			return c(ctx)
		},
		Tell: func(ev apply.Event) {
			show(track, ev)
			t.logEvent(t.host.Name, ev)
		},
		Now: t.env.Now,
	}
}

// Looks of a verification, and the time between two: a question that a loaded
// host fails to answer once must not take a good upgrade back.
const (
	maxVerify   = 3
	verifyPause = 5 * time.Second
)

// verifyPatiently verifies a host, and looks again before it says that
// something is wrong. What is odd and no fault comes back for a person to see to, such
// as a reverse proxy that still looks for the old container.
func (t *target) verifyPatiently(ctx context.Context, want verify.Want) (warned []string, found *plan.Facts, err error) {
	for tries := 1; ; tries++ {
		checks, f, err := t.verifyAs(ctx, want)
		if err != nil {
			return nil, nil, err
		}
		bad := verify.Failed(t.host.Name, checks)
		if bad == nil || tries == maxVerify || remote.Pause(ctx, verifyPause) != nil {
			return warnings(checks), f, bad
		}
	}
}

func warnings(checks []plan.Check) (list []string) {
	for _, c := range checks {
		if c.Level != plan.Warn {
			continue
		}
		text := c.Name + ": " + c.Detail
		if c.Hint != "" {
			text += " (" + c.Hint + ")"
		}
		list = append(list, text)
	}
	return list
}

// verifyAs takes a fresh look and compares, the public address included.
func (t *target) verifyAs(ctx context.Context, want verify.Want) ([]plan.Check, *plan.Facts, error) {
	f, err := t.look(ctx)
	if err != nil {
		return nil, nil, err
	}
	checks := verify.Host(ctx, t.client, f, want)
	if t.host.PublicURL != "" {
		checks = append(checks, publicCheck(ctx, t.host.PublicURL))
	}
	return checks, f, nil
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
	switch ev.Kind {
	case apply.StepBegun:
		track.Begin(ev.Title)
	case apply.UndoBegun:
		track.Begin("take back: " + ev.Title)
	case apply.StepDone, apply.UndoDone:
		track.End(ui.Done, "")
	case apply.StepSkipped:
		track.Begin(ev.Title)
		track.End(ui.Skipped, "done before")
	case apply.StepFailed, apply.UndoFailed:
		track.End(ui.Failed, ev.Err.Error())
	case apply.Output:
		track.Say(ev.Text)
	}
}
