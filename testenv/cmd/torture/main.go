// Torture interrupts upgrades on simulated servers at thousands of points, goes
// on from each, and holds the end against the promises. It ends with a table and
// with 1 when a promise was broken.
//
//	torture             what fits into a quarter of an hour, see torture.Thin
//	torture -seed 2     other points, other pairs of kills, other contentions
//	torture -all        every point of every fault, for a night
//	torture -case NAME  one case, as a failure names it
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"liftalot/testenv/sim/dash"
	"liftalot/testenv/sim/torture"
)

// Sizes of what is drawn.
const (
	doubles     = 300
	contentions = 1000
)

func main() {
	var o options
	flag.Uint64Var(&o.seed, "seed", 1, "what is drawn, and which points are kept")
	flag.BoolVar(&o.all, "all", false, "every point")
	flag.StringVar(&o.only, "case", "", "one case: PATH/FAULT/N/THEN")
	flag.StringVar(&o.kind, "kind", "", "only cases whose name begins so, such as full/kill")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "torture: %v\n", err)
		os.Exit(1)
	}
}

type options struct {
	seed       uint64
	all        bool
	only, kind string
}

func run(ctx context.Context, o options) error {
	debug.SetGCPercent(400) // much is made and little kept
	dir, err := os.MkdirTemp(memory(), "torture-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	benches, err := open(ctx, dir, runtime.NumCPU()+1) // one waits now and then
	if err != nil {
		return err
	}
	defer func() {
		for _, b := range benches {
			_ = b.Close()
		}
	}()
	cases, err := choose(ctx, o, benches[0])
	if err != nil {
		return err
	}
	fmt.Printf("%d cases, seed %d\n", len(cases), o.seed)
	done, failed := 0, 0
	began := time.Now()
	tally := torture.RunAll(ctx, benches, cases, func(r torture.Report, err error) {
		if done++; done%500 == 0 {
			fmt.Printf("%d done, %.0f seconds\n", done, time.Since(began).Seconds())
		}
		if err == nil && len(r.Broken) == 0 {
			return
		}
		failed++
		fmt.Printf("FAILED %s: %v\n\t%s\n\tgo run ./testenv/cmd/torture -case %s\n", r.Case, err, strings.Join(r.Broken, "\n\t"), r.Case)
	})
	fmt.Print(tally.Table(time.Since(began)))
	if o.only == "" && o.kind == "" && ctx.Err() == nil {
		failed += fight(ctx, benches, o.seed)
	}
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted")
	case failed > 0:
		return fmt.Errorf("%d promises were broken", failed)
	}
	return nil
}

// memory is a folder on a file system that needs no disk, where there is one:
// the state of thousands of workstations is flushed to it again and again.
func memory() string {
	const shm = "/dev/shm"
	if _, err := os.Stat(shm); err != nil {
		return ""
	}
	return shm
}

func open(ctx context.Context, dir string, n int) (list []*torture.Bench, err error) {
	shell := new(dash.Parser)
	for i := range n {
		folder := fmt.Sprintf("%s/%d", dir, i)
		if err := os.Mkdir(folder, 0o700); err != nil {
			return nil, err
		}
		b, err := torture.NewBench(ctx, folder, shell)
		if err != nil {
			return nil, err
		}
		list = append(list, b)
	}
	return list, nil
}

func choose(ctx context.Context, o options, b *torture.Bench) ([]torture.Case, error) {
	if o.only != "" {
		c, err := torture.ParseCase(o.only)
		return []torture.Case{c}, err
	}
	list, counts, err := torture.Points(ctx, b)
	if err != nil {
		return nil, err
	}
	if !o.all {
		list = torture.Thin(list, int(o.seed%24))
	}
	r := rand.New(rand.NewPCG(o.seed, 0))
	list = append(list, torture.Doubles(counts, r, doubles)...)
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	kept := list[:0]
	for _, c := range list {
		if strings.HasPrefix(c.String(), o.kind) {
			kept = append(kept, c)
		}
	}
	return kept, nil
}

// fight lets two operators meet on one server, again and again, and says how
// often a promise was broken.
func fight(ctx context.Context, benches []*torture.Bench, seed uint64) (failed int) {
	began := time.Now()
	var mu sync.Mutex
	torture.Contend(ctx, benches, seed, contentions, func(d torture.Contention) {
		mu.Lock()
		defer mu.Unlock()
		failed++
		fmt.Printf("FAILED two operators, seed %d:\n\t%s\n", d.Seed, strings.Join(d.Broken, "\n\t"))
	})
	fmt.Printf("%d meetings of two operators, %d failed, %.0f seconds\n", contentions, failed, time.Since(began).Seconds())
	return failed
}
