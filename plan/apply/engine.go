package apply

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"liftalot/plan"
	"liftalot/plan/journal"
	"liftalot/remote"
)

// A Runner runs a command on a host.
type Runner interface {
	Run(ctx context.Context, cmd remote.Command) (remote.Result, error)
}

// An Engine carries out one plan on one host.
type Engine struct {
	Host Host
	// Watch runs what only looks at a job under way: it must not wait for a lock
	// that the job itself may hold.
	Watch       Runner
	Plan        *plan.Plan
	Hash        string // of the plan file
	Journal     *journal.Journal
	Workstation Workstation
	// Handover is the folder on the host that keeps what another machine needs to
	// resume the run; "" keeps nothing.
	Handover string
	// Stop is closed to ask for an end after the step under way; cancelling the
	// context ends that step too.
	Stop <-chan struct{}
	// Pause is how long after a break in the line the engine looks again, twice as
	// long each time; 0 means 2 seconds.
	Pause time.Duration
	// Before is what was known of the server's downtime when this start began: of an
	// earlier start of the run, or of the run before it.
	Before *Downtime

	away          outages
	state         journal.RunState
	result        Result
	again         bool      // the operation under way was tried before and seen to fail
	open          bool      // it was tried before, and nobody saw how that ended
	planLeft      bool      // for another machine, by this start
	lastWords     lastWords // of the containers that made the operation under way fail
	revertedEdits []string  // edits that are gone, by a swap whose end nobody saw, or by others
}

// Run carries the plan out, or resumes it.
func (e *Engine) Run(ctx context.Context) (Result, error) {
	res, err := e.run(ctx)
	res.Downtime = e.downtime(ctx, res.Outcome)
	return res, err
}

func (e *Engine) run(ctx context.Context) (Result, error) {
	e.state = journal.LastRun(e.Journal.Records())
	resumed := e.state.Run == e.Plan.ID && e.state.Interrupted()
	if !resumed {
		e.state = journal.RunState{}
	}
	e.result = Result{Outcome: journal.Aborted, Changed: e.anyChange(), Swapped: e.begun("swap") || e.begun("restore")}
	facts, err := e.Workstation.Look(ctx)
	if err != nil {
		return e.notStarted(err)
	}
	e.away.begin(e.Before, resumed, facts, e.Workstation.Now().UTC())
	// A rollback that was begun goes on whatever has moved meanwhile: no other command
	// would, and each of its operations looks before it acts.
	rollback := resumed && e.Plan.Kind != plan.Upgrade
	failed, back := e.rollingBack()
	moved := plan.Drift(e.Plan, facts, e.everBegun)
	if gone := plan.RevertedEdits(e.Plan, facts, e.inEffect); !back && len(gone) > 0 {
		// A swap that fails puts the files back itself.
		switch do := e.state.Step("swap").Do; do {
		case journal.Failed:
			back, failed = true, e.swapStep()
		case journal.Intent, journal.Unknown:
			e.revertedEdits = gone // its own verdict is read first
		default:
			moved = append(moved, gone...)
		}
	}
	if len(moved) > 0 && !rollback {
		return e.notStarted(&StaleError{Host: e.Plan.Host, Drift: moved})
	}
	if !resumed {
		if err := e.write(journal.Record{Kind: journal.RunBegun, Action: e.Action(), Undoes: e.Plan.Undoes, Plan: e.Hash}); err != nil {
			return e.result, err
		}
	}
	if back {
		e.result.Failed = failed.ID
		return e.rollBack(ctx, &StepError{Host: e.Plan.Host, Step: failed, Err: ErrFailedBefore})
	}
	for _, s := range e.Plan.Steps {
		if err := e.step(ctx, s); err != nil {
			return e.endFailed(ctx, s, err)
		}
		if plan.Is[plan.Swap](s.Op) && len(e.revertedEdits) > 0 {
			// It ended well, and somebody else has put the files back since.
			return e.notStarted(&StaleError{Host: e.Plan.Host, Drift: e.revertedEdits})
		}
	}
	if err := e.removeLeftovers(ctx); err != nil {
		e.result.Outcome = journal.Interrupted
		return e.result, err
	}
	return e.endWith(ctx, journal.Completed, nil)
}

