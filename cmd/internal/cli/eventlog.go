package cli

import (
	"errors"
	"fmt"
	"os"
	"time"

	"liftalot/cmd/internal/ui"
	"liftalot/plan/apply"
)

// logLine is one line of --log-file: a JSON object. Times are RFC 3339 in UTC.
// What is empty is left out.
type logLine struct {
	Time    time.Time `json:"time"`
	Host    string    `json:"host,omitempty"`
	Event   string    `json:"event"` // docs/schema/log.json names them
	Step    string    `json:"step,omitempty"`
	Outcome result    `json:"outcome,omitempty"`
	Text    string    `json:"text,omitempty"` // may be a host's words
}

// An eventLog writes lines to a file that grows, redacted and escaped as all that
// is printed.
type eventLog struct {
	file *os.File
	out  *ui.Console
}

// openLog opens the log that the flags name, if they do.
func (t *terminal) openLog() error {
	if t.flags.logFile == "" || t.events != nil {
		return nil
	}
	f, err := os.OpenFile(t.flags.logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return &usageError{fmt.Errorf("--log-file: %w", err), "liftalot"}
	}
	t.events = &eventLog{file: f, out: ui.New(f, ui.Options{Redactor: t.secret, Colour: ui.ColourNever})}
	return nil
}

func (l *eventLog) close() error {
	if l == nil {
		return nil
	}
	return errors.Join(l.out.Close(), l.file.Close())
}

// log adds a line to the log, if there is one. A disk that is full is reported at
// the end.
func (t *terminal) log(line logLine) {
	if t.events == nil {
		return
	}
	line.Time = t.now().UTC()
	_ = t.events.out.JSONLine(line)
}

// logEvent writes down what the engine tells of a host.
func (t *terminal) logEvent(host string, ev apply.Event) {
	names := map[apply.EventKind]string{
		apply.StepBegun: "step-begun", apply.StepDone: "step-done", apply.StepSkipped: "step-skipped", apply.StepFailed: "step-failed",
		apply.UndoBegun: "undo-begun", apply.UndoDone: "undo-done", apply.UndoFailed: "undo-failed", apply.Output: "output",
	}
	line := logLine{Host: host, Event: names[ev.Kind], Step: ev.Step, Text: ev.Text}
	if ev.Err != nil {
		line.Text = ev.Err.Error()
	}
	t.log(line)
}
