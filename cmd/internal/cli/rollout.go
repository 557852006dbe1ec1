package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"liftalot/cmd/internal/ui"
	"liftalot/inventory"
	"liftalot/plan"
	"liftalot/plan/batch"
	"liftalot/plan/journal"
	"liftalot/plan/run"
)

// rollout is how many hosts are changed at a time, and what stops the rest: the
// flags of apply and rollback.
type rollout struct {
	wave        string
	maxFailures string
	pause       string
	stopAll     bool
	canary      bool
	keepGoing   bool
	notify      string
}

func (r *rollout) addFlags(cmd *cobra.Command, canary bool) {
	f := cmd.Flags()
	f.StringVar(&r.wave, "wave", "", "hosts in a wave after the canaries: 5, or 25% of all (default: all that are left)")
	f.StringVar(&r.maxFailures, "max-failures", "0", "failures of a variant after its canary that do not stop it: 2, or 10% of its hosts")
	f.StringVar(&r.pause, "pause", "", `between waves: a time such as 30s, or "ask"`)
	f.BoolVar(&r.stopAll, "stop-all", false, "what stops one variant stops all; --max-failures counts all hosts then")
	f.BoolVar(&r.canary, "canary", canary, "one host first, alone, then one of each variant, one after the other")
	if canary {
		f.BoolVar(&r.keepGoing, "keep-going", false, "begin other variants with a release that has failed on one, without asking")
	}
	f.StringVar(&r.notify, "notify", "", "run this command with a JSON document on its standard input when a host or the batch has ended")
}

const askBetween = "ask"

// rolloutOptions is a rollout that was understood.
type rolloutOptions struct {
	policy batch.Policy
	pause  time.Duration
	ask    bool // between waves
	hook   *hook

	keepGoing bool // with a release that has failed
}

func (r rollout) read(command string) (rolloutOptions, error) {
	c := rolloutOptions{policy: batch.Policy{Canary: r.canary, StopAll: r.stopAll}, keepGoing: r.keepGoing}
	wrong := func(flag string, err error) (rolloutOptions, error) {
		return c, &usageError{fmt.Errorf("--%s: %w", flag, err), command}
	}
	var err error
	if r.wave != "" {
		if c.policy.Wave, err = batch.ParseShare(r.wave); err == nil && c.policy.Wave.IsZero() {
			err = errors.New("a wave has at least one host")
		}
		if err != nil {
			return wrong("wave", err)
		}
	}
	if c.policy.MaxFailures, err = batch.ParseShare(r.maxFailures); err != nil {
		return wrong("max-failures", err)
	}
	switch r.pause {
	case "":
	case askBetween:
		c.ask = true
	default:
		if c.pause, err = time.ParseDuration(r.pause); err != nil || c.pause < 0 {
			return wrong("pause", fmt.Errorf("%q is neither a time such as 30s nor %q", r.pause, askBetween))
		}
	}
	if c.hook, err = newHook(r.notify); err != nil {
		return wrong("notify", err)
	}
	return c, nil
}

// clientLabel names the client of a host; two hosts of one client are never
// changed at once.
const clientLabel = "client"

// A batchRun is a batch under way.
type batchRun struct {
	session *session
	how     rolloutOptions
	jobs    map[string]run.Job
	errs    map[string]error
	hosts   map[string]inventory.Host
	record  *batchRecord
	asked   map[string]bool // doubts that somebody has decided about

	mu       sync.Mutex
	work     *batch.Batch
	results  map[string]hostResult
	returned map[string]bool // hosts of the wave that were not begun after all
}

// runAll asks once and carries the jobs out, wave by wave. A host for which there
// is an error in place of a job keeps no other one waiting.
func (s *session) runAll(ctx context.Context, jobs []run.Job, errs []error, verb string, how rolloutOptions) error {
	b := &batchRun{
		session: s, how: how, jobs: map[string]run.Job{}, errs: map[string]error{},
		hosts: map[string]inventory.Host{}, results: map[string]hostResult{}, asked: map[string]bool{},
	}
	var members []batch.Host
	for i, h := range s.hosts {
		b.jobs[h.Name], b.errs[h.Name], b.hosts[h.Name] = jobs[i], errs[i], h
		if errs[i] == nil && jobs[i].Nothing == "" {
			members = append(members, batch.Host{Name: h.Name, Kind: string(jobs[i].Plan.Variant), Client: h.Labels[clientLabel], Release: installs(jobs[i].Plan)})
		}
	}
	if !slices.Contains(errs, nil) {
		return b.endEmpty(ctx)
	}
	if len(members) > 0 {
		s.warnOfFailed(members)
	}
	if err := s.agree(ctx, jobs, errs, how.order(members)); err != nil {
		return err
	}
	s.app.drainOnInterrupt.Store(true)
	return b.run(ctx, verb, members)
}

