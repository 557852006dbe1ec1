package torture

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"

	"liftalot/plan/apply"
	"liftalot/remote/lock"
	"liftalot/testenv/sim"
	"liftalot/testenv/sim/driver"
)

// A Contention is a meeting of two operators on one server: the second begins at a
// message of the first that the seed draws, and from there they race.
type Contention struct {
	Seed   uint64
	Broken []string
	// Held says that one was told of the other: the loser's only way to lose once
	// it has got as far as the lock.
	Held bool
}

func (d *Contention) say(format string, args ...any) {
	d.Broken = append(d.Broken, fmt.Sprintf(format, args...))
}

// Contend lets n seeds from the first one on meet, a bench for each worker, and
// tells each contention in which a promise was broken. It returns how many losers were
// told who held the lock.
func Contend(ctx context.Context, benches []*Bench, first uint64, n int, fail func(Contention)) (held int) {
	work := make(chan uint64)
	var mu sync.Mutex
	var group sync.WaitGroup
	for _, b := range benches {
		group.Go(func() {
			for seed := range work {
				d := b.Contention(ctx, seed)
				mu.Lock()
				if d.Held {
					held++
				}
				mu.Unlock()
				if len(d.Broken) > 0 {
					fail(d)
				}
			}
		})
	}
	for i := range n {
		if ctx.Err() != nil {
			break
		}
		work <- first<<32 + uint64(i)
	}
	close(work)
	group.Wait()
	return held
}

// meeting bounds the message at which the second operator begins; an upgrade has
// more of them than this.
const meeting = 300

// An operator is one of the two, and how it went.
type operator struct {
	laptop *driver.Laptop
	name   string
	res    driver.Result
	err    error
	began  bool // it came to write something down, which is under the lock
}

func (o *operator) won() bool { return o.err == nil && o.res.Nothing == "" }

// Contention does one meeting.
func (b *Bench) Contention(ctx context.Context, seed uint64) Contention {
	d := Contention{Seed: seed}
	ctx, cancel := context.WithTimeout(ctx, caseTimeout)
	defer cancel()
	s, one, done1, err := b.begin("full")
	if err != nil {
		d.say("%v", err)
		return d
	}
	defer done1()
	two, done2, err := b.lend(s)
	if err != nil {
		d.say("%v", err)
		return d
	}
	defer done2()
	at := 1 + rand.New(rand.NewPCG(seed, 0)).IntN(meeting)
	met := make(chan struct{})
	s.server.SetFault(func(e sim.Event) sim.Fault {
		if e.N == at {
			close(met)
		}
		return sim.None
	})
	defer s.server.SetFault(nil)
	both := []*operator{{laptop: one, name: "first"}, {laptop: two, name: "second"}}
	var mu sync.Mutex
	var order []string
	var group sync.WaitGroup
	for i, o := range both {
		o.laptop.Name = o.name
		o.laptop.Moment = func(m driver.Moment) {
			if m.What == driver.Decide {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			o.began = true
			if len(order) == 0 || order[len(order)-1] != o.name {
				order = append(order, o.name)
			}
		}
		group.Go(func() {
			if i == 1 {
				select {
				case <-met:
				case <-ctx.Done():
				}
			}
			o.res, o.err = o.laptop.Apply(ctx)
		})
	}
	group.Wait()
	d.judge(s, both, order)
	return d
}

// judge holds what came of a meeting against the promise: one upgrade, by one of
// the two, of which the other knows or hears.
func (d *Contention) judge(s *site, both []*operator, order []string) {
	if len(order) > 2 {
		d.say("both held the lock: %s", strings.Join(order, ", "))
	}
	for i, o := range both {
		other := both[1-i]
		held, isHeld := errors.AsType[*lock.HeldError](o.err)
		stale, isStale := errors.AsType[*apply.StaleError](o.err)
		switch {
		case o.won(), o.err == nil && other.won():
		case isHeld:
			d.Held = true
			if held.Holder.Machine != other.name || held.Holder.RunID == "" {
				d.say("%s is told that %+v holds the lock", o.name, held.Holder)
			}
		case isStale && stale.Host != "" && other.won():
		case o.began:
			d.say("%s had begun: %v", o.name, o.err)
		}
		if !o.won() && o.began && !isStale {
			d.say("%s lost, and wrote something down", o.name)
		}
	}
	if both[0].won() == both[1].won() {
		d.say("first: %v, second: %v", both[0].err, both[1].err)
	}
	t := &trial{site: s}
	t.ended(true)
	t.files()
	for what, n := range s.server.Engine.Did {
		if n > 1 {
			t.say("done %d times: %s", n, what)
		}
	}
	d.Broken = append(d.Broken, slices.Clone(t.broken)...)
}
