//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"liftalot/testenv/sim/simproc"
)

// bench is one run of the comparison.
type bench struct {
	self   string // this program
	dir    string
	server *server
	line   *line
	rounds int
}

// A cell is where the contestants meet: so many hosts, so far away.
type cell struct {
	hosts int
	rtt   time.Duration
}

// results are the measures of each contestant in a cell, a round each.
type results map[string][]measure

func compare(ctx context.Context, args []string) (err error) {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	rounds := f.Int("rounds", 3, "how often everyone runs")
	many := f.Int("hosts", 50, "hosts at once; 0 leaves the comparison out")
	scale := f.Int("scale", 1000, "simulated hosts at once; 0 leaves that part out")
	page := f.String("write", "", "put the tables into this page, between its markers")
	if err := f.Parse(args); err != nil {
		return err
	}
	b := &bench{rounds: *rounds}
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	if b.line, err = newLine(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.line.close()) }()
	if b.server, err = startServer(ctx, b.line); err != nil {
		return err
	}
	b.dir = b.server.dir
	defer func() { err = errors.Join(err, b.server.close()) }()

	var text strings.Builder
	text.WriteString(b.about(ctx))
	for _, hosts := range []int{1, *many} {
		if *many == 0 {
			break
		}
		cells, err := b.fanOut(ctx, hosts, []time.Duration{0, 20 * time.Millisecond, 80 * time.Millisecond})
		if err != nil {
			return err
		}
		text.WriteString(b.table(hosts, cells))
	}
	if *scale > 0 {
		costs, err := b.atScale(ctx, *scale)
		if err != nil {
			return err
		}
		text.WriteString(scaleTable(costs))
	}
	fmt.Print(text.String())
	if *page != "" {
		return writeBetween(*page, text.String())
	}
	return nil
}

// fanOut lets everyone run in turn, another one first in each round.
func (b *bench) fanOut(ctx context.Context, n int, away []time.Duration) (map[cell]results, error) {
	if err := b.prepare(hosts(n)); err != nil {
		return nil, err
	}
	all := map[cell]results{}
	list := b.contestants(n)
	for _, rtt := range away {
		b.line.rtt.Store(int64(rtt))
		at := cell{n, rtt}
		all[at] = results{}
		for round := range b.rounds {
			for i := range list {
				c := list[(i+round)%len(list)]
				asked := n
				if c.serial {
					asked = min(n, serialHosts)
				}
				if c.serial && round > 0 {
					continue
				}
				m, err := b.measured(ctx, asked*strings.Count(facts, "\n"), c.command...)
				if err != nil {
					return nil, fmt.Errorf("%s, %d hosts %s away: %w", c.name, n, rtt, err)
				}
				m.Wall, m.CPU = m.Wall*time.Duration(n)/time.Duration(asked), m.CPU*time.Duration(n)/time.Duration(asked)
				all[at][c.name] = append(all[at][c.name], m)
				fmt.Fprintf(os.Stderr, "%d hosts, %s away, round %d: %-34s %8.3f s, %7.1f ms CPU per host\n",
					n, rtt, round+1, c.name, m.Wall.Seconds(), m.CPU.Seconds()*1000/float64(n))
			}
		}
	}
	return all, nil
}

// atScale connects to simulated hosts all at once.
func (b *bench) atScale(ctx context.Context, n int) ([]cost, error) {
	kinds := slices.Repeat([]simproc.Kind{simproc.Well}, n)
	hosts, err := simproc.Start(ctx, b.server.key, kinds, b.self, "hosts")
	if err != nil {
		return nil, err
	}
	var list, known strings.Builder
	for _, h := range hosts.Hosts {
		fmt.Fprintf(&list, "%s %s %d\n", h.Name, h.Addr, h.Port)
		known.WriteString(h.KnownHost())
	}
	err = errors.Join(
		os.WriteFile(b.path("many"), []byte(list.String()), 0o600),
		os.WriteFile(b.path("many_known"), []byte(known.String()), 0o600),
	)
	var costs []cost
	for range b.rounds {
		if err != nil {
			break
		}
		var c cost
		var out, said bytes.Buffer
		cmd := exec.CommandContext(ctx, b.self, "client", "-apart", "-list", b.path("many"), "-key", b.server.keyFile, "-known", b.path("many_known"))
		cmd.Stdout, cmd.Stderr = &out, &said
		if err = cmd.Run(); err != nil {
			err = fmt.Errorf("%w: %.2000s", err, said.String())
		} else if got, want := countFacts(out.Bytes()), n*strings.Count(facts, "\n"); got != want {
			err = fmt.Errorf("%d simulated hosts brought %d facts, want %d", n, got, want)
		} else if err = json.Unmarshal(said.Bytes(), &c); err == nil {
			costs = append(costs, c)
		}
	}
	return costs, errors.Join(err, hosts.Close())
}
