package apply

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"liftalot/plan"
	"liftalot/plan/journal"
	"liftalot/remote"
	"liftalot/remote/job"
)

// Downtime is how long the server did not answer, over all that a run and its later
// starts did: from the last answer to the next one, whoever brought it back.
type Downtime struct {
	Millis  int64     `json:"millis"`
	After   int64     `json:"after"`               // milliseconds from the beginning of the swap to the last answer
	How     string    `json:"how"`                 // "probe" or "script" on the host, or "clock": by times of host and journal
	Probes  int       `json:"probes"`              // answers asked for
	Rate    float64   `json:"rate"`                // a second
	AtLeast bool      `json:"at_least,omitempty"`  // it was longer: nobody saw when it answered again
	Since   time.Time `json:"down_since,omitzero"` // it still did not answer when the run ended
	Gaps    []Gap     `json:"gaps,omitempty"`      // the times without an answer, by this machine's clock
}

// A Gap is one time without an answer. Until is zero while there is none yet.
type Gap struct {
	From    time.Time `json:"from"`
	Until   time.Time `json:"until,omitzero"`
	AtLeast bool      `json:"at_least,omitempty"`
}

func (g Gap) open() bool { return g.Until.IsZero() }

// outages puts together when the server did not answer. What several jobs and starts of a
// run see of one gap is one gap; what is not known is never told as shorter than it was.
type outages struct {
	gaps  []Gap
	seen  Downtime      // how it was measured
	clock bool          // a gap was not seen by a job alone
	skew  time.Duration // this machine's clock less the host's
}

// seam is how far apart two records of the same moment may be: without a job's own clock
// the moment is known from when the job was begun.
const seam = 3 * time.Second

// goodClock is a difference of two clocks that a look cannot tell from none.
const goodClock = 5 * time.Second

// maxGaps bounds what is kept of a run.
const maxGaps = 20

// begin takes over what is known from before this start: of an earlier start of the same
// run all of it, of another run only that the server has been down since.
func (o *outages) begin(before *Downtime, same bool, f *plan.Facts, now time.Time) {
	if there := f.Machine.Clock; !there.IsZero() {
		if skew := now.Sub(there).Round(time.Second); skew.Abs() > goodClock {
			o.skew = skew
		}
	}
	if before == nil {
		return
	}
	if same {
		o.gaps, o.seen = append(o.gaps, before.Gaps...), *before
		o.clock = before.How == howClock
		o.answers(f, now)
		return
	}
	if _, up := o.upSince(f); !before.Since.IsZero() && !up {
		o.gaps, o.clock = []Gap{{From: before.Since}}, true
	}
}

const howClock = "clock"

// upSince says since when the server of a look runs, if it is well.
func (o *outages) upSince(f *plan.Facts) (since time.Time, up bool) {
	s, ok := f.Server()
	if !ok || !s.Running() || !f.Health.OK() {
		return time.Time{}, false
	}
	at, err := time.Parse(time.RFC3339Nano, s.Started)
	if err != nil {
		return time.Time{}, true
	}
	return at.Add(o.skew).UTC(), true
}

// answers ends a gap where a look finds a server that is well. It has answered again at
// some time between its start and now: the start is told, as the least. One that was
// started before the gap was never stopped.
func (o *outages) answers(f *plan.Facts, now time.Time) {
	last := o.last()
	if last == nil || !last.open() {
		return
	}
	since, up := o.upSince(f)
	switch {
	case !up:
	case since.IsZero() || since.After(now):
		last.Until, o.clock = now, true
	case since.Before(last.From.Add(-seam)):
		o.gaps = o.gaps[:len(o.gaps)-1]
	default:
		last.Until, last.AtLeast, o.clock = laterOf(since, last.From), true, true
	}
}

func laterOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (o *outages) last() *Gap {
	if len(o.gaps) == 0 {
		return nil
	}
	return &o.gaps[len(o.gaps)-1]
}

// add adds a gap, or what more is known of the last one.
func (o *outages) add(g Gap) {
	last := o.last()
	if last == nil || !last.open() && g.From.After(last.Until.Add(seam)) {
		if len(o.gaps) < maxGaps {
			o.gaps = append(o.gaps, g)
		}
		return
	}
	if g.From.Before(last.From) {
		last.From = g.From
	}
	if g.open() || last.open() || g.Until.After(last.Until) {
		last.Until, last.AtLeast = g.Until, g.AtLeast
	}
}

