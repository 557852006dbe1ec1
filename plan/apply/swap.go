package apply

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"liftalot/plan"
	"liftalot/remote"
	"liftalot/remote/job"
)

// MigratedError reports that the new version failed after it had changed the database, or that
// nobody can say: a rollback then needs the former database too, and a person decides that.
type MigratedError struct {
	Unsure bool `json:"unsure,omitempty"` // the database did not say
}

func (e *MigratedError) Error() string {
	if e.Unsure {
		return "the new version did not become healthy, and the database does not say whether it was changed. " +
			"The server is stopped, the dump taken before is safe"
	}
	return "the new version changed the database and then did not become healthy; " +
		"the old one cannot run on it. Both are stopped, the dump taken with the server stopped is safe"
}

// SwapError reports a swap that did not end healthy.
type SwapError struct {
	Result string   // kept, back, lost or died
	Notes  []string // what the job said: foreign text
}

func (e *SwapError) Error() string {
	what := map[string]string{
		"kept": "nothing was changed, the old server serves",
		"back": "the job on the host rolled back by itself and the old server serves again",
		"lost": "the job on the host could not bring the old server back",
		"died": "the job on the host ended without a word",
	}[e.Result]
	if len(e.Notes) == 0 {
		return what
	}
	return strings.Join(e.Notes, "; ") + ": " + what
}

// swap runs the job on the host that replaces the server or rolls back by itself.
func (e *Engine) swap(ctx context.Context, id string, op plan.Swap) (json.RawMessage, error) {
	// On a rollback the job itself decides: it has the same arguments at every start.
	if _, err := e.checkDependencies(ctx, op.Project, op.Dependencies, op.NoDeps, op.IsRollback); err != nil {
		return nil, err
	}
	dir := e.jobFolder(id)
	if len(e.revertedEdits) > 0 && !op.IsRollback {
		if err := e.requireStarted(ctx, dir); err != nil {
			return nil, err
		}
	}
	// Room for the limit, the soak, and a rollback with its own wait; and when that
	// is over, for the script's trap to bring one of the servers up.
	deadline := time.Duration(op.MaxDowntime+op.Soak)*time.Second + 15*time.Minute
	spec := job.Spec{Dir: dir, Script: swapScript, Args: swapArgs(op, dir, e.Plan.ID), Timeout: deadline, Grace: 5 * time.Minute}
	var log swapLog
	st, err := e.detached(ctx, spec, func(chunk []byte) {
		for _, line := range log.add(chunk) {
			e.tell(Event{Step: id, Kind: Output, Text: line})
		}
	})
	if err != nil {
		return nil, err
	}
	log.close()
	e.lastWords = log.lastWords
	e.swapSeen(ctx, id, st, &log)
	if st.State != job.Ended {
		return nil, &SwapError{Result: "died", Notes: log.notes}
	}
	switch log.end {
	case "healthy":
		return e.swapData()
	case "migrated":
		return nil, &MigratedError{}
	case "unsure":
		return nil, &MigratedError{Unsure: true}
	case "gone":
		return nil, &plan.ImageGoneError{Image: op.OldImage, Ref: op.OldRef, Begun: true}
	case "":
		return nil, &SwapError{Result: "died", Notes: log.notes}
	}
	return nil, &SwapError{Result: log.end, Notes: log.notes}
}

// requireStarted refuses to begin a swap, rather than to find one, where the files are back as they
// were: it would start the server from those.
func (e *Engine) requireStarted(ctx context.Context, dir string) error {
	st, err := job.Look(ctx, e.Watch, dir, 0)
	if err == nil && st.State == job.Absent {
		err = &StaleError{Host: e.Plan.Host, Drift: e.revertedEdits}
	}
	return err
}

func swapArgs(op plan.Swap, dir, run string) []string {
	back := "0"
	if op.IsRollback {
		back = "1"
	}
	noDeps := ""
	if op.NoDeps {
		noDeps = "--no-deps"
	}
	args := []string{
		"project=" + op.Project.Name, "dependencies=" + strings.Join(op.Dependencies, " "), "container=" + op.Container, "service=" + op.Project.Service, "port=" + strconv.Itoa(op.Port), "version=" + op.Version,
		"image=" + op.ImageRef, "oldimage=" + op.OldImage, "oldref=" + op.OldRef,
		"limit=" + strconv.Itoa(op.MaxDowntime), "soak=" + strconv.Itoa(op.Soak),
		"db=" + op.Database.Container, "dbuser=" + op.Database.User, "dbname=" + op.Database.Database,
		"dump=" + op.Dump, "dumptime=" + strconv.Itoa(plan.DumpTime(op.MaxDowntime)), "prober=" + op.Prober, "back=" + back, "work=" + dir, "nodeps=" + noDeps, "temp=" + remote.TempPrefix(run) + "swap",
		"migration=" + strconv.FormatInt(op.Migration, 10),
		"oldid=" + op.OldID, "record=" + op.Record, "dependents=" + dependentArgs(op.Dependents), "dependentrecord=" + op.DependentRecord, "run=" + run,
		"keep=" + op.Keep, "fresh=" + op.Fresh, "--",
	}
	for _, f := range op.Files {
		args = append(args, f.Copy, f.Path, f.Before, f.After)
	}
	return append(append(args, "--"), op.Project.Args()...)
}

