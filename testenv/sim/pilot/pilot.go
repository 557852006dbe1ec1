// Package pilot drives the tool's engine against a simulated server, in the way
// its commands do: look, build a plan, ask the host's compose about it, save it,
// carry it out under the lock and the journal, resume it, take it back.
//
// It stands where cmd stands, without a screen, an inventory and a vendor: the
// release is the recorded one. What is worth a test is below it.
package pilot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"filippo.io/age"

	"liftalot/plan"
	"liftalot/plan/apply"
	"liftalot/plan/backup"
	"liftalot/plan/journal"
	"liftalot/plan/probe"
	"liftalot/plan/verify"
	"liftalot/remote"
	"liftalot/remote/lock"
	"liftalot/testenv/sim"
)

// HostName is the server's name in plans and journals, LockFile where the
// operator's lock is on it.
const (
	HostName = "web1"
	LockFile = "/run/liftalot/lock"
)

// A Laptop is a workstation with a state folder and a way to the server.
type Laptop struct {
	Dir     string // as liftalot's .liftalot/hosts/web1
	Config  remote.Config
	Release plan.Release
	// Moment is called at each moment at which the tool may be killed; a panic
	// from there passes through. Nil is never called.
	Moment func(Moment)
	Pause  func()          // lets time go by between two looks; nil for none
	Stop   <-chan struct{} // closed by the first interrupt
	FS     journal.FS      // for the journal and the plans; nil is the machine's
	Now    func() time.Time
	Name   string // of the machine; "laptop" when empty
	// Tell is given the sentences about waiting for the lock.
	Tell func(string)
}

// ErrGone as the cause of a context's end means that the laptop is gone, and not
// that its operator has interrupted it.
var ErrGone = errors.New("the laptop is gone")

// A Moment is a place between two effects of the engine.
type Moment struct {
	What string // "record" before a line is added to the journal; else the kind of event
	Step string
}

// A Result is how a command ended.
type Result struct {
	apply.Result
	Run     string
	Nothing string // why there was nothing to do
}

// Release is the recorded one, as resolve and its checks would leave it.
func Release() (plan.Release, error) {
	images, err := sim.ReleaseImages()
	if err != nil {
		return plan.Release{}, err
	}
	ref := func(service string) plan.Ref {
		repo, digest, _ := strings.Cut(images[service], "@")
		return plan.Ref{Repo: repo, Tag: "0.24.6", Digest: digest, Platform: digest, Signature: "verified"}
	}
	key := []byte("-----BEGIN PUBLIC KEY-----\nsimulated\n-----END PUBLIC KEY-----\n")
	return plan.Release{
		Version: "0.24.6", Channel: "stable", Server: ref("chatalot"), Updater: ref("chatalot-updater"), Proxy: ref("chatalot-socket-proxy"),
		Key: key, KeySHA256: plan.Hash(key), Signature: "verified",
	}, nil
}

// Settings are what the inventory would say of the server.
func Settings() plan.Settings {
	return plan.Settings{
		Host: HostName, Channel: "stable", ManifestHost: "https://updates.seglamater.app", Pin: plan.PinDigest,
		MaxDowntime: 90 * time.Second, Allow: []string{"drift:chatalot.environment.RUST_LOG"},
	}
}

func (l *Laptop) name() string { return cmp.Or(l.Name, "laptop") }

func (l *Laptop) id() string {
	return fmt.Sprintf("%s-%06x%s", l.Now().UTC().Format("20060102T150405Z"), rand.IntN(1<<24), l.Name)
}

func (l *Laptop) history() ([]journal.RunState, error) {
	c, err := journal.Load(l.Dir, HostName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return journal.Runs(c.Records), nil
}

// Interrupted says whether a run stopped half way, and which.
func (l *Laptop) Interrupted() (journal.RunState, bool, error) {
	runs, err := l.history()
	if err != nil || len(runs) == 0 {
		return journal.RunState{}, false, err
	}
	last := runs[len(runs)-1]
	return last, last.Interrupted(), nil
}

func (l *Laptop) look(ctx context.Context, c *remote.Client) (*plan.Facts, error) {
	return probe.Look(ctx, c, probe.Options{Host: HostName, Places: plan.Places()})
}

// Plan looks at the server and decides.
func (l *Laptop) Plan(ctx context.Context) (*plan.Plan, error) {
	c := remote.NewClient(l.Config)
	defer c.Close()
	f, err := l.look(ctx, c)
	if err != nil {
		return nil, err
	}
	p, edited, err := plan.Build(plan.Input{Facts: f, Settings: Settings(), Release: l.Release, ID: l.id(), Now: l.Now()})
	if err != nil || len(edited) == 0 {
		return p, err
	}
	files := map[string][]byte{}
	for _, e := range edited {
		files[e.Path] = e.Result.After
	}
	after, err := probe.Candidate(ctx, c, HostName, f.Project, files)
	if err != nil {
		return nil, err
	}
	_, err = plan.Guard(HostName, f.Model, after, edited)
	return p, err
}

func (l *Laptop) runPlan(id string) string { return filepath.Join(l.Dir, "runs", id, "plan.json") }

func (l *Laptop) save(p *plan.Plan) (string, error) {
	data, err := p.Encode()
	if err != nil {
		return "", err
	}
	file := l.runPlan(p.ID)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return "", err
	}
	return plan.Hash(data), journal.WriteFileTo(l.fs(), file, data, 0o600)
}

