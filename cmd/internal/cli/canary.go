package cli

import (
	"context"
	"fmt"

	"liftalot/cmd/internal/ui"
	"liftalot/plan"
	"liftalot/plan/batch"
)

// order tells the operator who agrees which hosts go first, and what happens when one
// fails.
func (c rolloutOptions) order(members []batch.Host) string {
	if len(members) < 2 {
		return ""
	}
	rest := members
	text := ""
	if first := batch.New(members, c.policy).Canaries(); len(first) > 0 {
		text = first[0].Name + " goes first, alone; "
		if len(first) > 1 {
			text += fmt.Sprintf("then %s, one of each variant, one after the other; ", nameSome(names(first[1:])))
		}
		rest = subtract(members, first)
	}
	if len(rest) > 0 {
		if text != "" {
			text += "then "
		}
		text += nameSome(names(rest))
		switch {
		case !c.policy.Wave.IsZero():
			text += fmt.Sprintf(", in waves of %s", c.policy.Wave)
		case len(rest) > 1:
			text += " together"
		}
	}
	fails := ". One that fails keeps the rest of its variant back."
	switch {
	case c.keepGoing:
	case members[0].Release != "" && c.policy.MaxFailures.IsZero():
		fails = ". If one fails, nothing more is begun with its release until you say so."
	case members[0].Release != "":
		fails = fmt.Sprintf(". If a canary fails, or more than %s of a variant, nothing more is begun with that release until you say so.", c.policy.MaxFailures)
	}
	return text + fails + "\n"
}

func names(hosts []batch.Host) (list []string) {
	for _, h := range hosts {
		list = append(list, h.Name)
	}
	return list
}

func subtract(all, some []batch.Host) (rest []batch.Host) {
	taken := map[string]bool{}
	for _, h := range some {
		taken[h.Name] = true
	}
	for _, h := range all {
		if !taken[h.Name] {
			rest = append(rest, h)
		}
	}
	return rest
}

// decideDoubts has each release that has just failed accepted for the hosts that are left,
// or not: by a person, or by --keep-going. Without a word they are held back.
func (b *batchRun) decideDoubts(ctx context.Context) {
	for _, d := range b.work.Doubts() {
		if asked := d.Release + " on " + d.Failed; b.asked[asked] {
			continue
		} else {
			b.asked[asked] = true
		}
		left := ui.Count(len(d.Hosts), "host", "hosts")
		says := fmt.Sprintf("%s failed on %s", d.Release, d.Failed)
		if f := b.results[d.Failed].Failure; f != nil {
			says += ": " + f.Reason
		}
		switch {
		case b.how.keepGoing:
			b.session.term.warnOnce(fmt.Sprintf("%s. It is begun on %s all the same, as --keep-going says: %s", says, left, nameSome(names(d.Hosts))))
			b.work.Accept(d.Release)
		case b.session.app.flags.yes || b.session.app.flags.json:
		default:
			ok, err := b.session.dialog.asker.Confirm(ctx, ui.Textf("%s\nBegin it on %s of other variants all the same (%s)?", says, left, nameSome(names(d.Hosts))))
			if ok && err == nil {
				b.work.Accept(d.Release)
			}
		}
	}
}

// mayBegin reports whether a host of a wave may still begin: while it waited for its turn
// another one may have failed. Then it is given back.
func (b *batchRun) mayBegin(h batch.Host) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.work.Why(h) == "" {
		return true
	}
	b.work.Return(h)
	b.returned[h.Name] = true
	return false
}

// judge tells the batch how a host of a wave ended.
func (b *batchRun) judge(h batch.Host) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.work.Report(h, b.resultOf(h.Name))
}

// installs is what a job installs, "" for one that brings a host back.
func installs(p *plan.Plan) string {
	if p.Kind != plan.Upgrade {
		return ""
	}
	return p.To
}

// warnOfFailed says before anybody agrees that a release has failed in the batch that this
// one resumes.
func (s *session) warnOfFailed(members []batch.Host) {
	if s.goesOn == nil {
		return
	}
	for _, h := range s.goesOn.Hosts {
		if h.Result != resultFailed || h.Run == "" {
			continue
		}
		for _, inv := range s.inv.Hosts() {
			if inv.Name != h.Host {
				continue
			}
			t := s.target(inv)
			p, _, err := t.folder.history().Plan(h.Run)
			t.close()
			if err == nil && installs(p) != "" && installs(p) == members[0].Release {
				s.term.warnOnce(fmt.Sprintf("%s failed on %s in the batch that this one resumes", p.To, h.Host))
			}
		}
	}
}