// endWith ends a run that has come to its end. One whose end is not in the journal
// has not: the next start finds it interrupted, and this one says the same.
func (e *Engine) endWith(ctx context.Context, outcome journal.Outcome, err error) (Result, error) {
	e.result.Outcome = outcome
	werr := e.recordEnd(ctx, outcome, nil)
	if werr != nil {
		e.result.Outcome = journal.Interrupted
	}
	return e.result, errors.Join(err, werr)
}

// recordEnd writes down how the run ended, here and then on the host. Another machine
// that does not hear of it finds it out by looking.
func (e *Engine) recordEnd(ctx context.Context, outcome journal.Outcome, data json.RawMessage) error {
	if err := e.write(journal.Record{Kind: journal.RunEnded, Outcome: outcome, Data: data}); err != nil {
		return err
	}
	if slices.ContainsFunc(e.Plan.Steps, func(s plan.Step) bool { return !s.Op.Describe().ReadOnly && e.everBegun(s.ID) }) {
		if err := e.handOver(ctx); err != nil {
			e.tell(Event{Kind: Output, Text: fmt.Sprintf("the end of the run is not written down on the host: %v", err)})
		}
	}
	return nil
}

// endMigrated ends a run between two releases, with what a person has to know to choose.
func (e *Engine) endMigrated(ctx context.Context, moved *MigratedError) error {
	data, err := json.Marshal(moved)
	return errors.Join(err, e.recordEnd(ctx, journal.NeedsPerson, data))
}

// Abandon ends a run that was interrupted before it changed anything: what its
// jobs left on the host goes, and nothing waits for it any more.
func (e *Engine) Abandon(ctx context.Context) error {
	if err := errors.Join(e.removeLeftovers(ctx), e.removeBackup(ctx)); err != nil {
		return err
	}
	return e.write(journal.Record{Kind: journal.RunEnded, Outcome: journal.Aborted})
}

// notStarted ends a run before this start has done anything: with nothing begun the
// host is untouched, else the run stays where it was.
func (e *Engine) notStarted(err error) (Result, error) {
	if e.result.Changed {
		e.result.Outcome = journal.Interrupted
	}
	return e.result, err
}

// Action is what the journal calls a run of the plan.
func (e *Engine) Action() journal.Action {
	switch e.Plan.Kind {
	case plan.Rollback:
		return journal.Rollback
	case plan.Restoration:
		return journal.Restore
	}
	return journal.Apply
}

// begun reports whether a step was begun by this run, now or at an earlier start.
func (e *Engine) begun(id string) bool {
	s := e.state.Step(id)
	return s.Do != "" && s.Undo != journal.UndoDone
}

// everBegun reports whether a step was ever begun by this run. One that was
// reverted may have left other containers than there were.
func (e *Engine) everBegun(id string) bool { return e.state.Step(id).Do != "" }

// inEffect reports whether a step was done by this run and not rolled back.
func (e *Engine) inEffect(id string) bool { return e.state.Step(id).InEffect() }

// swapStep is the step that replaces the server.
func (e *Engine) swapStep() plan.Step {
	return e.Plan.Steps[slices.IndexFunc(e.Plan.Steps, func(s plan.Step) bool { return plan.Is[plan.Swap](s.Op) })]
}

// anyChange reports whether a step that changes the host was begun.
func (e *Engine) anyChange() bool {
	for _, s := range e.Plan.Steps {
		changing := s.Undo != nil || e.Plan.Kind == plan.Rollback && !s.Op.Describe().ReadOnly
		if changing && e.begun(s.ID) {
			return true
		}
	}
	return false
}

