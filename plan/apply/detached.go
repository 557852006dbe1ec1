package apply

import (
	"context"
	"path"
	"strings"
	"time"

	"liftalot/plan"
	"liftalot/remote/job"
)

// jobFolder is where a step's job lives on the host. Its name is the gate: the
// same step of the same run is never under way twice.
func (e *Engine) jobFolder(id string) string { return path.Join(plan.RunRoot, e.Plan.ID, id) }

// detached starts a job on the host, or finds the one that was started before,
// and follows it to its end. A line that breaks meanwhile is mended and the log
// read on from where it was; the job needs nobody.
func (e *Engine) detached(ctx context.Context, spec job.Spec, onLog func([]byte)) (job.Status, error) {
	if e.again {
		// The job of the last try has ended and its outcome is in the journal. One
		// that nobody saw ending is not started again but found.
		if err := job.Remove(ctx, e.Host, spec.Dir); err != nil {
			return job.Status{}, err
		}
		e.again = false
	}
	if err := job.Start(ctx, e.Host, spec); err != nil {
		return job.Status{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, spec.Timeout+spec.Grace+2*time.Minute)
	defer cancel()
	return job.Wait(ctx, e.Watch, spec.Dir, time.Second, onLog)
}

// lines puts a log that comes in pieces together again.
type lines struct{ rest string }

// maxLine bounds a line, whatever the host says.
const maxLine = 64 << 10

// cut takes a piece and returns the lines that are complete.
func (l *lines) cut(chunk []byte) []string {
	all := strings.Split(l.rest+string(chunk), "\n")
	l.rest = all[len(all)-1]
	if len(l.rest) > maxLine {
		return append(all[:len(all)-1], l.flush())
	}
	return all[:len(all)-1]
}

// flush returns what came without an end of line.
func (l *lines) flush() string {
	rest := l.rest
	l.rest = ""
	return rest
}
