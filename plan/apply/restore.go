package apply

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"liftalot/plan"
	"liftalot/remote"
	"liftalot/remote/job"
)

// restoreTimeout is for the largest database that is put back in an evening.
const restoreTimeout = 4 * time.Hour

// fill fills a fresh database from a dump.
func (e *Engine) fill(ctx context.Context, id string, op plan.Fill) error {
	return e.runJob(ctx, id, "fill a fresh database", job.Spec{
		Script: fillScript, Timeout: restoreTimeout,
		Args: []string{op.Container, op.User, op.Database, op.Dump, op.Fallback, op.Fresh},
	})
}

// restore puts the database that was filled in the place of the present one.
func (e *Engine) restore(ctx context.Context, id string, op plan.Restore) error {
	err := e.runJob(ctx, id, "put the database back", job.Spec{
		Script: restoreScript, Timeout: restoreTimeout,
		Args: append([]string{op.Container, op.User, op.Database, op.Keep, op.Fresh, op.Final}, e.watchedArgs(id, op.Server)...),
	})
	if err == nil {
		e.addDowntime(ctx, op.Server.Container, e.stepBegun(id))
	}
	return err
}

// watchedArgs are a job's folder, the run and the server, as the scripts take them.
func (e *Engine) watchedArgs(id string, s plan.WatchedServer) []string {
	return []string{e.jobFolder(id), e.Plan.ID, s.Container, s.Image, s.Project, s.Service, s.Record, dependentArgs(s.Dependents)}
}

// undoRestore reverts a restore.
func (e *Engine) undoRestore(ctx context.Context, id string, op plan.UndoRestore) error {
	again := e.again
	err := e.runJob(ctx, id, "give the former database its name back", job.Spec{
		Script: undoRestoreScript, Timeout: upTimeout,
		Args: append([]string{op.Container, op.User, op.Database, op.Keep, op.Aside, op.Fresh}, e.watchedArgs(id, op.Server)...),
	})
	if err != nil {
		return err
	}
	e.again = again // both jobs were tried before, or none
	return e.start(ctx, id+"-start", plan.Start{Container: op.Server.Container, Port: op.Port, MaxSeconds: int(upTimeout / time.Second)})
}

// start starts the server and waits until it is well.
func (e *Engine) start(ctx context.Context, id string, op plan.Start) error {
	err := e.runJob(ctx, id, "start the server", job.Spec{
		Script: startScript, Timeout: time.Duration(op.MaxSeconds)*time.Second + time.Minute,
		Args: []string{op.Container, strconv.Itoa(op.Port), strconv.Itoa(op.MaxSeconds)},
	})
	if err == nil {
		e.endDowntime()
	}
	return err
}

// runJob runs a script that may be run again at any point, as a job on the host
// that a broken line does not end. One that ended with the host, as in a reboot,
// is run again.
func (e *Engine) runJob(ctx context.Context, id, what string, spec job.Spec) error {
	return e.retryJob(ctx, id, spec, false, func(st job.Status, last string) error {
		return jobError(what, spec.Timeout, st, last)
	})
}

// jobError tells what became of a job that did not do its work.
func jobError(what string, limit time.Duration, st job.Status, last string) *HostError {
	err := &HostError{What: what, Said: lastMessage([]byte(last)), Err: &remote.ExitError{Name: what, Code: st.ExitCode}}
	switch {
	case st.State != job.Ended:
		err.Said = "the job on the host ended without a word, twice"
	case st.Overdue:
		err.Said = fmt.Sprintf("it was not done within %v: %s", limit, err.Said)
	}
	return err
}

// retryJob runs a job once more where it ended with the host, and where it failed and
// may be tried twice. What is wrong then is told by its end and its last words.
func (e *Engine) retryJob(ctx context.Context, id string, spec job.Spec, twice bool, failed func(st job.Status, last string) error) error {
	spec.Dir = e.jobFolder(id)
	for tries := 1; ; tries++ {
		said := lastLineWriter{tell: func(line string) { e.tell(Event{Step: id, Kind: Output, Text: line}) }}
		st, err := e.detached(ctx, spec, said.add)
		switch {
		case err != nil:
			return err
		case st.State == job.Ended && st.ExitCode == 0:
			return nil
		case tries > 1, !twice && st.State != job.Lost:
			return failed(st, said.last())
		}
		e.again = true
	}
}
