package torture

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"liftalot/plan/journal"
	"liftalot/remote/lock"
	"liftalot/testenv/sim"
	"liftalot/testenv/sim/driver"
)

// caseTimeout bounds a case; with nothing wrong it takes well under a second.
const caseTimeout = 2 * time.Minute

// keepAlive finds a half-open link in a fraction of a second, as the tool's own
// does in 45 seconds.
const keepAlive = 60 * time.Millisecond

// A Report is what became of a case.
type Report struct {
	Case    Case
	Reached bool     // all its points were there; a run may have fewer
	Broken  []string // promises, in words
	Took    time.Duration
}

// killed is how a killed tool's goroutine ends.
type killed struct{}

// Counts are how many points a path has.
type Counts map[Unit]int

// Count runs a path without trouble and counts its points.
func (b *Bench) Count(ctx context.Context, path string) (Counts, error) {
	s, l, done, err := b.begin(path)
	if done != nil {
		defer done()
	}
	if err != nil {
		return nil, err
	}
	moments, messages, writes := 0, 0, 0 // the second by other goroutines, under the host's own lock
	l.Moment = func(driver.Moment) { moments++ }
	l.FS = &disk{ask: func() error { writes++; return nil }, torn: func() bool { return false }}
	s.server.SetFault(func(e sim.Event) sim.Fault { messages = e.N; return sim.None })
	res, err := s.first(ctx, l)
	s.server.SetFault(nil)
	if s.path.Fails && res.Outcome == journal.RolledBack || s.path.Stuck && res.Outcome == journal.NeedsPerson {
		err = nil
	}
	return Counts{Moments: moments, Messages: messages, Writes: writes}, err
}

// Run does one case.
func (b *Bench) Run(ctx context.Context, c Case) (Report, error) {
	ctx, cancel := context.WithTimeout(ctx, caseTimeout)
	defer cancel()
	r := Report{Case: c, Reached: true}
	s, l, done, err := b.begin(c.Path)
	if done != nil {
		defer done()
	}
	if err != nil {
		return r, err
	}
	t := &trial{site: s, laptop: l}
	run := func(ctx context.Context) (driver.Result, error) { return s.first(ctx, l) }
	back := s.path.Upgraded
	for _, strike := range c.Injections {
		f, err := faultNamed(strike.Fault)
		if err != nil {
			return r, err
		}
		if !t.inject(ctx, f, strike.N, back, run) {
			r.Reached = false
			return r, nil
		}
		t.files()
		t.explained()
		run = l.Apply
		if back = back || strike.Then == Rollback; back {
			run = l.Rollback
		}
	}
	if last := c.Injections[len(c.Injections)-1]; !t.vanished && last.Then == s.path.thens()[0] {
		t.follow(ctx)
	}
	t.goOn(ctx, back, run)
	t.secrets()
	t.limits()
	if ctx.Err() != nil {
		t.say("it took longer than any of its deadlines")
	}
	r.Broken = t.broken
	return r, nil
}

// A trial is a case on its way.
type trial struct {
	*site
	laptop   *driver.Laptop
	broken   []string
	vanished bool            // a dead link holds the lock
	filled   bool            // the server's disk was full
	upset    bool            // work of the host may have been lost and done again
	asked    strings.Builder // commands and errors, for who looks for secrets in them
}

func (t *trial) say(format string, args ...any) {
	t.broken = append(t.broken, fmt.Sprintf(format, args...))
}