// total is the downtime so far, nil for none.
func (o *outages) total(now time.Time) *Downtime {
	if len(o.gaps) == 0 {
		return nil
	}
	d := o.seen
	d.Gaps, d.Millis, d.Since, d.AtLeast = append([]Gap(nil), o.gaps...), 0, time.Time{}, false
	for _, g := range o.gaps {
		until := g.Until
		if g.open() {
			until, d.Since, d.AtLeast = now, g.From, true
		}
		d.AtLeast = d.AtLeast || g.AtLeast
		d.Millis += max(0, until.Sub(g.From).Milliseconds())
	}
	if o.clock || d.How == "" {
		d.How = howClock
	}
	return &d
}

// took adds what a swap job has seen. begun is when its step was begun.
func (o *outages) took(l *swapLog, begun, now time.Time) {
	from, to, open, ok := l.silence()
	if d := l.downtime(); d != nil {
		o.seen.How = cmp.Or(o.seen.How, d.How)
		if o.seen.Probes == 0 {
			o.seen.After, o.seen.Rate = d.After, d.Rate
		}
		o.seen.Probes += d.Probes
	}
	switch {
	case ok && open:
		o.add(Gap{From: l.at(from, begun, now, o.skew)})
	case ok:
		start := l.at(from, begun, now, o.skew)
		o.add(Gap{From: start, Until: start.Add(seconds(to - from))})
	case l.probes > 0 && l.serves():
		// It answered all the time: what was open before has ended before this job.
		if last := o.last(); last != nil && last.open() {
			last.Until, o.clock = laterOf(l.at(l.from, begun, now, o.skew), last.From), true
		}
	}
}

// serves reports whether the job's verdict is that a server answers.
func (l *swapLog) serves() bool { return l.end == "healthy" || l.end == "back" || l.end == "kept" }

// silence is when the server did not answer, in seconds since the host's boot. Where none
// answers at the end it is open.
func (l *swapLog) silence() (from, to float64, open, ok bool) {
	probed := l.sawSilence && l.to-l.from >= shortestWatch
	switch {
	case l.probes > 0 && !l.sawSilence && l.serves():
		return 0, 0, false, false
	case probed && !l.unrecovered && (l.serves() || l.firstBack > 0 && l.gone == 0):
		return l.lastUp, l.firstBack, false, l.firstBack >= l.lastUp
	case probed && l.serves() && l.here > l.gone && l.gone > 0:
		return min(l.lastUp, l.gone), l.here, false, true
	case probed:
		return l.lastUp, 0, true, true
	case l.gone > 0 && l.serves():
		return l.gone, l.here, false, l.here > l.gone
	case l.gone > 0:
		return l.gone, 0, true, true
	}
	return 0, 0, false, false
}

// at places a moment of the job's clock on this machine's: by the clock line of the job
// where there is one, else by when its step was begun. A host that says nonsense is not
// believed.
func (l *swapLog) at(moment float64, begun, now time.Time, skew time.Duration) time.Time {
	if l.clockEpoch > 0 {
		at := time.Unix(int64(l.clockEpoch), 0).Add(seconds(moment - l.clockUp)).Add(skew).UTC()
		if !at.Before(begun.Add(-goodClock)) && !at.After(now.Add(goodClock)) {
			return at
		}
	}
	at := begun.Add(seconds(moment - cmp.Or(l.from, l.gone)))
	if at.Before(begun) || at.After(now) {
		return begun
	}
	return at
}

// seconds turns a number that a host has said into a duration, bounded by a year.
func seconds(s float64) time.Duration {
	const most = 365 * 24 * 3600
	if s != s { // not a number
		return 0
	}
	return time.Duration(max(-most, min(most, s)) * float64(time.Second)).Round(time.Millisecond)
}

