package apply

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"liftalot/plan"
	"liftalot/plan/journal"
	"liftalot/remote"
)

// Bounds of what is kept of a failure, whatever a host says.
const (
	maxContainers = 2
	maxLogLines   = 20
	maxLogLine    = 400
	maxFindings   = 20
	maxReason     = 1000

	cutLine  = 700 // where the host cuts a line, see evidence.sh
	cutGuard = 300 // the end of a cut line, which may be a part of a secret
)

// lastWords reads what evidence.sh says.
type lastWords []journal.LastContainer

// line takes a line without its first word: how a container stands, or what it has said.
func (l *lastWords) line(word, rest string) {
	switch word {
	case "state":
		var c journal.LastContainer
		if n, _ := fmt.Sscanf(rest, "%s %d %t %d %s", &c.Status, &c.Exit, &c.OOM, &c.Restarts, &c.Name); n == 5 && len(*l) < maxContainers {
			c.Name, c.Status = strings.TrimPrefix(c.Name, "/"), c.Status[:min(len(c.Status), 20)]
			c.Name = c.Name[:min(len(c.Name), 100)]
			*l = append(*l, c)
		}
	case "log":
		if len(*l) == 0 {
			*l = append(*l, journal.LastContainer{}) // by a job of an older liftalot
		}
		c := &(*l)[len(*l)-1]
		if c.Log = append(c.Log, rest); len(c.Log) > maxLogLines {
			c.Log = c.Log[1:]
		}
	}
}

// read takes whole lines, with their first words.
func (l *lastWords) read(text string) {
	for line := range strings.Lines(text) {
		word, rest, _ := strings.Cut(strings.TrimRight(line, "\n"), " ")
		l.line(word, rest)
	}
}

// describeFailure returns what the journal keeps of why a step failed.
func (e *Engine) describeFailure(ctx context.Context, op plan.Op, err error) *journal.Failure {
	if cutShort(err) || errors.Is(err, ErrStopped) {
		return nil // by the operator
	}
	f := &journal.Failure{Reason: e.clipText(err.Error(), maxReason)}
	var found interface{ Findings() []string }
	if errors.As(err, &found) {
		for _, one := range found.Findings() {
			if len(f.Findings) < maxFindings {
				f.Findings = append(f.Findings, e.clipText(one, maxLogLine))
			}
		}
	}
	if len(e.lastWords) == 0 && !remote.Unanswered(err) && !remote.Denied(err) {
		e.readUnhealthy(ctx, op)
	}
	for _, c := range e.lastWords {
		c.Log = e.logLines(c.Log)
		f.Containers = append(f.Containers, c)
	}
	return f
}

// failureData is the same as the data of a record; of a failure that cannot be written down
// nothing is kept.
func failureData(f *journal.Failure) json.RawMessage {
	if f == nil {
		return nil
	}
	data, err := f.Data()
	if err != nil {
		return nil
	}
	return data
}

// readUnhealthy asks for the last words of the containers that an operation has found not
// well, where it has not brought them along itself.
func (e *Engine) readUnhealthy(ctx context.Context, op plan.Op) {
	switch op.(type) {
	case plan.Verify, plan.Start:
	default:
		return
	}
	res, err := e.Watch.Run(ctx, remote.Command{
		Name: "ask what the containers said last", Root: true, Script: unhealthyScript, Timeout: time.Minute, MaxStdout: 64 << 10,
		Args: []string{e.Plan.Project.Name, e.Plan.Project.Service, plan.UpdaterService, plan.ProxyService},
	})
	if err == nil {
		e.lastWords.read(string(res.Stdout))
	}
}

// colours are what programs put into their logs for terminals.
var colours = regexp.MustCompile("\x1b\\[[0-9;]*m")

// logLines are lines of a log as they are kept.
func (e *Engine) logLines(raw []string) (lines []string) {
	for _, line := range raw {
		long := len(line) >= cutLine
		line = e.clipText(colours.ReplaceAllString(line, ""), cutLine)
		if long {
			line = cut(line, max(0, len(line)-cutGuard))
		}
		lines = append(lines, cut(line, maxLogLine))
	}
	return lines
}

// clipText returns what is kept of a text that a host may have written.
func (e *Engine) clipText(text string, most int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if e.Workstation.Redact != nil {
		text = e.Workstation.Redact(text)
	}
	return cut(text, most)
}

// cut shortens a text to a number of bytes, between two characters.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}
