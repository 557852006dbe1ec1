package ui

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

const (
	// redrawEvery keeps a live table calm and cheap, also over ssh.
	redrawEvery = 100 * time.Millisecond

	// lingers is how long a step that has ended stays on a live table, so that the
	// host's line does not blink between two steps.
	lingers = 300 * time.Millisecond

	// quietAfter is how long a step may say nothing before its silence is
	// shown with its age.
	quietAfter = 10 * time.Second

	// reportEvery is how often a pipe is told that a step goes on: often enough
	// for the people and the CI servers that take silence for a hang.
	reportEvery = 30 * time.Second
)

// A Progress shows what is going on at several hosts at once. On a terminal it
// redraws a few lines at the bottom; in a pipe it writes one line per step when
// the step ends, and a sign of life while it lasts.
//
// While it is drawn, print through the same Console: what reaches the terminal
// another way lands in the middle of the lines and is wiped with them.
//
// With one host the ended steps stay on the screen as a list. With several,
// only failures and hosts that are through stay.
type Progress struct {
	console *Console
	detail  Detail
	stop    chan struct{}
	ended   sync.WaitGroup
	closing sync.Once

	mu     sync.Mutex
	tracks []*Track
}

// Detail is how much of a progress is shown.
type Detail int

const (
	Normal  Detail = iota
	Quiet          // only failures, and hosts that are through
	Verbose        // also each line that a host says, with its name, for good
)

// NewProgress starts showing. Whoever calls it calls Close.
func NewProgress(c *Console, detail Detail) *Progress {
	p := &Progress{console: c, detail: detail, stop: make(chan struct{})}
	every := reportEvery
	if c.IsTerminal() {
		every = redrawEvery
	}
	p.ended.Go(func() { p.run(every) })
	return p
}

func (p *Progress) run(every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-tick.C:
			p.tick()
		}
	}
}

// tick redraws, or gives the sign of life.
func (p *Progress) tick() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.console.IsTerminal() {
		p.redraw(now)
		return
	}
	if p.detail == Quiet {
		return
	}
	for _, t := range p.running(now) {
		if t.active && now.Sub(t.began) >= reportEvery {
			p.console.Print(t.sign(now))
		}
	}
}

// redraw needs the lock.
func (p *Progress) redraw(now time.Time) {
	if p.detail == Quiet {
		return
	}
	width, height := p.console.size()
	lines := p.lines(now, width, height)
	p.console.mu.Lock()
	defer p.console.mu.Unlock()
	p.console.draw(lines)
}

// lines lays out the running hosts so that they fit below one another: in a
// low terminal the longest-running come first and the rest is counted.
func (p *Progress) lines(now time.Time, width, height int) []Text {
	running := p.running(now)
	rest := 0
	if room := max(height-2, 1); len(running) > room {
		byAge := slices.Clone(running)
		slices.SortStableFunc(byAge, func(a, b *Track) int { return a.began.Compare(b.began) })
		rest = len(running) - (room - 1)
		running = byAge[:room-1]
	}
	hostWidth, stepWidth := 0, 0
	for _, t := range running {
		hostWidth = max(hostWidth, t.host.Width())
		stepWidth = max(stepWidth, t.step.Width())
	}
	var lines []Text
	for _, t := range running {
		lines = append(lines, t.line(now, cmp.Or(width, 80), hostWidth, stepWidth))
	}
	if rest > 0 {
		lines = append(lines, Dim(ellipsis+" and "+Count(rest, "host", "hosts")+" more"))
	}
	return lines
}

// running are the hosts with a step under way, or between two.
func (p *Progress) running(now time.Time) []*Track {
	return slices.DeleteFunc(slices.Clone(p.tracks), func(t *Track) bool { return !t.active && now.Sub(t.left) >= lingers })
}

// Close takes the live lines away. Tracks may still be used and print what
// stays, without being drawn. Closing it again does nothing.
func (p *Progress) Close() {
	p.closing.Do(func() {
		close(p.stop)
		p.ended.Wait()
		p.console.mu.Lock()
		defer p.console.mu.Unlock()
		p.console.draw(nil)
	})
}

// Host returns the track of one more host.
func (p *Progress) Host(name string) *Track {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := &Track{p: p, host: Plain(name)}
	p.tracks = append(p.tracks, t)
	return t
}