// inject runs until the fault has come and the tool has ended, and reports
// whether it came.
func (t *trial) inject(ctx context.Context, f Fault, n int, back bool, run func(context.Context) (driver.Result, error)) bool {
	s, l := t.site, t.laptop
	ctx, end := context.WithCancelCause(ctx)
	var reached, dead atomic.Bool
	interrupt := make(chan struct{})
	l.Stop = interrupt
	l.Pause = func() { s.server.Machine.Do(func() { s.server.Machine.Wait(5 * time.Second) }) }
	if f.link == sim.Silence {
		l.Config.KeepAlive = keepAlive
	}
	moment := 0
	l.Moment = func(driver.Moment) {
		if moment++; f.At == Moments && moment == n {
			reached.Store(true)
			dead.Store(f.gone)
			if !f.gone {
				close(interrupt)
			}
		}
		if dead.Load() {
			panic(killed{})
		}
	}
	if f.At == Writes {
		l.FS = t.injecting(f, n, &reached, &dead)
	}
	s.server.SetFault(func(e sim.Event) sim.Fault {
		t.asked.WriteString(e.Command)
		if f.At != Messages || e.N != n {
			if reached.Load() && f.link == sim.Silence && e.Point == sim.Request {
				s.server.Machine.Do(func() { s.server.Machine.Wait(10 * time.Second) }) // the tool waits; nobody here wants to
			}
			return sim.None
		}
		reached.Store(true)
		switch {
		case f.gone:
			dead.Store(true)
			end(driver.ErrGone)
		case f.full:
			s.server.Machine.Do(func() { s.server.Machine.FillDisk(true) })
		case f.link == sim.None:
			end(context.Canceled)
		}
		return f.link
	})
	res, err, alive := t.command(ctx, run)
	end(nil)
	l.Moment, l.FS, l.Stop, l.Config.KeepAlive = nil, nil, nil, 0
	s.server.SetFault(nil)
	t.upset, t.filled = t.upset || f.upset, t.filled || f.full
	switch {
	case f.link == sim.Vanish:
		t.vanished = true
	default:
		s.server.Hangup() // the host has noticed by the time anybody is back
	}
	// Nobody is back before the host is, and a while has passed by then.
	s.server.Machine.Settle()
	s.server.Machine.Do(func() {
		s.server.Machine.FillDisk(false)
		s.server.Machine.Wait(time.Minute)
	})
	t.serves()
	if reached.Load() && alive && !f.gone {
		t.outcome(f, back, res, err)
	}
	return reached.Load()
}

// command runs the tool, and says whether it lived to see its end.
func (t *trial) command(ctx context.Context, run func(context.Context) (driver.Result, error)) (res driver.Result, err error, alive bool) {
	defer func() {
		if e := recover(); e != nil {
			if _, ok := e.(killed); !ok {
				panic(e)
			}
		}
	}()
	res, err = run(ctx)
	return res, err, true
}

// injecting is a disk on which the fault comes with the n-th change.
func (t *trial) injecting(f Fault, n int, reached, dead *atomic.Bool) *disk {
	writes := 0
	return &disk{
		torn: func() bool { return f.Name == "write-torn" && writes+1 == n },
		ask: func() error {
			if writes++; writes < n {
				return nil
			}
			reached.Store(true)
			if f.full {
				return errFull
			}
			dead.Store(true)
			panic(killed{})
		},
	}
}

// goOn continues, twice, and judges the end.
func (t *trial) goOn(ctx context.Context, back bool, run func(context.Context) (driver.Result, error)) {
	res, err := run(ctx)
	if held, ok := errors.AsType[*lock.HeldError](err); ok {
		// A link that only one end knows to be dead: a person breaks the lock.
		if !t.vanished || held.Holder.RunID == "" {
			t.say("the lock is held by %q", held.Holder.RunID)
		}
		t.unlock(ctx, held.Holder.RunID)
		res, err = run(ctx)
		if held, ok := errors.AsType[*lock.HeldError](err); ok && held.Orphan && t.vanished {
			// A command that waits for input from the dead link keeps the fence until
			// the host notices: it is named, and nothing is done beside it.
			t.server.Hangup()
			res, err = run(ctx)
		}
	}
	if t.vanished {
		t.ghost(ctx)
	}
	t.told(err)
	upgraded := !back && !t.path.Fails && !t.path.Stuck
	switch {
	case t.filled && res.Outcome == journal.RolledBack:
		// What did not fit has failed, and was being rolled back.
		upgraded = false
	case !back && t.path.Fails:
		// It undoes itself and says so, or had done so already.
		if err != nil && res.Outcome != journal.RolledBack {
			t.say("resume: %q: %v", res.Outcome, err)
		}
	case err != nil || res.Outcome != journal.Completed:
		t.say("it ends %q: %v (undo: %v)", res.Outcome, err, res.Undo)
	}
	t.files()
	t.ended(upgraded)
	t.once()
	if again, err := run(ctx); upgraded == !back && (err != nil || again.Nothing == "") {
		t.say("once more: %q, nothing to do: %q, %v", again.Outcome, again.Nothing, err)
	}
	if last, err := t.laptop.Last(); last.Interrupted() || err != nil {
		t.say("the journal says that run %s is unfinished: %v", last.Run, err)
	}
	if err := t.laptop.Prove(); err != nil {
		t.say("a backup does not verify: %v", err)
	}
}