// endEmpty ends a batch that no host can take part in. A program that reads the
// document gets one all the same.
func (b *batchRun) endEmpty(ctx context.Context) error {
	b.settle(ctx)
	if b.session.app.flags.json {
		if err := b.session.term.summary("", b.all()); err != nil {
			return err
		}
	}
	_, err := b.outcome()
	return err
}

func (b *batchRun) run(ctx context.Context, verb string, members []batch.Host) error {
	var err error
	if len(members) == 0 && !slices.ContainsFunc(b.session.hosts, func(h inventory.Host) bool { return b.errs[h.Name] != nil }) {
		b.record = &batchRecord{Verb: verb} // kept nowhere: a batch that changes nothing is not the last one
	} else if b.record, err = b.beginRecord(verb, members); err != nil {
		return err
	}
	b.settle(ctx)
	progress := b.session.term.progress()
	b.work = batch.New(members, b.how.policy)
	for n := 1; ; n++ {
		if why := b.interrupted(ctx); why != "" {
			b.work.Stop(why)
		}
		b.decideDoubts(ctx)
		wave := b.work.Next()
		if len(wave) == 0 {
			break
		}
		if n > 1 {
			if why := b.waitForNext(ctx, n, wave); why != "" {
				b.work.Stop(why)
				b.holdBack(wave, why)
				break
			}
		}
		b.wave(ctx, progress, n, wave)
	}
	progress.Close()
	for _, h := range b.work.Skipped() {
		b.results[h.Host] = b.heldBack(h.Host, h.Why)
	}
	return b.close()
}

// settle gives a result to every host for which nothing is to be carried out.
func (b *batchRun) settle(ctx context.Context) {
	for _, h := range b.session.hosts {
		err := b.errs[h.Name]
		j := b.jobs[h.Name]
		switch {
		case err != nil:
			b.results[h.Name] = hostResult{Host: h.Name}.endedAs(journal.Aborted).failed(h.Name, err)
		case j.Nothing != "":
			done := hostResult{Host: h.Name, Run: j.Plan.ID, Kind: j.Plan.Kind, From: j.Plan.From, To: j.Plan.To, Nothing: j.Nothing, Result: resultNothing}.endedAs(journal.Completed)
			if j.Closes != "" {
				t := b.session.target(h)
				if err := t.server(nil).Close(ctx, j); err != nil {
					done = done.endedAs(journal.Interrupted) // it stays as it was
					done.Nothing = ""
					b.errs[h.Name], done = err, done.failed(h.Name, err)
				}
				t.close()
			}
			b.results[h.Name] = done
		}
	}
}

// wave carries the jobs of some hosts out.
func (b *batchRun) wave(ctx context.Context, progress *ui.Progress, number int, wave []batch.Host) {
	hosts := make([]inventory.Host, len(wave))
	members := map[string]batch.Host{}
	for i, h := range wave {
		hosts[i], members[h.Name] = b.hosts[h.Name], h
	}
	b.returned = map[string]bool{}
	b.session.eachOf(ctx, hosts, b.session.changingAtOnce(), func(ctx context.Context, t *target) error {
		name := t.host.Name
		if why := b.interrupted(ctx); why != "" {
			b.keep(b.heldBack(name, why), nil)
			return nil
		}
		if !b.mayBegin(members[name]) {
			return nil
		}
		defer b.judge(members[name])
		if err := b.record.begun(name, b.jobs[name].Plan.ID, number); err != nil {
			b.ended(number, hostResult{Host: name}.endedAs(journal.Aborted).failed(name, err), err)
			return err
		}
		j := b.jobs[name]
		track := progress.Host(name)
		done, err := t.carryOut(ctx, j, track)
		if err != nil && done.Error == "" {
			done = done.failed(name, err) // it never came to a run
		}
		if len(b.session.hosts) > 1 {
			track.Finish(done.onScreen())
		}
		b.ended(number, done, err)
		return err
	})
	for _, h := range wave {
		if _, told := b.results[h.Name]; !told && !b.returned[h.Name] {
			// The second interrupt came while it waited for its turn.
			b.results[h.Name] = b.heldBack(h.Name, b.interrupted(ctx))
		}
	}
}

