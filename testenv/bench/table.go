//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// median is the middle, the mean of the two middle ones of an even number.
func median(list []float64) float64 {
	list = slices.Sorted(slices.Values(list))
	n := len(list)
	if n == 0 {
		return 0
	}
	return (list[(n-1)/2] + list[n/2]) / 2
}

// about says what was measured with what.
func (b *bench) about(ctx context.Context) string {
	said, _ := exec.CommandContext(ctx, "ssh", "-V").CombinedOutput() // nothing is known without it
	ansible := "Ansible was not installed and is not in the tables."
	if out, err := exec.CommandContext(ctx, "ansible", "--version").Output(); err == nil {
		line, _, _ := strings.Cut(string(out), "\n")
		ansible = line + "."
	}
	version, _, _ := strings.Cut(strings.TrimSpace(string(said)), ",")
	return fmt.Sprintf("%d cores, shared by clients, line and servers; %s; %s; medians of %d interleaved rounds. %s\n",
		runtime.NumCPU(), version, runtime.Version(), b.rounds, ansible)
}

// table shows each contestant's medians, and how many times liftalot's they are:
// the median of the ratios within a round.
func (b *bench) table(hosts int, cells map[cell]results) string {
	var t strings.Builder
	var away []time.Duration
	for c := range cells {
		if c.hosts == hosts {
			away = append(away, c.rtt)
		}
	}
	slices.Sort(away)
	fmt.Fprintf(&t, "\n**%s, wall time in seconds and client CPU in milliseconds per host** (× liftalot's)\n\n|", count(hosts))
	for _, rtt := range away {
		fmt.Fprintf(&t, " | %d ms, wall | CPU", rtt.Milliseconds())
	}
	t.WriteString(" |\n| --- |" + strings.Repeat(" --- | --- |", len(away)) + "\n")
	for _, c := range b.contestants(hosts) {
		name := c.name
		if c.serial && hosts > serialHosts {
			name += fmt.Sprintf(" (%d hosts once, ×%d)", serialHosts, hosts/serialHosts)
		}
		fmt.Fprintf(&t, "| %s |", name)
		for _, rtt := range away {
			got := cells[cell{hosts, rtt}]
			wall, wallTimes := compared(got[c.name], got[us], func(m measure) float64 { return m.Wall.Seconds() })
			cpu, cpuTimes := compared(got[c.name], got[us], func(m measure) float64 { return m.CPU.Seconds() * 1000 / float64(hosts) })
			fmt.Fprintf(&t, " %.2f (%s) | %.1f (%s) |", wall, wallTimes, cpu, cpuTimes)
		}
		t.WriteString("\n")
	}
	return t.String()
}

func count(hosts int) string {
	if hosts == 1 {
		return "One host"
	}
	return fmt.Sprintf("%d hosts at once", hosts)
}

func compared(theirs, ours []measure, of func(measure) float64) (value float64, times string) {
	var values, ratios []float64
	for i := range theirs {
		values = append(values, of(theirs[i]))
		ratios = append(ratios, of(theirs[i])/max(of(ours[i]), 1e-9))
	}
	return median(values), fmt.Sprintf("%.1f", median(ratios))
}

func scaleTable(costs []cost) string {
	of := func(f func(cost) float64) float64 {
		var list []float64
		for _, c := range costs {
			list = append(list, f(c))
		}
		return median(list)
	}
	return fmt.Sprintf(`
**%d simulated hosts connected at once** (another process; no delay)

| per host | |
| --- | --- |
| client CPU of a handshake | %.2f ms |
| client CPU of the script | %.2f ms |
| memory of a connection that rests | %.0f KiB |
| memory at the most | %.0f KiB |
| wall time of all | %.1f s |
`, costs[0].Hosts,
		of(func(c cost) float64 { return c.Handshake.Seconds() * 1000 }),
		of(func(c cost) float64 { return c.Probe.Seconds() * 1000 }),
		of(func(c cost) float64 { return float64(c.Idle) / 1024 }),
		of(func(c cost) float64 { return float64(c.Peak) / 1024 }),
		of(func(c cost) float64 { return c.Wall.Seconds() }))
}

// The markers between which the tables stand in a page.
const (
	begin = "<!-- bench: fan-out begins -->\n"
	end   = "<!-- bench: fan-out ends -->\n"
)

// writeBetween replaces what stands between the markers of a page.
func writeBetween(file, text string) error {
	page, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	head, rest, ok := bytes.Cut(page, []byte(begin))
	_, tail, ok2 := bytes.Cut(rest, []byte(end))
	if !ok || !ok2 {
		return fmt.Errorf("%s has no lines %q and %q to write between", file, begin, end)
	}
	return os.WriteFile(file, slices.Concat(head, []byte(begin), []byte(text), []byte(end), tail), 0o644)
}