// step does one step: intent, act, outcome.
func (e *Engine) step(ctx context.Context, s plan.Step) error {
	if e.inEffect(s.ID) && !s.Op.Describe().Volatile || len(e.revertedEdits) > 0 && !plan.Is[plan.Swap](s.Op) {
		e.tell(Event{Step: s.ID, Title: s.Title, Kind: StepSkipped})
		return nil
	}
	if err := e.interrupted(ctx); err != nil {
		return err
	}
	if err := e.recheckDrift(ctx, s); err != nil {
		return err
	}
	was := e.state.Step(s.ID).Do
	e.again, e.open = was == journal.Failed, was == journal.Intent || was == journal.Unknown
	if err := e.write(journal.Record{Kind: journal.Intent, Step: s.ID}); err != nil {
		return err
	}
	if s.Undo != nil {
		e.result.Changed = true
	}
	if s.Op.Describe().Part == plan.PartServer {
		e.result.Swapped = true
	}
	e.tell(Event{Step: s.ID, Title: s.Title, Kind: StepBegun})
	began := e.Workstation.Now()
	data, err := e.withHandover(ctx, s.ID, s.Op, e.Plan.Kind == plan.Upgrade)
	if err != nil {
		kind := journal.Failed
		if e.outcomeUnknown(err) {
			kind = journal.Unknown
		}
		e.tell(Event{Step: s.ID, Title: s.Title, Kind: StepFailed, Err: err, Took: e.Workstation.Now().Sub(began)})
		e.result.Failure = e.describeFailure(ctx, s.Op, err)
		return errors.Join(&StepError{Host: e.Plan.Host, Step: s, Err: err}, e.write(journal.Record{Kind: kind, Step: s.ID, Data: failureData(e.result.Failure)}))
	}
	if err := e.write(journal.Record{Kind: journal.Done, Step: s.ID, Data: data}); err != nil {
		return err
	}
	e.tell(Event{Step: s.ID, Title: s.Title, Kind: StepDone, Took: e.Workstation.Now().Sub(began)})
	return nil
}

// recheckDrift looks again before the client's things are changed: minutes may have
// passed since the run began, with a backup and a download, and the client is not
// kept from working. A rollback is not held up.
func (e *Engine) recheckDrift(ctx context.Context, s plan.Step) error {
	if e.Plan.Kind != plan.Upgrade || !e.firstOfKind(s) {
		return nil
	}
	return e.retryBreaks(ctx, s.ID, func() error {
		facts, err := e.Workstation.Look(ctx)
		if err != nil {
			return err
		}
		if moved := plan.Drift(e.Plan, facts, e.everBegun); len(moved) > 0 {
			return &StepError{Host: e.Plan.Host, Step: s, Err: &StaleError{Host: e.Plan.Host, Drift: moved}}
		}
		return nil
	})
}

// firstOfKind reports whether a step is the first of this run to change a part of the
// client's installation.
func (e *Engine) firstOfKind(s plan.Step) bool {
	part := s.Op.Describe().Part
	return part != "" && !slices.ContainsFunc(e.Plan.Steps, func(other plan.Step) bool {
		return other.Op.Describe().Part == part && e.everBegun(other.ID)
	})
}

// ErrStopped reports an end between two steps at the operator's request.
var ErrStopped = errors.New("stopped before the next step")

func (e *Engine) interrupted(ctx context.Context) error {
	select {
	case <-e.Stop:
		return ErrStopped
	case <-ctx.Done():
		return context.Cause(ctx)
	default:
		return nil
	}
}

// Breaks in the line within one step that are worth another look.
const (
	maxBreaks  = 5
	breakPause = 2 * time.Second
)

// withHandover does an operation. Every operation looks before it acts, so it may be
// asked again after a break in the line. Before a change another machine is told
// of it; where that cannot be done a new change is not made, but a rollback goes
// on.
func (e *Engine) withHandover(ctx context.Context, id string, op plan.Op, forward bool) (data json.RawMessage, err error) {
	e.lastWords = nil
	err = e.retryBreaks(ctx, id, func() (err error) {
		if !op.Describe().ReadOnly {
			switch err := e.handOver(ctx); {
			case err == nil:
			case forward, remote.Unanswered(err), remote.Denied(err):
				return err
			default:
				e.tell(Event{Step: id, Kind: Output, Text: fmt.Sprintf("no other machine could go on from here: %v", err)})
			}
		}
		data, err = e.execute(ctx, id, op)
		return err
	})
	return data, err
}

