package torture_test

import (
	"flag"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"liftalot/testenv/sim/dash"
	"liftalot/testenv/sim/torture"
)

var (
	all  = flag.Bool("all", false, "every point, in place of a sample")
	seed = flag.Uint64("seed", 1, "of the sample; 0 takes a new one")
	only = flag.String("case", "", "run one case: PATH/FAULT/N/THEN")
	kind = flag.String("kind", "", "only points whose name has this prefix, such as full/kill")
)

// Sizes of the sample.
const (
	sample      = 60
	shortSample = 40
	doubles     = 12
	workers     = 2
)

func benches(t *testing.T, n int) []*torture.Bench {
	t.Helper()
	shell := new(dash.Parser)
	var list []*torture.Bench
	for range n {
		b, err := torture.NewBench(t.Context(), t.TempDir(), shell)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		})
		list = append(list, b)
	}
	return list
}

// choose picks the cases of this run.
func choose(t *testing.T, b *torture.Bench) []torture.Case {
	t.Helper()
	if *only != "" {
		c, err := torture.ParseCase(*only)
		if err != nil {
			t.Fatal(err)
		}
		return []torture.Case{c}
	}
	list, counts, err := torture.Points(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	s := *seed
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	r := rand.New(rand.NewPCG(s, 0))
	n := sample
	if testing.Short() {
		n = shortSample
	}
	list = slices.DeleteFunc(list, func(c torture.Case) bool { return !strings.HasPrefix(c.String(), *kind) })
	if *all {
		return list
	}
	chosen := torture.Sample(list, r, n)
	if *kind == "" {
		chosen = append(chosen, torture.Doubles(counts, r, doubles)...)
	}
	t.Logf("%d of %d points, seed %d: go test ./testenv/sim/torture -seed %d", len(chosen), len(list), s, s)
	return chosen
}

// TestEveryInterruptionIsSurvived interrupts upgrades and their ways back, and
// goes on in both directions.
func TestEveryInterruptionIsSurvived(t *testing.T) {
	n := workers
	if *only != "" {
		n = 1
	}
	list := benches(t, n)
	cases := choose(t, list[0])
	began := time.Now()
	tally := torture.RunAll(t.Context(), list, cases, func(r torture.Report, err error) {
		if err == nil && len(r.Broken) == 0 {
			return
		}
		t.Errorf("%v: %v\n\t%s\n\tgo test ./testenv/sim/torture -case %s", r.Case, err, strings.Join(r.Broken, "\n\t"), r.Case)
	})
	t.Log("\n" + tally.Table(time.Since(began)))
}

// TestTwoOperators lets two operators meet on one server (row F64): one upgrades
// it, the other is told who does.
func TestTwoOperators(t *testing.T) {
	n := 25
	if testing.Short() {
		n = 10
	}
	held := torture.Contend(t.Context(), benches(t, 2), *seed, n, func(d torture.Contention) {
		t.Errorf("seed %d:\n\t%s", d.Seed, strings.Join(d.Broken, "\n\t"))
	})
	if held == 0 {
		t.Error("no loser met the lock: the operators did not meet")
	}
	t.Logf("%d meetings, in %d the lock was held", n, held)
}
