// Package job runs a script on a host that goes on when the connection ends.
//
// The risky part of a change must not hang on a link. [Start] puts a script
// into a folder of its own on the host and starts it, detached, with one
// command; from then on it ends by itself or is ended by its deadline, whether
// anybody looks or not. [Look] says how it goes, from any laptop, and [Wait]
// looks again and again, through broken links, until it has ended. [Remove]
// takes the folder away.
//
// # The folder
//
// The folder's name is the job's identity, and making it is the gate: however
// often Start is called for it, the script is started at most once. It belongs
// to the account that runs the job and is closed to others. It holds
//
//	script   the arguments and the script; never on a command line
//	boot     the boot id of the host when it was started
//	pid      process id and start time, so that a number used again is noticed
//	log      what the script says, both streams
//	overdue  there when the deadline has ended it
//	outcome  its exit status and the time, written at once when it has ended
//	memory   where its folder on a memory file system is, if it has one
//
// No outcome and no process means that the job is lost: killed with its watch,
// or the host was restarted. What it has done by then is for the caller to see.
//
// # The deadline
//
// When its time is over the script and all that it started get SIGTERM, and
// after a grace period SIGKILL. A script that must not leave things half done
// undoes them in a trap.
package job

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"time"

	"liftalot/remote"
	"liftalot/remote/shell"
)

// A Runner is the part of [remote.Client] that jobs need.
type Runner interface {
	Run(ctx context.Context, cmd remote.Command) (remote.Result, error)
}

// A Spec is what to run.
type Spec struct {
	Dir    string   // absolute; its parent is made if it is missing
	Script string   // POSIX sh
	Args   []string // seen by the script as "$1", …, and by nobody else

	Timeout time.Duration // until SIGTERM; rounded up to seconds, at least one
	Grace   time.Duration // from there to SIGKILL; 0 means 10 s

	// Input is one line for the script's standard input, such as a secret: it
	// goes through a pipe and is on no disk. The script of a job that has it finds
	// in $MEMORY a folder of its own on a memory file system, for what a program
	// must have as a file. That folder goes with the script, however it ends.
	Input []byte
}

const defaultGrace = 10 * time.Second

// ErrTaken means that the folder holds another job.
var ErrTaken = errors.New("the folder holds another job")

// statuses of our own scripts
const (
	exitTaken   = 41
	exitAbsent  = 44
	exitRunning = 45
	exitCut     = 49
)

// Start starts the job, or finds that it was started before. After an error
// that wraps [remote.ErrUnknownOutcome] it may simply be called again.
func Start(ctx context.Context, r Runner, spec Spec) error {
	if !path.IsAbs(spec.Dir) || path.Clean(spec.Dir) != spec.Dir || spec.Dir == "/" {
		return fmt.Errorf("start job: %w: %q is not an absolute, clean path", remote.ErrNotStarted, spec.Dir)
	}
	if spec.Timeout <= 0 {
		return fmt.Errorf("start job: %w: it has no deadline", remote.ErrNotStarted)
	}
	if spec.Grace <= 0 {
		spec.Grace = defaultGrace
	}
	script := "set -- " + shell.Join(spec.Args...) + "\n" + spec.Script + "\n"
	if !shell.Quotable(script) {
		return fmt.Errorf("start job: %w: the script or an argument holds a NUL byte", remote.ErrNotStarted)
	}
	if bytes.ContainsAny(spec.Input, "\x00\n") {
		return fmt.Errorf("start job: %w: the input is not one line", remote.ErrNotStarted)
	}
	sent, input := []byte(script), ""
	if len(spec.Input) > 0 {
		sent, input = slices.Concat(spec.Input, []byte("\n"), sent), "input"
	}
	_, err := r.Run(ctx, remote.Command{
		Name: "start job", Script: startScript, Root: true, Stdin: bytes.NewReader(sent),
		Args: []string{spec.Dir, strconv.Itoa(len(script)), seconds(spec.Timeout), seconds(spec.Grace), runnerScript, input},
	})
	switch code(err) {
	case exitTaken:
		return fmt.Errorf("start job in %s: %w: %w", spec.Dir, remote.ErrNotStarted, ErrTaken)
	case exitCut:
		return fmt.Errorf("start job in %s: %w: the script did not arrive whole", spec.Dir, remote.ErrNotStarted)
	}
	if err != nil {
		return fmt.Errorf("start job in %s: %w", spec.Dir, err)
	}
	return nil
}

// Remove removes the folder of a job that has ended or is lost. A folder
// that is not there is no error; a running job is.
func Remove(ctx context.Context, r Runner, dir string) error {
	_, err := r.Run(ctx, remote.Command{Name: "remove job", Script: stateScript + removeScript, Args: []string{dir}, Root: true})
	switch code(err) {
	case exitAbsent:
		return nil
	case exitRunning:
		return fmt.Errorf("remove job in %s: it is still running", dir)
	}
	if err != nil {
		return fmt.Errorf("remove job in %s: %w", dir, err)
	}
	return nil
}

// seconds rounds up, for a sleep that knows whole seconds only.
func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}

// code returns the status with which the script answered, or 0.
func code(err error) int {
	if exit, ok := errors.AsType[*remote.ExitError](err); ok {
		return exit.Code
	}
	return 0
}