// dependentArgs are the dependents as the scripts take them: NAME:PARENT:1 for one that
// ran, else :0. The names are the engine's, which has none with a blank or a colon.
func dependentArgs(all []plan.Dependent) string {
	var words []string
	for _, d := range all {
		ran := "0"
		if d.Running {
			ran = "1"
		}
		words = append(words, d.Name+":"+d.Parent+":"+ran)
	}
	return strings.Join(words, " ")
}

// swapLog reads what the job says, line by line.
type swapLog struct {
	lines
	lastWords
	notes []string
	end   string

	probes      int
	from, to    float64 // of the probe, seconds since boot
	lastUp      float64 // the last answer before the first silence
	firstBack   float64 // the first answer after the last silence
	gone, here  float64 // the job's own marks
	sawSilence  bool
	unrecovered bool

	stopping   bool    // the old server is about to be stopped
	clockUp    float64 // a moment, in seconds since boot …
	clockEpoch float64 // … and by the host's clock
}

// add takes a piece of the log and returns what of its lines is for the screen.
func (l *swapLog) add(chunk []byte) []string {
	var shown []string
	for _, line := range l.cut(chunk) {
		if s := l.line(line); s != "" {
			shown = append(shown, s)
		}
	}
	return shown
}

func (l *swapLog) close() {
	if l.rest != "" {
		l.line(l.rest)
	}
}

// stages are the job's steps in words.
var stages = map[string]string{
	"stop": "stopping the old server", "dump": "final dump, server stopped", "start": "starting the new server",
	"soak": "healthy, watching that it stays so", "back": "going back to the old server", "stay": "starting the old server again",
}

// maxNotes bounds what is kept of a job's notes: a host may say any number of them.
const maxNotes = 10

func (l *swapLog) line(line string) string {
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "stage":
		l.stopping = l.stopping || rest == "stop" || rest == "back"
		return stages[rest]
	case "note":
		if len(l.notes) < maxNotes {
			l.notes = append(l.notes, lastMessage([]byte(rest)))
		}
		return rest
	case "state":
		l.lastWords.line(word, rest)
	case "log":
		l.lastWords.line(word, rest)
		return rest
	case "end":
		l.end = rest
	case "probe":
		var before, at float64
		var up int
		if _, err := fmt.Sscanf(rest, "%g %g %d", &before, &at, &up); err == nil {
			l.change(before, at, up == 1)
		}
	case "probes":
		_, _ = fmt.Sscanf(rest, "%d %g %g", &l.probes, &l.from, &l.to)
	case "away":
		var gone, here float64
		if _, err := fmt.Sscanf(rest, "%g %g", &gone, &here); err == nil {
			l.gone, l.here = gone/100, here/100
		}
	case "gone":
		var gone float64
		if _, err := fmt.Sscanf(rest, "%g", &gone); err == nil && l.gone == 0 {
			l.gone = gone / 100
		}
	case "clock":
		var up, epoch float64
		if _, err := fmt.Sscanf(rest, "%g %g", &up, &epoch); err == nil && epoch > 0 && epoch < maxEpoch {
			l.clockUp, l.clockEpoch = up/100, epoch
		}
	}
	return ""
}

func (l *swapLog) change(before, at float64, up bool) {
	switch {
	case !up && !l.sawSilence:
		l.sawSilence, l.unrecovered, l.lastUp = true, true, before
	case !up:
		l.unrecovered = true
	case l.sawSilence:
		l.unrecovered, l.firstBack = false, at
	}
}

// maxEpoch, in seconds, is beyond any clock that is meant.
const maxEpoch = 1 << 40

// shortestWatch, in seconds, keeps a host that says nonsense from an endless
// number of probes a second.
const shortestWatch = 0.01

// downtime is what the probe saw, from the last answer before the silence to the
// first one after it; without a probe, what the job's own marks say. A probe that
// was answered all the time saw none: the job found nothing to replace.
func (l *swapLog) downtime() *Downtime {
	if l.probes > 0 && !l.sawSilence {
		return nil
	}
	if l.sawSilence && !l.unrecovered && l.to-l.from >= shortestWatch {
		return &Downtime{
			Millis: millis(l.lastUp, l.firstBack), After: millis(l.from, l.lastUp), How: "probe", Probes: l.probes,
			Rate: math.Round(float64(l.probes)/(l.to-l.from)*10) / 10,
		}
	}
	if l.here > l.gone && l.gone > 0 {
		// Without a probe the swap begins with the silence.
		return &Downtime{Millis: millis(l.gone, l.here), After: millis(cmp.Or(l.from, l.gone), l.gone), How: "script"}
	}
	return nil
}

// millis is from one moment to another, in milliseconds; a host that says nonsense
// gets no negative ones.
func millis(from, to float64) int64 { return max(0, int64(math.Round((to-from)*1000))) }
