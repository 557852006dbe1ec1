package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"liftalot/plan"
	"liftalot/plan/apply"
	"liftalot/plan/journal"
	"liftalot/plan/verify"
	"liftalot/remote/lock"
)

// A Result is how a job ended.
type Result struct {
	apply.Result
	Began    bool           // the engine was at work: an error is of the run
	Action   journal.Action // of the run
	FollowUp []string       // for a person to see to
	Found    *plan.Facts    // by the last verification, nil without one
}

// CarryOut carries a job out, under the locks of this machine and of the host, and writes
// down what it does. An error without Began is of something that kept it from beginning:
// nothing was changed.
func (h *Host) CarryOut(ctx context.Context, job Job) (Result, error) {
	none := Result{Result: apply.Result{Outcome: journal.Aborted}}
	j, err := h.State.Open(string(job.Plan.Kind), h.Clock.Now())
	if err != nil {
		return none, err
	}
	defer j.Close()
	if err := h.recheckState(job, j.Records()); err != nil {
		return none, err
	}
	if err := h.Trusted(job.Plan, j.Records()); err != nil {
		return none, err
	}
	if err := h.Unchanged(ctx, job.Plan, j.Records()); err != nil {
		return none, err
	}
	host := h.underLock(j, job.Plan, job.Was)
	if _, err := host.Hold(ctx); err != nil {
		return none, err
	}
	res, err := h.carryOut(ctx, job, j, host)
	_ = host.Release(ctx) // the end of the connection does it too
	if err == nil {
		h.Release.Installed(job.Plan)
	}
	return res, err
}

func (h *Host) carryOut(ctx context.Context, job Job, j *journal.Journal, host *lock.Host) (Result, error) {
	res := Result{Result: apply.Result{Outcome: journal.Aborted}}
	data, err := job.Plan.Encode()
	if err != nil {
		return res, err
	}
	if err := h.State.KeepPlan(job.Plan.ID, data); err != nil {
		return res, err
	}
	if err := h.sign(j, job.Plan.ID); err != nil {
		return res, err
	}
	var warned []string
	e := &apply.Engine{
		Host: host, Watch: h.Client, Plan: job.Plan, Hash: job.Hash, Journal: j, Stop: h.Stop, Pause: h.Retry,
		Workstation: h.workstation(host, job), Handover: apply.HandoverFolder(job.Was),
	}
	e.Workstation.Verify = func(ctx context.Context, _ plan.Verify) (err error) {
		warned, res.Found, err = h.verify(ctx, verify.ExpectAfterRun(job.Plan, job.Was, job.Resumes))
		return err
	}
	if h.Downtime != nil {
		if e.Before, err = h.Downtime(job.Plan, j.Records()); err != nil {
			return res, err
		}
	}
	res.Result, err = e.Run(ctx)
	res.Began, res.Action, res.FollowUp = true, e.Action(), slices.Concat(warned, job.Plan.FollowUps)
	return res, err
}

// Trusted holds a plan against what the inventory trusts now. A rollback is free, and so is
// a run whose swap is through: what it installs runs by then.
func (h *Host) Trusted(p *plan.Plan, records []Record) error {
	last := journal.LastRun(records)
	begun := last.Run == p.ID
	if p.Kind != plan.Upgrade || p.Empty() || begun && last.Step("swap").InEffect() {
		return nil
	}
	err := h.Release.Trusted(p)
	switch {
	case err != nil && begun:
		return &StateError{
			Unfinished, fmt.Errorf("%s: run %s stopped half way and cannot be resumed: %w", h.Name, p.ID, err),
			fmt.Sprintf(`"liftalot rollback %s" undoes it; it goes on only where the inventory accepts its release`, h.Name),
		}
	case err != nil:
		return &StateError{Refused, err, "nothing was changed; " + planAnew(h.Name)}
	}
	return nil
}

// Unchanged refuses an upgrade whose images are not what they were when it was planned. A
// run that was begun keeps the digests it began with.
func (h *Host) Unchanged(ctx context.Context, p *plan.Plan, records []Record) error {
	if p.Kind != plan.Upgrade || p.Empty() || journal.LastRun(records).Run == p.ID {
		return nil
	}
	return h.Release.Unchanged(ctx, p)
}