// stepBegun is when the step under way was begun first, by the journal.
func (e *Engine) stepBegun(id string) time.Time {
	undone, ok := strings.CutPrefix(id, "undo-")
	if !ok || e.Plan.Kind != plan.Upgrade {
		return e.state.Step(id).Begun
	}
	begun := e.state.Step(undone).Time
	for _, r := range slices.Backward(e.Journal.Records()) {
		if r.Run == e.Plan.ID && r.Step == undone {
			if r.Kind == journal.Intent {
				break // done anew since
			}
			if r.Kind == journal.UndoIntent {
				begun = r.Time
			}
		}
	}
	return begun
}

// swapSeen adds what a swap's job tells of the time without a server. Of a job that was
// killed with its host the log may tell nothing: then the host is asked.
func (e *Engine) swapSeen(ctx context.Context, id string, st job.Status, l *swapLog) {
	begun, now := e.stepBegun(id), e.Workstation.Now().UTC()
	if st.State == job.Ended && l.end != "" {
		e.away.took(l, begun, now)
		return
	}
	from := begun
	if l.gone > 0 {
		from = l.at(l.gone, begun, now, e.away.skew)
	}
	f, err := e.Workstation.Look(ctx)
	since, up := time.Time{}, false
	if err == nil {
		since, up = e.away.upSince(f)
	}
	if stopped := l.stopping || err == nil && !up || since.After(begun); !stopped {
		return
	}
	e.away.clock = true
	e.away.add(Gap{From: from})
	if up {
		e.away.answers(f, now)
	}
}

// addDowntime adds the time without a server that began in a step which has stopped it, and
// which is over when the server says that it is well: the engine knows when the container
// ended. One that was stopped before the step and runs was not stopped by it.
func (e *Engine) addDowntime(ctx context.Context, container string, begun time.Time) {
	res, err := e.Watch.Run(ctx, remote.Command{Name: "look when the server was stopped", Root: true, Args: []string{container}, Timeout: time.Minute,
		Script: `docker inspect -f '{{.State.Running}} {{.State.FinishedAt}}' "$1" </dev/null`})
	if err != nil {
		return // the next answer is measured all the same
	}
	var running bool
	var at string
	if n, _ := fmt.Sscan(string(res.Stdout), &running, &at); n != 2 {
		return
	}
	now := e.Workstation.Now().UTC()
	since, err := time.Parse(time.RFC3339Nano, at)
	if err != nil || since.Year() < 2000 {
		return
	}
	since = since.Add(e.away.skew).UTC()
	if running && since.Before(begun.Add(-goodClock)) {
		return
	}
	if last := e.away.last(); since.After(now) || last != nil && last.open() {
		since = now
	}
	e.away.clock = true
	e.away.add(Gap{From: since})
}

// endDowntime ends the time without a server: it has just said that it is well.
func (e *Engine) endDowntime() {
	if last := e.away.last(); last != nil && last.open() {
		last.Until = laterOf(e.Workstation.Now().UTC(), last.From)
	}
}

// downtime is what a run's start tells of it at its end. Where the server runs again and
// nobody saw when it came back, the host says since when.
func (e *Engine) downtime(ctx context.Context, outcome journal.Outcome) *Downtime {
	now := e.Workstation.Now().UTC()
	if last := e.away.last(); last != nil && last.open() && (outcome == journal.Completed || outcome == journal.RolledBack) {
		if f, err := e.Workstation.Look(ctx); err == nil {
			e.away.answers(f, now)
		}
		if last := e.away.last(); last != nil && last.open() && outcome == journal.Completed {
			last.Until, e.away.clock = laterOf(now, last.From), true // it was verified just now
		}
	}
	return e.away.total(now)
}

// swapData is what the journal keeps of a swap that is done.
func (e *Engine) swapData() (json.RawMessage, error) {
	d := e.away.total(e.Workstation.Now().UTC())
	if d == nil { // the server was never seen away
		return nil, nil
	}
	return json.Marshal(d)
}

// OpenGap is what is known of a run of which no end was kept, as of one that was killed
// after it had begun to replace the server: it may be down since.
func OpenGap(run journal.RunState, p *plan.Plan) *Downtime {
	for _, s := range p.Steps {
		st := run.Step(s.ID)
		if plan.Is[plan.Swap](s.Op) && (st.Do == journal.Intent || st.Do == journal.Unknown) {
			return &Downtime{How: howClock, AtLeast: true, Since: st.Begun, Gaps: []Gap{{From: st.Begun}}}
		}
	}
	return nil
}