func (l *Laptop) fs() journal.FS {
	if l.FS == nil {
		return journal.OS{}
	}
	return l.FS
}

func (l *Laptop) saved(id string) (*plan.Plan, error) {
	data, err := os.ReadFile(l.runPlan(id))
	if err != nil {
		return nil, err
	}
	return plan.Decode(data)
}

// Apply goes on with an interrupted upgrade, or makes a plan and carries it out.
func (l *Laptop) Apply(ctx context.Context) (Result, error) {
	last, half, err := l.Interrupted()
	if err != nil {
		return Result{}, err
	}
	if half && last.Action == journal.Rollback {
		return Result{}, fmt.Errorf("rollback %s was interrupted", last.Run)
	}
	if half {
		p, err := l.saved(last.Run)
		if err != nil {
			return Result{}, err
		}
		return l.carryOut(ctx, p, p)
	}
	p, err := l.Plan(ctx)
	if err != nil {
		return Result{}, err
	}
	if p.Empty() {
		return Result{Nothing: "it runs " + p.To, Result: apply.Result{Outcome: apply.Completed}}, nil
	}
	return l.carryOut(ctx, p, p)
}

// Rollback takes the last upgrade back, or goes on with doing so.
func (l *Laptop) Rollback(ctx context.Context) (Result, error) {
	runs, err := l.history()
	if err != nil {
		return Result{}, err
	}
	if n := len(runs); n > 0 && runs[n-1].Interrupted() && runs[n-1].Action == journal.Rollback {
		p, err := l.saved(runs[n-1].Run)
		if err != nil {
			return Result{}, err
		}
		was, err := l.saved(p.Undoes)
		if err != nil {
			return Result{}, err
		}
		return l.carryOut(ctx, p, was)
	}
	run, ok := lastUpgrade(runs)
	if !ok {
		return Result{Nothing: "there is no upgrade to take back", Result: apply.Result{Outcome: apply.Completed}}, nil
	}
	was, err := l.saved(run.Run)
	if err != nil {
		return Result{}, err
	}
	c := remote.NewClient(l.Config)
	f, err := l.look(ctx, c)
	c.Close()
	if err != nil {
		return Result{}, err
	}
	p, err := plan.BuildRollback(plan.RollbackInput{Plan: was, Facts: f, ID: l.id(), Now: l.Now(), WithDB: true, Begun: func(step string) bool {
		st := run.Step(step)
		return st.Do != "" && st.Undo != journal.UndoDone
	}})
	if err != nil {
		return Result{}, err
	}
	if p.Empty() {
		done := Result{Nothing: "the run changed nothing", Result: apply.Result{Outcome: apply.Completed}}
		if run.Interrupted() {
			return done, l.abandon(ctx, was)
		}
		return done, nil
	}
	return l.carryOut(ctx, p, was)
}

// journal opens the laptop's journal. Its lock goes with the process, wherever
// that is killed, and so do the files of a goroutine that stands for one.
func (l *Laptop) journal(purpose string) (j *journal.Journal, closed func(), err error) {
	folder, err := journal.TakeLock(l.Dir, journal.Holder{PID: os.Getpid(), Purpose: purpose, Since: l.Now()})
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if j == nil {
			_ = folder.Release()
		}
	}()
	j, err = journal.Open(l.Dir, journal.Options{Host: HostName, Purpose: purpose, Now: l.Now(), Lock: folder, FS: l.fs()})
	if err != nil {
		return nil, nil, err
	}
	return j, func() { _, _ = j.Close(), folder.Release() }, nil
}

// lastUpgrade is the newest one that left something on the host.
func lastUpgrade(runs []journal.RunState) (journal.RunState, bool) {
	undone := map[string]bool{}
	for _, r := range runs {
		if r.Outcome == journal.Completed {
			undone[r.Undoes] = true
		}
	}
	for i := len(runs) - 1; i >= 0; i-- {
		r := runs[i]
		if r.Action == journal.Apply && r.Outcome != journal.Abandoned && r.Outcome != journal.RolledBack && !undone[r.Run] {
			return r, true
		}
	}
	return journal.RunState{}, false
}