// underLock is a host whose every command runs under the operator's lock, as long as the
// run is in this machine's hands. was is the plan that is rolled back, or p itself.
func (h *Host) underLock(j *journal.Journal, p, was *plan.Plan) *lock.Host {
	return &lock.Host{
		Client: h.Client, File: LockFile, Undoes: p.Undoes, Tell: h.Teller.Say, Wait: h.Retry,
		Holder: lock.Holder{
			User: h.By.User, Machine: h.By.Machine, RunID: lock.ID(p.ID, journal.Epoch(j.Records(), p.ID)),
			Reason: fmt.Sprintf("%s to %s", p.Kind, p.To),
		},
		Check: func(ctx context.Context, r lock.Runner) error {
			return apply.CheckOwnership(ctx, r, p, apply.HandoverFolder(was), j.Records())
		},
	}
}

// sign notes in the journal who starts a run, or resumes it.
func (h *Host) sign(j *journal.Journal, run string) error {
	who, err := json.Marshal(h.By)
	if err != nil {
		return fmt.Errorf("write down who works here: %w", err)
	}
	return j.Append(Record{Kind: journal.Note, Run: run, Time: h.Clock.Now().UTC(), Data: who})
}

// workstation returns what the engine may ask of this machine, but for the verification.
func (h *Host) workstation(host *lock.Host, job Job) apply.Workstation {
	return apply.Workstation{
		Look: h.LookAndRedact,
		Backup: func(ctx context.Context, op plan.Backup) (apply.BackupNote, error) {
			return h.Backups.Create(ctx, host, op, job.Plan.From)
		},
		Send:     func(ctx context.Context, op plan.Send) error { return h.Backups.Send(ctx, host, op) },
		Original: func(ctx context.Context, path string) ([]byte, error) { return h.originalFile(ctx, job.Was, path) },
		Credentials: func(ctx context.Context) (string, []byte, error) {
			if h.Credentials == nil {
				return "", nil, errors.New("the inventory names none any more")
			}
			return h.Credentials(ctx)
		},
		Redact: h.Teller.Redact,
		Tell:   h.Teller.Event,
		Now:    h.Clock.Now,
	}
}

// originalFile gives a client's file as it was before a run: from the backup on this machine,
// or from its copy on the host where there is none here, as after the run was taken over
// from another machine, or none that this machine's key opens. The engine holds it against
// the plan.
func (h *Host) originalFile(ctx context.Context, was *plan.Plan, path string) ([]byte, error) {
	data, err := h.Backups.Read(ctx, was.ID, path)
	if err == nil {
		return data, nil
	}
	data, gone := apply.OriginalOnHost(ctx, h.Client, was, path)
	if gone != nil {
		return nil, fmt.Errorf("%w; and from the host: %w", err, gone)
	}
	return data, nil
}

// Looks of a verification, and the time between two: a question that a loaded host fails
// to answer once must not roll a good upgrade back.
const (
	maxVerify   = 3
	verifyPause = 5 * time.Second
)

// verify verifies a host, and looks again before it says that something is wrong. What is
// odd and no fault comes back for a person to see to, such as a reverse proxy that still
// looks for the old container.
func (h *Host) verify(ctx context.Context, want verify.Expectation) (warned []string, found *plan.Facts, err error) {
	for tries := 1; ; tries++ {
		f, err := h.Look(ctx)
		if err != nil {
			return nil, nil, err
		}
		checks := h.Compare(ctx, f, want)
		bad := verify.Failed(h.Name, checks)
		if bad == nil || tries == maxVerify || h.Clock.Sleep(ctx, verifyPause) != nil {
			return warnings(checks), f, bad
		}
	}
}

// Compare holds a look against what is wanted, the public address included.
func (h *Host) Compare(ctx context.Context, f *plan.Facts, want verify.Expectation) []plan.Check {
	checks := verify.Host(ctx, h.Client, f, want)
	if h.Public != nil {
		checks = append(checks, h.Public(ctx))
	}
	return checks
}
