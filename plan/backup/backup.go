// Package backup takes a backup of a host, pulls it to this machine, proves it, lists and
// prunes what there is, and restores it.
//
// [Creator.Create] leaves a folder on this machine that holds the database
// (PostgreSQL's custom format), the secrets folder as one tar, the compose files,
// .env and the list of containers, each encrypted with age while it arrives, and
// a manifest that says what was proven. Plain text of them never touches this
// machine's disk. [Load] and [List] read what is there, [Manifest.Verify] proves
// it again, [Policy.Choose] says what may go.
//
// # What proven means
//
// The dumping process itself ended with 0; the database's own pg_restore decoded the archive
// to its end; each file here, read again after it was synced to the disk, opens with this
// machine's key and has the size and SHA-256 that were taken on the host; the dump, as it
// comes out of the encrypted file, was read to its end once more, by plan/backup/pgarchive;
// and tables and newest migration in it are those of the live database. Anything less is an
// [*UnprovenError], and no manifest is written. A folder without a manifest is no backup.
//
// # How it is pulled
//
// The dump is written once, by a detached job on the host, and found again after
// a broken line or a new start of this program. It is then pulled piece by piece
// over several connections; after a break only the pieces that did not arrive
// whole are asked for again.
//
// # Uploaded files
//
// With Request.Uploads the files that users have sent to the server are taken too,
// each content once for all backups of a host. They are listed without being read;
// those that were touched since the last backup (size, times, inode) are hashed on
// the host, and only contents that are not here yet are pulled, encrypted while
// they arrive, held against their hash, and read back. Large ones travel like a
// dump, small ones many to a command. What changes or goes meanwhile is written
// down as lost, and is no failure. [CollectGarbage] removes the contents that no backup
// names, [Manifest.VerifyUploads] proves them, [UploadRestore] gives them back.
//
// # In a bucket
//
// [RemoteStore] sends what is proven here to a bucket as well, sealed as it is, and brings
// it back. Nothing there is believed: see its comment.
//
// # Format
//
// manifest.json is one object, [Manifest], format 3, and is refused when a single byte of it
// was changed. Format 2, with the time of the host's clock, is read too. Beside it lie
// db.dump.age, secrets.tar.age, containers.json.age, file.0.age, file.1.age, … whose paths on
// the host the manifest names, and, where they were asked for, image.tar.gz.age and
// files.list.age, which writeListing describes. Each is an age file (age-encryption.org/v1) to
// the recipients in the manifest. Everything is 0600 in folders of 0700. A file under way is
// called NAME.age.partial. The contents of uploaded files lie beside the backups,
// files/AB/ABC….age, under the names that the listings give them.
package backup

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"liftalot/plan"
	"liftalot/remote"
	"liftalot/remote/job"
)

//go:embed create.sh
var createScript string

// A Runner runs a command on a host; [remote.Client] is one.
type Runner interface {
	Run(ctx context.Context, cmd remote.Command) (remote.Result, error)
}

// UnprovenError reports a backup that must not be relied on.
type UnprovenError struct {
	Host string
	What string
	Err  error
}

func (e *UnprovenError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: backup: %s: %v", e.Host, e.What, e.Err)
	}
	return fmt.Sprintf("%s: backup: %s", e.Host, e.What)
}

func (e *UnprovenError) Unwrap() error { return e.Err }

// A Creator takes backups of one host.
type Creator struct {
	Host Runner // under the host's lock
	// Watch looks at a job under way without waiting for the lock, which the job
	// itself may hold; nil means Host.
	Watch Runner
	// Dial gives one more connection, that the caller ends; nil means there is
	// only the one. Connections is how many are used, 0 for what the line needs.
	Dial        func() Runner
	Connections int
	Name        string // of the host, for messages
	Keys        Keys
	Tell        func(Event)      // for the screen; nil for silence
	Now         func() time.Time // nil means [time.Now]

	pause time.Duration // after a break of the line; 0 is source's own
}

// An Event is something to show: a stage, or how far a file is.
type Event struct {
	Stage       string // "" while a file travels
	Done, Total int64  // bytes
}

// A Request is what to take.
type Request struct {
	plan.Backup
	Version string // of the running server
	Image   bool   // save its image too
	Run     bool   // for an upgrade, which needs its copy on the host
	Stream  bool   // the host lacks the room for a dump
	Uploads bool   // take the files that Server, a container, keeps for its users
	Server  string
}

// files are the client's files, in the order that names the copies; those after Files
// may be missing.
func (r Request) files() []string { return slices.Concat(r.Files, r.EnvFiles) }

// Bounds of what the host may say and of how long it may take.
const (
	maxAnswer   = 1 << 20
	listTimeout = 2 * time.Hour // of uploaded files
	lookEvery   = 100 * time.Millisecond
)

