package apply

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"liftalot/plan"
	"liftalot/plan/journal"
	"liftalot/remote"
	"liftalot/units"
)

// What another machine needs to take a run over lies on the host, in the folder
// "run" inside the run's backup: journal.jsonl, which is what the journal says of
// the run and of what rolls it back, in the journal's own format; and RUN.json,
// the plan of each. Neither holds a secret. The folder belongs to root and is
// closed to others, as the backup is, and stays with it.
//
// It is written before each change, so that whoever reads it knows of every
// change that may have been made. What was done since is found by looking.
//
// A run changes hands by one more record, "adopted", in the copy first and then
// in the journal of whoever takes it. A machine whose own journal has fewer of
// them has lost the run: [CheckOwnership] says so each time the lock is taken.

const copyName = "journal.jsonl"

// HandoverFolder is where the host keeps what another machine needs to take over
// the run of a plan, or what rolls it back; "" for a plan without a backup.
func HandoverFolder(p *plan.Plan) string {
	b, ok := plan.Find[plan.Backup](p.Steps)
	if !ok {
		return ""
	}
	return path.Join(b.Dir, "run")
}

// An Operator is somebody at a machine.
type Operator struct {
	User    string `json:"user"`
	Machine string `json:"machine"`
}

// AdoptedError reports that another machine has taken the run over. Nothing was
// done from here since.
type AdoptedError struct {
	Host, Run string
	By        Operator // foreign text
	At        time.Time
}

func (e *AdoptedError) Error() string {
	return fmt.Sprintf("%s: run %s was taken over by %q on %q at %s: it is not this machine's any more",
		e.Host, e.Run, e.By.User, e.By.Machine, units.Time(e.At))
}

// Unwrap returns ErrNotStarted: nothing was changed.
func (e *AdoptedError) Unwrap() error { return remote.ErrNotStarted }

// Transient is false: asking again is of no use.
func (*AdoptedError) Transient() bool { return false }

// CheckOwnership makes sure that runs are still in this machine's hands, as its journal
// knows them.
func CheckOwnership(ctx context.Context, r Runner, p *plan.Plan, folder string, own []journal.Record) error {
	if folder == "" {
		return nil
	}
	data, err := readCopy(ctx, r, path.Join(folder, copyName))
	if err != nil || data == nil {
		return err
	}
	c, err := journal.Parse(data, p.Host, fmt.Sprintf("%s on %s", path.Join(folder, copyName), p.Host))
	if err != nil {
		return err
	}
	for _, run := range []string{p.ID, p.Undoes} {
		if run == "" || journal.Epoch(c.Records, run) <= journal.Epoch(own, run) {
			continue
		}
		by, at := LastOwner(c.Records, run)
		return &AdoptedError{Host: p.Host, Run: run, By: by, At: at}
	}
	return nil
}

// LastOwner tells in whose hands a run is, as far as its records name them, and
// since when.
func LastOwner(records []journal.Record, run string) (by Operator, at time.Time) {
	for _, r := range records {
		if r.Run != run {
			continue
		}
		switch r.Kind {
		case journal.RunBegun:
			at = r.Time
		case journal.Adopted:
			by, at = operatorOf(r), r.Time
		case journal.Note: // by whoever starts the run, or resumes it
			if who := operatorOf(r); who != (Operator{}) {
				by = who
			}
		}
	}
	return by, at
}

// operatorOf returns the operator that a record names, if it names one.
func operatorOf(r journal.Record) (by Operator) {
	if json.Unmarshal(r.Data, &by) != nil {
		return Operator{}
	}
	return by
}

// maxCopy bounds what is read of a copy.
const maxCopy = 4 << 20