// carryOut runs a plan under the lock and the journal. When Moment panics, the
// laptop is dead: its connection is gone and nothing is released.
func (l *Laptop) carryOut(ctx context.Context, p, was *plan.Plan) (Result, error) {
	done := Result{Run: p.ID}
	j, closed, err := l.journal(string(p.Kind))
	if err != nil {
		return done, err
	}
	defer closed()
	client := remote.NewClient(l.Config)
	defer client.Close()
	host := &lock.Host{
		Client: client, File: LockFile, Undoes: p.Undoes, Wait: 10 * time.Millisecond, Tell: l.Tell,
		Holder: lock.Holder{User: "ann", Machine: l.name(), RunID: lock.ID(p.ID, journal.Epoch(j.Records(), p.ID)), Reason: "test"},
		Check: func(ctx context.Context, r lock.Runner) error {
			return apply.Owned(ctx, r, p, apply.HandoverFolder(was), j.Records())
		},
	}
	if _, err := host.Hold(ctx); err != nil {
		return done, err
	}
	hash, err := l.save(p)
	if err != nil {
		return done, err
	}
	e := &apply.Engine{
		Host: host, Watch: client, Plan: p, Hash: hash, Journal: j, Stop: l.Stop, Pause: time.Millisecond,
		Desk: l.desk(client, host, p, was), Handover: apply.HandoverFolder(was),
	}
	done.Result, err = e.Run(ctx)
	if !errors.Is(context.Cause(ctx), ErrGone) { // or it would release nothing
		_ = host.Release(ctx) // the end of the connection does it too
	}
	return done, err
}

func (l *Laptop) desk(client *remote.Client, host *lock.Host, p, was *plan.Plan) apply.Desk {
	folder := func(id string) string { return filepath.Join(l.Dir, "backups", id) }
	return apply.Desk{
		Look: func(ctx context.Context) (*plan.Facts, error) { return l.look(ctx, client) },
		Backup: func(ctx context.Context, op plan.Backup) (apply.BackupNote, error) {
			key, err := l.key()
			if err != nil {
				return apply.BackupNote{}, err
			}
			taker := &backup.Taker{Host: host, Watch: client, Name: HostName, Keys: backup.Keys{Identity: key}, Now: l.Now}
			m, err := taker.Take(ctx, backup.Request{Backup: op, Run: true}, folder(op.ID))
			if err != nil {
				return apply.BackupNote{}, err
			}
			return apply.BackupNote{ID: m.ID, Bytes: m.Size()}, nil
		},
		Original: func(ctx context.Context, path string) ([]byte, error) {
			key, err := l.key()
			if err != nil {
				return nil, err
			}
			data, err := backup.Read(folder(was.ID), path, key)
			if errors.Is(err, fs.ErrNotExist) {
				return apply.OriginalOnHost(ctx, client, was, path)
			}
			return data, err
		},
		Credentials: func(context.Context) (string, []byte, error) { return "", nil, errors.New("there are none") },
		Verify:      func(ctx context.Context, _ plan.Verify) error { return l.verify(ctx, client, p, was) },
		Tell: func(ev apply.Event) {
			if ev.Kind != apply.Output {
				l.moment(Moment{What: fmt.Sprintf("event %d", ev.Kind), Step: ev.Step})
			}
		},
		Now: func() time.Time {
			l.moment(Moment{What: "record"})
			return l.Now()
		},
	}
}

// key is the laptop's own, which opens its backups.
func (l *Laptop) key() (*age.X25519Identity, error) {
	id, _, err := backup.OwnIdentity(filepath.Join(l.Dir, "key"), nil)
	return id, err
}

// maxVerify is how often the tool looks before it says that something is wrong.
const maxVerify = 3

func (l *Laptop) verify(ctx context.Context, client *remote.Client, p, was *plan.Plan) error {
	want := verify.Upgraded(was)
	if p.Kind == plan.Rollback {
		want = verify.RolledBack(was)
	}
	for tries := 1; ; tries++ {
		f, err := l.look(ctx, client)
		if err != nil {
			return err
		}
		bad := verify.Failed(HostName, verify.Host(ctx, client, f, want))
		if bad == nil || tries == maxVerify {
			return bad
		}
		if l.Pause != nil {
			l.Pause()
		}
	}
}

// Runs says how many upgrades the journal knows, and how many runs in all.
func (l *Laptop) Runs() (upgrades, all int, err error) {
	runs, err := l.history()
	for _, r := range runs {
		if r.Action == journal.Apply {
			upgrades++
		}
	}
	return upgrades, len(runs), err
}

func (l *Laptop) moment(m Moment) {
	if l.Moment != nil {
		l.Moment(m)
	}
}

// Prove reads every backup on the laptop that has a manifest to its end.
func (l *Laptop) Prove() error {
	folders, err := filepath.Glob(filepath.Join(l.Dir, "backups", "*", "manifest.json"))
	if err != nil || len(folders) == 0 {
		return err
	}
	id, err := l.key()
	if err != nil {
		return err
	}
	for _, f := range folders {
		m, err := backup.Load(filepath.Dir(f))
		if err == nil {
			err = m.Verify(filepath.Dir(f), id)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