// Create makes, pulls and proves a backup in the folder dir. Where a proven one of
// the same id is there already, it is read again and returned: a run that was
// interrupted after it does not take another.
func (t *Creator) Create(ctx context.Context, req Request, dir string) (*Manifest, error) {
	if m, err := Load(dir); err == nil && m.ID == req.ID {
		if err := m.Verify(dir, t.Keys.Identity); err != nil {
			return nil, err
		}
		return m, nil
	}
	to, names, err := t.Keys.recipients()
	if err != nil {
		return nil, t.unproven("no key", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, t.unproven("make its folder", err)
	}
	said, err := t.onHost(ctx, req)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, t.unproven("open its folder", err)
	}
	defer root.Close()
	m := &Manifest{
		Format: formatVersion, ID: req.ID, Host: t.Name, Taken: dumpTime(timeOfID(req.ID), t.now(), said.at, said.now), HostClock: said.at, Run: req.Run, OnHost: req.Dir,
		Version: req.Version, ImageID: req.ImageID, Database: req.Database, Recipients: names,
	}
	m.Left = said.without(req)
	if req.Stream {
		if err := t.stream(ctx, req, root, to, m); err != nil {
			return nil, err
		}
	}
	if err := t.pull(ctx, req, said, dir, root, to, m); err != nil {
		return nil, err
	}
	if req.Uploads { // after the dump: each of its rows finds its file
		if err := t.uploads(ctx, req, dir, root, to, m); err != nil {
			return nil, err
		}
	}
	if err := m.proveAll(root, t.Keys, req.Backup); err != nil {
		return nil, err
	}
	if err := m.save(dir); err != nil {
		return nil, err
	}
	return m, nil
}

func (t *Creator) unproven(what string, err error) error {
	return &UnprovenError{Host: t.Name, What: what, Err: err}
}

func (t *Creator) tell(e Event) {
	if t.Tell != nil {
		t.Tell(e)
	}
}

func (t *Creator) watch() Runner {
	if t.Watch != nil {
		return t.Watch
	}
	return t.Host
}

// saidScript says what create.sh has made, and what the host's clock says now.
const saidScript = `echo "now $(date +%s)"
cat -- "$1/sums"`

// onHost makes the backup's folder on the host, by a detached job, and returns
// what is in it.
func (t *Creator) onHost(ctx context.Context, req Request) (*hostListing, error) {
	dir := path.Join(plan.RunRoot, req.ID, "backup")
	if err := t.follow(ctx, req, dir); err != nil {
		return nil, err
	}
	res, err := t.Host.Run(ctx, remote.Command{
		Name: "read what was backed up", Script: saidScript, Args: []string{req.Dir}, Root: true, MaxStdout: maxAnswer,
	})
	var exit *remote.ExitError
	switch {
	case errors.As(err, &exit):
		return nil, t.unproven("the host did not say what it had made", err)
	case err != nil:
		return nil, err
	case res.StdoutLost > 0:
		return nil, t.unproven("the host said more than can be read", nil)
	}
	a, err := read(res.Stdout)
	if err != nil {
		return nil, t.unproven(err.Error(), nil)
	}
	return a, a.holds(t.Name, req)
}

// follow starts the job, or finds the one an earlier start has left, and stays
// with it to its end. The job's folder does not outlive it.
func (t *Creator) follow(ctx context.Context, req Request, dir string) error {
	st, err := job.Look(ctx, t.watch(), dir, 0)
	if err != nil {
		return err
	}
	if st.State == job.Lost || st.State == job.Ended && st.ExitCode != 0 {
		if err := job.Remove(ctx, t.Host, dir); err != nil {
			return err
		}
	}
	args := []string{req.Dir, req.Container, req.User, req.Database, req.Project.Name, req.Secrets, "", "dump", strconv.Itoa(len(req.Files))}
	if req.Image {
		args[6] = req.ImageID
	}
	if req.Stream {
		args[7] = ""
	}
	if err := job.Start(ctx, t.Host, job.Spec{Dir: dir, Script: createScript, Args: append(args, req.files()...), Timeout: req.TimeLimit()}); err != nil {
		return err
	}
	wait, cancel := context.WithTimeout(ctx, req.TimeLimit()+2*time.Minute)
	defer cancel()
	log := jobLog{tell: t.tell}
	st, err = job.Wait(wait, t.watch(), dir, lookEvery, log.add)
	if err != nil {
		return err
	}
	if err := t.sweep(ctx, dir); err != nil {
		return err
	}
	switch {
	case st.State == job.Ended && st.ExitCode == 0:
		return nil
	case st.Overdue:
		return t.unproven(fmt.Sprintf("it was not made within %v (%s), and what there was of it is removed there; \"backup: {dump_timeout: …}\" in the inventory gives it longer",
			req.TimeLimit(), log.lastLine()), nil)
	}
	return t.unproven("the host could not make it: "+log.lastLine(), nil)
}

// sweep removes what the job left of itself.
func (t *Creator) sweep(ctx context.Context, dir string) error {
	if err := job.Remove(ctx, t.Host, dir); err != nil {
		return err
	}
	_, err := t.Host.Run(ctx, remote.Command{
		Name: "remove empty folders", Root: true, Args: []string{path.Dir(dir), plan.RunRoot},
		Script: `rmdir -- "$1" 2>/dev/null && rmdir -- "$2" 2>/dev/null || true`,
	})
	return err
}