// readCopy returns a file of root's, nil when there is none.
func readCopy(ctx context.Context, r Runner, file string) ([]byte, error) {
	res, err := r.Run(ctx, remote.Command{
		Name: "read " + file, Root: true, Args: []string{file}, MaxStdout: maxCopy,
		Script: `[ -e "$1" ] || exit 44
[ -f "$1" ] && [ ! -L "$1" ] && cat -- "$1"`,
	})
	var exit *remote.ExitError
	switch {
	case errors.As(err, &exit) && exit.Code == 44:
		return nil, nil
	case err != nil:
		return nil, err
	case res.StdoutLost > 0:
		return nil, fmt.Errorf("read %s: it is larger than %d bytes", file, maxCopy)
	}
	return res.Stdout, nil
}

// leaveScript replaces a file whole or not at all. Its temporary file is its
// own: the late command of a link that broke must not take ours away.
//
//	$1 folder  $2 name  $3 length
const leaveScript = `set -eu
umask 077
[ -d "$1" ] || mkdir -p -- "$1"
t=$1/$2.new.$$
trap 'exit 1' HUP INT TERM PIPE
trap 'rm -f -- "$t"' EXIT
cat >"$t"
[ "$(wc -c <"$t")" -eq "$3" ]
sync -- "$t" 2>/dev/null || sync
mv -f -- "$t" "$1/$2"`

func writeOnHost(ctx context.Context, r Runner, folder, name string, data []byte) error {
	_, err := r.Run(ctx, remote.Command{
		Name: "leave " + name + " on the host", Root: true, Script: leaveScript, Stdin: bytes.NewReader(data),
		Args: []string{folder, name, strconv.Itoa(len(data))},
	})
	return err
}

// handOver leaves on the host what another machine needs to go on from here.
func (e *Engine) handOver(ctx context.Context) error {
	if e.Handover == "" {
		return nil
	}
	if !e.planLeft {
		data, err := e.Plan.Encode()
		if err != nil {
			return err
		}
		if err := writeOnHost(ctx, e.Host, e.Handover, e.Plan.ID+".json", data); err != nil {
			return err
		}
		e.planLeft = true
	}
	run := e.Plan.ID
	if e.Plan.Undoes != "" {
		run = e.Plan.Undoes
	}
	data, err := journal.Encode(e.Plan.Host, journal.ForRun(e.Journal.Records(), run))
	if err != nil {
		return err
	}
	return writeOnHost(ctx, e.Host, e.Handover, copyName, data)
}

// A Handover is the copy of plan and journal that a host keeps of a run.
type Handover struct {
	Host    string
	Folder  string
	Records []journal.Record
	Plans   map[string][]byte // by run, as hashed in the journal

	data []byte
}

// State is how far the copy says that its last run came.
func (c *Handover) State() journal.RunState { return journal.LastRun(c.Records) }

// FindHandover finds the newest copy on a host and proves that it is whole, of this
// host, and of plans that fit it. It changes nothing; nil means that there is
// none.
func FindHandover(ctx context.Context, r Runner, host string) (*Handover, error) {
	res, err := r.Run(ctx, remote.Command{
		Name: "look for runs", Root: true, Args: []string{plan.BackupRoot},
		Script: `for f in "$1"/*/run/` + copyName + `; do
	[ ! -f "$f" ] || [ -L "$f" ] || stat -c '%Y %n' -- "$f"
done`,
	})
	if err != nil {
		return nil, err
	}
	file := newestFile(string(res.Stdout))
	if file == "" {
		return nil, nil
	}
	c := &Handover{Host: host, Folder: path.Dir(file)}
	if c.data, err = readCopy(ctx, r, file); err != nil {
		return nil, err
	}
	if err := c.read(ctx, r); err != nil {
		return nil, err
	}
	return c, nil
}

// newestFile picks the newest file out of lines of time and path.
func newestFile(listing string) (file string) {
	var latest int64 = -1
	for line := range strings.Lines(listing) {
		at, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		n, err := strconv.ParseInt(at, 10, 64)
		if err == nil && (n > latest || n == latest && name > file) && path.Clean(name) == name && strings.HasPrefix(name, plan.BackupRoot+"/") {
			latest, file = n, name
		}
	}
	return file
}

