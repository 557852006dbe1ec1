package ui

import (
	"fmt"
	"strings"
)

// clearBelow goes to the start of the row and clears from there to the end. The
// cursor is never hidden: a program that is killed could not bring it back.
const clearBelow = "\r\x1b[J"

// A region is the lines at the bottom of the terminal that are redrawn. The
// zero region is not shown.
type region struct {
	text   string // as last written
	widths []int  // of its lines, to know how many rows they take after a resize
}

func (r *region) shown() bool { return len(r.widths) > 0 }

// erase returns the sequence that removes the region from a terminal of the
// given width. A terminal made narrower has wrapped the lines meanwhile.
func (r *region) erase(width int) string {
	if !r.shown() {
		return ""
	}
	rows := 0
	for _, w := range r.widths {
		rows += 1 + max(w-1, 0)/max(width, 1)
	}
	return fmt.Sprintf("\x1b[%dA%s", rows, clearBelow)
}

// draw replaces the live region by lines; none takes it away. Nothing is
// written if nothing changed. It needs the lock.
func (c *Console) draw(lines []Text) {
	if c.paused {
		return
	}
	width, _ := c.size()
	next := region{}
	var b strings.Builder
	for _, line := range lines {
		line = c.cell(line).Cut(width - 1)
		next.widths = append(next.widths, line.Width())
		b.WriteString(line.render(c.colour) + "\n")
	}
	next.text = b.String()
	if next.text == c.live.text {
		return
	}
	before := c.live.erase(width)
	if c.midLine {
		before = "\n"
	}
	c.write(before + next.text)
	c.live, c.midLine = next, false
}

// pause takes the live region away until resume, for a question.
func (c *Console) pause() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.draw(nil)
	c.paused = true
}

func (c *Console) resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paused = false
}