// lastLine is the last thing a job said, bounded.
func lastLine(log []byte) string {
	all := bytes.Split(bytes.TrimSpace(log), []byte("\n"))
	line := bytes.TrimPrefix(all[len(all)-1], []byte("stage "))
	if len(line) == 0 {
		return "its job ended without a word"
	}
	return string(line[:min(len(line), 300)])
}

// hostListing is what the host says it has made.
type hostListing struct {
	at    time.Time // the host's clock before the dump began, and now
	now   time.Time
	files []File
	left  map[int]string // why a file of the request was not taken, by its place
}

// sumLine is "SHA256 SIZE NAME", NAME out of the few the script can write.
var sumLine = regexp.MustCompile(`^([0-9a-f]{64}) ([0-9]{1,15}) (db\.dump|secrets\.tar|containers\.json|inspect\.json|ran\.tar|image\.tar\.gz|file\.[0-9]{1,3}|tree\.[0-9]{1,3}\.tar)$`)

// leftLine is "left N WHY", N the place of a file in the request.
var leftLine = regexp.MustCompile(`^left ([0-9]{1,3}) (missing|large|folder|unreadable)$`)

// whyLeft says for a person what create.sh says in a word.
var whyLeft = map[string]string{
	"missing":    "it is not there",
	"large":      "it is no file, or one of more than 256 MiB",
	"folder":     "it is a folder with more than 5000 files or 256 MiB",
	"unreadable": "it cannot be read",
}

var errClock = errors.New("the host's clock cannot be read")

// readClock reads a time of the host's clock, in seconds.
func readClock(text string) (time.Time, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return time.Unix(n, 0).UTC(), err == nil && n >= 0 && n <= 1<<40
}

// read takes the host's list apart.
func read(out []byte) (*hostListing, error) {
	a := hostListing{left: map[int]string{}}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if lines[len(lines)-1] != "end" {
		return nil, errors.New("the host's list of files is cut off")
	}
	for _, line := range lines[:len(lines)-1] {
		if at, ok := strings.CutPrefix(line, "at "); ok {
			if a.at, ok = readClock(at); !ok {
				return nil, errClock
			}
			continue
		}
		if now, ok := strings.CutPrefix(line, "now "); ok {
			if a.now, ok = readClock(now); !ok {
				return nil, errClock
			}
			continue
		}
		if m := leftLine.FindStringSubmatch(line); m != nil {
			n, _ := strconv.Atoi(m[1]) // digits, by the pattern
			a.left[n] = whyLeft[m[2]]
			continue
		}
		m := sumLine.FindStringSubmatch(line)
		if m == nil || slices.ContainsFunc(a.files, func(f File) bool { return f.Name == m[3] }) {
			return nil, errors.New("the host's list of files cannot be read")
		}
		size, err := strconv.ParseInt(m[2], 10, 64)
		if err != nil {
			return nil, errors.New("the host's list of files cannot be read")
		}
		a.files = append(a.files, File{Name: m[3], Size: size, SHA256: m[1]})
	}
	return &a, nil
}

// holds makes sure that the list has what was asked for, and names the client's
// files by their paths.
func (a *hostListing) holds(host string, req Request) error {
	names, files, dump := req.files(), 0, req.Stream
	for i := range a.files {
		f := &a.files[i]
		dump = dump || f.Name == Dump && f.Size > 0 && !a.at.IsZero()
		k, ok := f.index()
		if !ok {
			continue
		}
		if k >= len(names) {
			return &UnprovenError{Host: host, What: fmt.Sprintf("the host names a file %q nobody asked for", f.Name)}
		}
		f.Path = names[k]
		if k < len(req.Files) {
			files++
		}
	}
	if !dump {
		return &UnprovenError{Host: host, What: "there is no dump in it"}
	}
	if files != len(req.Files) {
		return &UnprovenError{Host: host, What: fmt.Sprintf("%d of %d files were copied", files, len(req.Files))}
	}
	return nil
}

// index returns where the name of a file or a folder stands in the request; false for a file
// of our own.
func (f File) index() (int, bool) {
	n, file := strings.CutPrefix(f.Name, "file.")
	if !file {
		var tree bool
		if n, tree = strings.CutPrefix(f.Name, "tree."); !tree {
			return 0, false
		}
		n = strings.TrimSuffix(n, ".tar")
	}
	k, err := strconv.Atoi(n)
	return k, err == nil
}

// without lists what the project names and the backup has not: what nobody could have
// asked the host for, and what the host did not copy.
func (a *hostListing) without(req Request) []Left {
	var list []Left
	for _, out := range req.Outside {
		list = append(list, Left{Name: out.Name, Why: out.Why})
	}
	names := req.files()
	for k, name := range names {
		taken := slices.ContainsFunc(a.files, func(f File) bool { return f.Path == name })
		if k >= len(req.Files) && !taken {
			list = append(list, Left{Name: name, Why: cmp.Or(a.left[k], "the host did not copy it")})
		}
	}
	return list
}