// read parses a copy and fetches its plans.
func (c *Handover) read(ctx context.Context, r Runner) error {
	host := c.Host
	from := fmt.Sprintf("%s on %s", path.Join(c.Folder, copyName), host)
	got, err := journal.Parse(c.data, host, from)
	if err != nil {
		return err
	}
	if got.Cut > 0 {
		return &journal.DamagedError{Path: from, Reason: "its end is torn"}
	}
	c.Records, c.Plans = got.Records, map[string][]byte{}
	for _, run := range journal.Runs(c.Records) {
		file := path.Join(c.Folder, path.Base(run.Run)+".json")
		data, err := readCopy(ctx, r, file)
		if err != nil {
			return err
		}
		p, err := plan.Decode(data)
		switch {
		case err != nil:
			return &journal.DamagedError{Path: fmt.Sprintf("%s on %s", file, host), Reason: err.Error()}
		case plan.Hash(data) != run.Plan || p.ID != run.Run || p.Host != host:
			return &journal.DamagedError{Path: fmt.Sprintf("%s on %s", file, host), Reason: "it is not the plan that the run's journal names"}
		}
		c.Plans[run.Run] = data
	}
	if len(c.Plans) == 0 {
		return &journal.DamagedError{Path: from, Reason: "it tells of no run"}
	}
	return nil
}

// Adopt takes the run of a copy over into a journal, under the host's lock. save
// keeps a plan here. The host is told first: should this end in the middle, the
// run is nobody's until it is adopted again.
func (c *Handover) Adopt(ctx context.Context, r Runner, j *journal.Journal, by Operator, now time.Time, save func(run string, data []byte) error) error {
	data, err := readCopy(ctx, r, path.Join(c.Folder, copyName))
	if err != nil {
		return err
	}
	run := c.State()
	if !bytes.Equal(data, c.data) {
		return fmt.Errorf("%w: run %s went on meanwhile", remote.ErrNotStarted, run.Run)
	}
	who, err := json.Marshal(by)
	if err != nil {
		return err
	}
	records := slices.Clone(c.Records)
	for _, s := range journal.Runs(c.Records) {
		records = append(records, journal.Record{Kind: journal.Adopted, Run: s.Run, Time: now.UTC(), Data: who})
	}
	if data, err = journal.Encode(c.Host, records); err != nil {
		return err
	}
	for id, data := range c.Plans {
		if err := save(id, data); err != nil {
			return err
		}
	}
	if err := writeOnHost(ctx, r, c.Folder, copyName, data); err != nil {
		return err
	}
	for _, rec := range missingRecords(j.Records(), records) {
		if err := j.Append(rec); err != nil {
			return err
		}
	}
	return nil
}

// missingRecords returns the records that a journal does not have yet, in their order.
func missingRecords(own, wanted []journal.Record) (out []journal.Record) {
	have := map[string]bool{}
	key := func(r journal.Record) string {
		r.Time = r.Time.UTC()
		text, _ := json.Marshal(r) // it came out of a journal
		return string(text)
	}
	for _, r := range own {
		have[key(r)] = true
	}
	for _, r := range wanted {
		if !have[key(r)] {
			out = append(out, r)
		}
	}
	return out
}

// OriginalOnHost reads a client's file as it was before from the copy in the run's
// backup on the host, for a machine that does not have the backup, or cannot open it.
// The caller must compare it with the plan.
func OriginalOnHost(ctx context.Context, r Runner, was *plan.Plan, file string) ([]byte, error) {
	b, _ := plan.Find[plan.Backup](was.Steps)
	n := slices.Index(b.Files, file)
	if n < 0 {
		return nil, fmt.Errorf("the plan's backup holds no %s", file)
	}
	data, err := readCopy(ctx, r, path.Join(b.Dir, fmt.Sprintf("file.%d", n)))
	if err == nil && data == nil {
		return nil, fmt.Errorf("the copy in %s is gone", b.Dir)
	}
	return data, err
}