// ended keeps how a host ended, in memory, on the disk and with whom it may
// concern.
func (b *batchRun) ended(number int, done hostResult, err error) {
	done.Wave = number
	if done.Result == "" {
		done.Result = done.verdict()
	}
	b.keep(done, err)
	if rerr := b.record.ended(done); rerr != nil {
		b.session.term.warnOnce(rerr.Error())
	}
	b.session.term.log(logLine{Host: done.Host, Event: "host-ended", Outcome: done.Result, Text: done.Error})
	b.tell(hookEvent{Event: "host-ended", Batch: b.record.ID, Host: &done})
}

func (b *batchRun) keep(done hostResult, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.results[done.Host], b.errs[done.Host] = done, err
}

func (b *batchRun) resultOf(host string) batch.Result {
	switch b.results[host].Result {
	case resultDone:
		return batch.Done
	case resultFailed:
		return batch.Failed
	}
	return batch.Skipped
}

// holdBack gives the hosts of a wave that was announced and not begun their result.
func (b *batchRun) holdBack(wave []batch.Host, why string) {
	for _, h := range wave {
		b.results[h.Name] = b.heldBack(h.Name, why)
	}
}

func (b *batchRun) heldBack(host, why string) hostResult {
	p := b.jobs[host].Plan
	return hostResult{Host: host, Run: p.ID, Kind: p.Kind, From: p.From, To: p.To, Result: resultHeld, Held: why}.endedAs(journal.Aborted)
}

// interrupted says why nothing more may begin.
func (b *batchRun) interrupted(ctx context.Context) string {
	select {
	case <-b.session.app.stop:
		return "interrupted"
	case <-ctx.Done():
		return context.Cause(ctx).Error()
	default:
		return ""
	}
}

// waitForNext waits before the next wave, or asks, and returns why the wave does not begin.
func (b *batchRun) waitForNext(ctx context.Context, number int, wave []batch.Host) string {
	if !b.session.app.flags.quiet {
		b.session.term.err.Printf("%s\n", ui.Note(fmt.Sprintf("wave %d: %s", number, ui.Count(len(wave), "host", "hosts"))))
	}
	if b.how.ask {
		ok, err := b.session.dialog.asker.Confirm(ctx, ui.Textf("Continue with wave %d, %s?", number, ui.Count(len(wave), "host", "hosts")))
		switch {
		case errors.Is(err, ui.ErrNobody):
			return "there was nobody to ask before the next wave"
		case err != nil:
			return err.Error()
		case !ok:
			return fmt.Sprintf("you said no to wave %d", number)
		}
		return ""
	}
	timer := time.NewTimer(b.how.pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-b.session.app.stop:
	case <-ctx.Done():
	}
	return b.interrupted(ctx)
}

// close writes the record's end, shows the summary and gives the batch's error.
func (b *batchRun) close() error {
	all := b.all()
	if err := b.record.close(all, b.session.app.env.Now()); err != nil {
		b.session.term.warnOnce(err.Error())
	}
	code, err := b.outcome()
	b.tell(hookEvent{Event: "batch-ended", Batch: b.record.ID, Hosts: all, Exit: code})
	b.how.hook.wait()
	if serr := b.session.term.summary(b.record.ID, all); serr != nil {
		return serr
	}
	return err
}

// all are the results, in the order of the inventory.
func (b *batchRun) all() []hostResult {
	all := make([]hostResult, 0, len(b.session.hosts))
	for _, h := range b.session.hosts {
		all = append(all, b.results[h.Name])
	}
	return all
}

// outcome is the batch's error, with the status of the worst host. Hosts that
// were held back because another failed add nothing to that one's; those that an
// interrupt or a no left behind do.
func (b *batchRun) outcome() (int, error) {
	errs := make([]error, len(b.session.hosts))
	left, why := 0, ""
	for i, h := range b.session.hosts {
		errs[i] = b.errs[h.Name]
		if r := b.results[h.Name]; r.Result == resultHeld {
			left, why = left+1, r.Held
		}
	}
	err := gather(b.session.hosts, errs)
	var fleet *fleetError
	if !errors.As(err, &fleet) {
		if left == 0 {
			return exitDone, nil
		}
		fleet = new(fleetError)
	}
	if left > 0 && (len(fleet.hosts) == 0 || b.interrupted(context.Background()) != "") {
		fleet.hosts = append(fleet.hosts, &hostError{
			code: exitCancelled, err: fmt.Errorf("%s not begun: %s", ui.Count(left, "host was", "hosts were"), why),
			hint: fmt.Sprintf("liftalot %s --pending resumes them", verbOf(b.record.Verb)),
		})
	}
	return fleet.code(), fleet
}

func verbOf(verb string) string {
	if verb == string(plan.Rollback) {
		return "rollback"
	}
	return "apply"
}
