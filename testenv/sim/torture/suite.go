package torture

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// Points lists every case with one strike: each fault at each point of each
// path, followed by going on, and again by going back.
func Points(ctx context.Context, b *Bench) ([]Case, map[string]Counts, error) {
	var list []Case
	counts := map[string]Counts{}
	for _, p := range Paths {
		n, err := b.Count(ctx, p.Name)
		if err != nil {
			return nil, nil, fmt.Errorf("%s without trouble: %w", p.Name, err)
		}
		counts[p.Name] = n
		for _, f := range Faults {
			for i := 1; i <= n[f.At]; i++ {
				for _, then := range p.thens() {
					list = append(list, Case{p.Name, []Injection{{f.Name, i, then}}})
				}
			}
		}
	}
	return list, counts, nil
}

// Thin keeps of each fault of each path what fits into a quarter of an hour: a
// kill between any two effects, a cut at two of three messages, with the four ways
// to be cut in turn, every fourth change of the disk, every sixth Ctrl-C and
// every twelfth message of the faults that are left; the ways on take turns, too.
// Which ones, the phase says: another keeps others.
func Thin(list []Case, phase int) []Case {
	cuts := []string{"cut", "cut-first", "cut-half", "cut-last"}
	return slices.DeleteFunc(slices.Clone(list), func(c Case) bool {
		s := c.Injections[0]
		turn := s.N + phase
		p, _ := pathNamed(c.Path)
		thens := p.thens()
		switch {
		case s.Then != thens[turn/len(cuts)%len(thens)]:
			return true
		case s.Fault == "kill":
			return false
		case strings.HasPrefix(s.Fault, "cut"):
			return s.Fault != cuts[turn%len(cuts)] || turn%3 == 0
		case strings.HasPrefix(s.Fault, "write"):
			return turn%4 != 0
		case s.Fault == "stop":
			return turn%6 != 0
		}
		return turn%12 != 0
	})
}

// thens are the ways on from an interrupted path. A rollback is resumed
// and nothing else, and so is a server that waits for a person.
func (p Path) thens() []string {
	if p.Upgraded || p.Stuck {
		return []string{Rollback}
	}
	return []string{Resume, Rollback}
}

// Doubles are cases with two strikes: what follows a kill is killed too, at
// points that are drawn.
func Doubles(counts map[string]Counts, r *rand.Rand, n int) []Case {
	var kills []Fault
	for _, f := range Faults {
		if f.gone {
			kills = append(kills, f)
		}
	}
	draw := func(p Path, thens []string) Injection {
		f := kills[r.IntN(len(kills))]
		return Injection{f.Name, 1 + r.IntN(counts[p.Name][f.At]), thens[r.IntN(len(thens))]}
	}
	var list []Case
	for range n {
		p := Paths[r.IntN(len(Paths))]
		first := draw(p, p.thens())
		thens := p.thens()
		if first.Then == Rollback {
			thens = []string{Rollback}
		}
		list = append(list, Case{p.Name, []Injection{first, draw(p, thens)}})
	}
	return list
}

// Sample draws cases, so that every fault of every path has its turn before any
// has a second one.
func Sample(list []Case, r *rand.Rand, n int) []Case {
	list = slices.Clone(list)
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	rank := map[string]int{}
	turn := make(map[string]int, len(list))
	for _, c := range list {
		turn[c.String()] = rank[c.kind()]
		rank[c.kind()]++
	}
	slices.SortStableFunc(list, func(a, b Case) int { return turn[a.String()] - turn[b.String()] })
	return list[:min(n, len(list))]
}

// kind is a path and its faults.
func (c Case) kind() string {
	names := []string{c.Path}
	for _, s := range c.Injections {
		names = append(names, s.Fault)
	}
	return strings.Join(names, "/")
}

// A Tally counts what came of cases, by path and fault.
type Tally struct {
	mu      sync.Mutex
	rows    map[[2]string]*row
	slowest Report
}

type row struct{ tried, passed, missed int }

func (t *Tally) add(r Report, err error, tell func(Report, error)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	tell(r, err)
	if r.Took > t.slowest.Took {
		t.slowest = r
	}
	name := r.Case.Injections[0].Fault
	if len(r.Case.Injections) > 1 {
		name = "two kills"
	}
	key := [2]string{name, r.Case.Path}
	if t.rows == nil {
		t.rows = map[[2]string]*row{}
	}
	if t.rows[key] == nil {
		t.rows[key] = new(row)
	}
	k := t.rows[key]
	k.tried++
	switch {
	case err != nil || len(r.Broken) > 0:
	case r.Reached:
		k.passed++
	default:
		k.missed++
	}
}

// RunAll does the cases, a bench for each worker, and tells of each, one at a
// time. An error is about the bench, not about a promise.
func RunAll(ctx context.Context, benches []*Bench, cases []Case, tell func(Report, error)) *Tally {
	work := make(chan Case)
	tally := new(Tally)
	var group sync.WaitGroup
	for _, b := range benches {
		group.Go(func() {
			for c := range work {
				began := time.Now()
				r, err := b.Run(ctx, c)
				r.Took = time.Since(began)
				if ctx.Err() != nil {
					continue // what was interrupted says nothing
				}
				tally.add(r, err, tell)
			}
		})
	}
	for _, c := range cases {
		if ctx.Err() != nil {
			break
		}
		work <- c
	}
	close(work)
	group.Wait()
	return tally
}

// Table shows the counts: a line for each fault, a column for each path, points
// passed of points tried.
func (t *Tally) Table(took time.Duration) string {
	names := []string{}
	for _, f := range Faults {
		names = append(names, f.Name)
	}
	names = append(names, "two kills")
	var b strings.Builder
	fmt.Fprintf(&b, "%-11s", "fault")
	for _, p := range Paths {
		fmt.Fprintf(&b, " %11s", p.Name)
	}
	fmt.Fprintf(&b, " %11s\n", "all")
	var all row
	for _, name := range names {
		var sum row
		fmt.Fprintf(&b, "%-11s", name)
		for _, p := range Paths {
			k := t.rows[[2]string{name, p.Name}]
			if k == nil {
				k = new(row)
			}
			fmt.Fprintf(&b, " %11s", k)
			sum.add(*k)
		}
		fmt.Fprintf(&b, " %11s\n", &sum)
		all.add(sum)
	}
	fmt.Fprintf(&b, "%d points tried, %d passed, %d failed, %d not reached, %.0f seconds\n",
		all.tried, all.passed, all.tried-all.passed-all.missed, all.missed, took.Seconds())
	fmt.Fprintf(&b, "the slowest took %.1f seconds: %s\n", t.slowest.Took.Seconds(), t.slowest.Case)
	return b.String()
}

func (r *row) add(o row) { r.tried += o.tried; r.passed += o.passed; r.missed += o.missed }

func (r *row) String() string {
	if r.tried == 0 {
		return "-"
	}
	return fmt.Sprintf("%d/%d", r.passed, r.tried-r.missed)
}