// retryBreaks asks again after a break in the line. What an earlier try may have
// begun is not unbegun because a later one never started.
func (e *Engine) retryBreaks(ctx context.Context, id string, ask func() error) error {
	retry := remote.Retry{Breaks: maxBreaks, Pause: cmp.Or(e.Pause, breakPause), Tell: func(err error) {
		e.tell(Event{Step: id, Kind: Output, Text: fmt.Sprintf("the line broke, looking again: %v", err)})
	}}
	unknown := false
	return retry.Do(ctx, func() (bool, error) {
		err := ask()
		if unknown && errors.Is(err, remote.ErrNotStarted) {
			err = fmt.Errorf("%w: %w", remote.ErrUnknownOutcome, err)
		}
		unknown = unknown || errors.Is(err, remote.ErrUnknownOutcome)
		return false, err
	})
}

// outcomeUnknown reports whether an error leaves the end of an operation open. A failure of
// an earlier try stays one where nobody was let in to try again: its job is still
// there, and is to be removed first. One that was open before stays so where its job
// was not reached: taken for a failure it would be removed, and begun a second time.
func (e *Engine) outcomeUnknown(err error) bool {
	return errors.Is(err, remote.ErrUnknownOutcome) || remote.Denied(err) && !e.again || e.open && (remote.Unanswered(err) || cutShort(err))
}

// cutShort reports an end because nobody waits any more.
func cutShort(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// removeLeftovers removes the folders of the run's jobs and the temporary files of its
// writes, and those of a run that it rolled back: nothing of ours stays on a host
// but the backup. What cannot be removed now does no harm and is named. It
// returns an error only when nobody is left to try.
func (e *Engine) removeLeftovers(ctx context.Context) error {
	runs := []string{e.Plan.ID}
	if e.Plan.Undoes != "" {
		runs = append(runs, e.Plan.Undoes)
	}
	for _, c := range []remote.Command{
		remote.RemoveTemps(runs, writtenFiles(e.Plan.Steps)),
		{
			Name: "remove the run's folder", Root: true, Args: append([]string{plan.RunRoot}, runs...),
			Script: `root=$1
shift
for run; do
	! docker inspect "liftalot-watchdog-$run" >/dev/null 2>&1 </dev/null || docker rm -f "liftalot-watchdog-$run" >/dev/null </dev/null
	rm -rf -- "$root/$run"
done
rmdir -- "$root" 2>/dev/null || true`,
		},
	} {
		err := e.retryBreaks(ctx, "", func() error {
			_, err := e.Host.Run(ctx, c)
			return err
		})
		if ctx.Err() != nil {
			return errors.Join(err, context.Cause(ctx))
		}
		if err != nil {
			e.tell(Event{Kind: Output, Text: fmt.Sprintf("something of this run stays on the host: %s: %v", c.Name, err)})
		}
		if remote.Denied(err) {
			return nil
		}
	}
	return nil
}

// writtenFiles returns the files that steps write, and those that their undoing writes.
func writtenFiles(steps []plan.Step) (files []string) {
	for _, s := range steps {
		for _, op := range []plan.Op{s.Op, s.Undo} {
			if op != nil && op.Describe().Path != "" {
				files = append(files, op.Describe().Path)
			}
		}
	}
	slices.Sort(files)
	return slices.Compact(files)
}

// write adds a record and keeps the state in step with it.
func (e *Engine) write(r journal.Record) error {
	r.Run, r.Time = e.Plan.ID, e.Workstation.Now().UTC()
	if err := e.Journal.Append(r); err != nil {
		return err
	}
	e.state = journal.LastRun(e.Journal.Records())
	return nil
}

func (e *Engine) tell(ev Event) {
	if e.Workstation.Tell != nil {
		ev.Place = slices.IndexFunc(e.Plan.Steps, func(s plan.Step) bool { return s.ID == ev.Step }) + 1
		ev.Steps = len(e.Plan.Steps)
		e.Workstation.Tell(ev)
	}
}
