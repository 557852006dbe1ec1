package job

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"liftalot/remote"
)

// State says how a job is.
type State string

// The states. Only Ended has an exit code.
const (
	Absent  State = "absent"  // nothing was ever started in this folder
	Running State = "running" // or just about to
	Ended   State = "ended"
	Lost    State = "lost" // it is gone and has left no outcome
)

// A Status is what was seen of a job.
type Status struct {
	State    State
	ExitCode int
	Overdue  bool   // the deadline has ended it, or is about to
	Log      []byte // from the offset that was asked for; foreign text
	Next     int64  // the offset to ask for next
}

// maxLog is how much of the log one look brings home.
const maxLog = 256 << 10

// Look says how the job in dir is and what it has logged from offset on. It
// changes nothing.
func Look(ctx context.Context, r Runner, dir string, offset int64) (Status, error) {
	res, err := r.Run(ctx, remote.Command{
		Name: "look at job", Script: stateScript + lookScript, Root: true, MaxStdout: maxLog + 1024,
		Args: []string{dir, strconv.FormatInt(max(0, offset), 10), strconv.Itoa(maxLog)},
	})
	if code(err) == exitAbsent {
		return Status{State: Absent}, nil
	}
	if err != nil {
		return Status{}, fmt.Errorf("look at job in %s: %w", dir, err)
	}
	st, err := parse(res.Stdout, max(0, offset))
	if err != nil {
		return Status{}, fmt.Errorf("look at job in %s: %w", dir, err)
	}
	return st, nil
}

// parse reads "state code overdue", a line end, and the log.
func parse(answer []byte, offset int64) (Status, error) {
	head, log, ok := bytes.Cut(answer, []byte{'\n'})
	fields := strings.Fields(string(head))
	if !ok || len(fields) != 3 {
		return Status{}, errors.New("the answer is not understood")
	}
	st := Status{State: State(fields[0]), Overdue: fields[2] == "yes", Log: log, Next: offset + int64(len(log))}
	switch st.State {
	case Running, Lost:
		return st, nil
	case Ended:
		n, err := strconv.Atoi(fields[1])
		if err != nil || n < 0 || n > 255 {
			return Status{}, fmt.Errorf("the exit status %q is not understood", fields[1])
		}
		st.ExitCode = n
		return st, nil
	}
	return Status{}, fmt.Errorf("the state %q is not understood", fields[0])
}

// Wait pauses no less than this, and when the host does not answer, longer and
// longer up to the other.
const (
	minPause = 50 * time.Millisecond
	maxPause = 30 * time.Second
)

// Wait looks every so often until the job has ended, is lost, or was never
// there. A host that does not answer is asked again until ctx ends; one that
// refuses us is not. onLog, when set, gets the log piece by piece.
//
// Every error wraps [remote.ErrUnknownOutcome], and what the last look came to:
// when that says [remote.ErrNotStarted], it was only the look that never started.
func Wait(ctx context.Context, r Runner, dir string, every time.Duration, onLog func([]byte)) (Status, error) {
	var offset int64
	every = max(every, minPause)
	pause := every
	for {
		st, err := Look(ctx, r, dir, offset)
		switch {
		case err != nil && (!remote.Transient(err) || ctx.Err() != nil):
			return Status{}, unseenError(dir, err)
		case err != nil:
			pause = min(2*pause, maxPause)
		default:
			pause = every
			offset = st.Next
			if onLog != nil && len(st.Log) > 0 {
				onLog(st.Log)
			}
			more := len(st.Log) == maxLog
			if st.State != Running && !more {
				return st, nil
			}
			if more {
				continue
			}
		}
		if err := remote.Sleep(ctx, pause); err != nil {
			return Status{}, unseenError(dir, err)
		}
	}
}

// unseenError is the error for a job whose end was not seen.
func unseenError(dir string, cause error) error {
	return fmt.Errorf("wait for job in %s: %w: %w", dir, remote.ErrUnknownOutcome, cause)
}
