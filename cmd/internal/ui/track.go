package ui

import (
	"fmt"
	"strings"
	"time"

	"liftalot/units"
)

// An Outcome is how a step or a host ended.
type Outcome int

const (
	Done    Outcome = iota
	Skipped         // nothing to do
	Failed
	Unknown // the link broke and nobody has looked yet
)

func (o Outcome) text() Text {
	switch o {
	case Done:
		return Good("done")
	case Skipped:
		return Dim("nothing to do")
	case Failed:
		return Bad("failed")
	}
	return Warn("outcome unknown")
}

// A Track is what is shown of one host. Its methods may be called from any
// goroutine; strings given to them are foreign.
type Track struct {
	p    *Progress
	host Text

	active bool
	step   Text
	began  time.Time // of the step
	heard  time.Time // when Say or Bytes was last called
	said   Text
	left   time.Time // when the last step ended, if the host is not through

	done, total int64
	moved       time.Time // when the first bytes of the step came
}

// Begin starts a step.
func (t *Track) Begin(step string) {
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	now := time.Now()
	t.active, t.step, t.began, t.heard, t.said = true, Plain(step), now, now, Text{}
	t.done, t.total, t.moved = 0, 0, time.Time{}
}

// Say shows the last line that the step has put out.
func (t *Track) Say(line string) {
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	t.said, t.heard = Plain(strings.TrimSpace(line)), time.Now()
	if t.p.detail == Verbose {
		t.p.console.Print(Textf("%s  %s\n", t.host, Dim(t.said)))
	}
}

// Bytes shows how far the step is; a total of 0 is not known.
func (t *Track) Bytes(done, total int64) {
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	t.heard = time.Now()
	if t.moved.IsZero() {
		t.moved = t.heard
	}
	t.done, t.total = done, total
}

// End ends the step. Detail is what else there is to say, and may be empty.
func (t *Track) End(o Outcome, detail string) {
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	now := time.Now()
	t.active, t.left = false, now
	if t.keepsStep(o) {
		t.p.console.Print(t.ended(t.step, o, now.Sub(t.began), detail))
	}
}

// keepsStep tells whether a step that has ended stays to be read.
func (t *Track) keepsStep(o Outcome) bool {
	if o == Failed || o == Unknown {
		return true
	}
	return t.p.detail == Verbose || t.p.detail == Normal && (len(t.p.tracks) == 1 || !t.p.console.IsTerminal())
}

// Finish says how the host ended as a whole.
func (t *Track) Finish(o Outcome, summary string) {
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	t.active, t.left = false, time.Time{}
	t.p.console.Print(Textf("%s  %s%s\n", Bold(t.host), o.text(), prefixed("  ", summary)))
}

func (t *Track) ended(step Text, o Outcome, took time.Duration, detail string) Text {
	return Textf("%s  %s "+ellipsis+"  %s %s%s\n", t.host, step, o.text(), Duration(took), prefixed("  ", detail))
}

// sign is the sign of life in a pipe.
func (t *Track) sign(now time.Time) Text {
	return Textf("%s  %s "+ellipsis+"  %s so far%s\n", t.host, t.step, Duration(now.Sub(t.began)), prefixed(", ", t.silence(now)))
}

func (t *Track) silence(now time.Time) string {
	if age := now.Sub(t.heard); age >= quietAfter {
		return "silent for " + Duration(age)
	}
	return ""
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

// line is the host's live line: host, step, elapsed, then whatever there is of
// bar, rate, silence and last words, as far as they fit.
func (t *Track) line(now time.Time, width, hostWidth, stepWidth int) Text {
	elapsed := Plain(Duration(now.Sub(t.began))).PadLeft(7)
	cells := []Text{Bold(t.host.Cut(max(width/4, 8)).Pad(min(hostWidth, max(width/4, 8)))), t.step.Pad(stepWidth), elapsed}
	if t.done > 0 {
		cells = append(cells, t.transfer(now, width >= 100))
	}
	if s := t.silence(now); s != "" {
		cells = append(cells, Warn(s))
	}
	if t.said.s != "" {
		cells = append(cells, Dim(t.said))
	}
	return Join(cells, columnGap)
}

const barWidth = 20

// transfer shows bytes, with a bar where there is room and an end in sight.
func (t *Track) transfer(now time.Time, roomy bool) Text {
	rate := ""
	if d := now.Sub(t.moved); d >= time.Second {
		rate = fmt.Sprintf(", %s/s", units.Bytes(int64(float64(t.done)/d.Seconds())))
	}
	if t.total <= 0 {
		return Plain(units.Bytes(t.done) + rate)
	}
	part := min(float64(t.done)/float64(t.total), 1)
	text := fmt.Sprintf("%3.0f%% of %s%s", 100*part, units.Bytes(t.total), rate)
	if roomy {
		full := int(part * barWidth)
		text = strings.Repeat("█", full) + strings.Repeat("░", barWidth-full) + " " + text
	}
	return Plain(text)
}
