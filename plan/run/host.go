package run

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"time"

	"liftalot/plan"
	"liftalot/plan/apply"
	"liftalot/plan/backup"
	"liftalot/plan/probe"
	"liftalot/remote"
)

// LockFile is the lock's place on a host: on the memory file system, so that a reboot
// leaves nothing of it.
const LockFile = "/run/liftalot/lock"

// A Host is a server and what this machine knows of it. Every field is needed but those
// that say what their zero value does.
type Host struct {
	Name       string // in the inventory
	ComposeDir string // "" or "auto": find it
	Settings   plan.Settings
	By         Operator // who works here
	Client     *remote.Client
	State      State
	Release    Release
	Backups    Backups
	Clock      Clock
	Teller     Teller

	// Credentials is the registry's login in the inventory, nil without one.
	Credentials func(ctx context.Context) (user string, password []byte, err error)
	// Public asks the server at the address that its users reach it at; nil asks nothing.
	Public func(ctx context.Context) plan.Check
	// Downtime is what is known of the server's downtime before p is begun or resumed, from
	// the journal's records so far; nil knows nothing.
	Downtime func(p *plan.Plan, records []Record) (*apply.Downtime, error)
	// Stop is closed to ask for an end after the step under way; nil never is.
	Stop <-chan struct{}
	// Retry is how long after a break in the line something is tried again; 0 for what
	// suits a network.
	Retry time.Duration
}

// An Operator is who does something, from where and with what.
type Operator struct {
	User    string `json:"user"`
	Machine string `json:"machine"`
	Version string `json:"version"` // of liftalot
}

// Release is what the vendor offers, and whom the inventory trusts.
type Release interface {
	// Resolve finds and checks the release that a host is to be lifted to.
	Resolve(ctx context.Context, f *plan.Facts) (plan.Release, error)
	// Trusted refuses a plan whose release the inventory does not trust any more.
	Trusted(p *plan.Plan) error
	// Unchanged refuses a plan whose images have other digests in the registry by now.
	Unchanged(ctx context.Context, p *plan.Plan) error
	// Installed is told that the release of a plan runs now.
	Installed(p *plan.Plan)
}

// Backups are the backups of the host on this machine.
type Backups interface {
	// Create takes a run's backup and proves it.
	Create(ctx context.Context, host backup.Runner, op plan.Backup, version string) (apply.BackupNote, error)
	// Load reads the manifest of the backup of a run; its error is [fs.ErrNotExist] where
	// there is none.
	Load(run string) (*backup.Manifest, error)
	// Proven finds a backup by its id, wherever it lies, and reads it to its end.
	Proven(ctx context.Context, id string) (*backup.Manifest, error)
	// Read gives a file as it is in the backup of a run.
	Read(ctx context.Context, run, path string) ([]byte, error)
	// Send puts a backup's dump onto the host.
	Send(ctx context.Context, host backup.Runner, op plan.Send) error
	// ImageFile is where an image is saved in a backup, "" for nowhere.
	ImageFile(imageID string) string
}

// A Clock tells the time and lets it pass.
type Clock interface {
	Now() time.Time
	// Sleep fails when the context ends before its time is over.
	Sleep(ctx context.Context, d time.Duration) error
}

// A Teller is told what happens. It must not block.
type Teller interface {
	Event(apply.Event)
	// Say gets sentences about waiting.
	Say(string)
	// Secrets are words that must not be shown from here on.
	Secrets([]string)
	// Redact takes them, and all other secrets of the run, out of a text that is to be kept.
	Redact(string) string
}

// NewID names a plan and its run: sortable, in UTC, and unlike any other even when two
// machines plan in the same second.
func NewID(now time.Time) (string, error) {
	tail := make([]byte, 3)
	if _, err := rand.Read(tail); err != nil {
		return "", fmt.Errorf("make an id: %w", err)
	}
	return now.UTC().Format("20060102T150405Z") + "-" + hex.EncodeToString(tail), nil
}

// A LookError is a look that told nothing. Why is inside; without a better reason the host
// answers as no server does that could be lifted.
type LookError struct{ Err error }

func (e *LookError) Error() string { return e.Err.Error() }
func (e *LookError) Unwrap() error { return e.Err }

const (
	maxLooks  = 3
	lookPause = 2 * time.Second
)

// Look takes a fresh look at the host. It changes nothing there, so a line that broke in
// the middle is no reason not to look again. A host that has let its time pass in silence
// is not asked a second time: many wait behind it.
func (h *Host) Look(ctx context.Context) (*plan.Facts, error) {
	for tries := 1; ; tries++ {
		f, err := probe.Gather(ctx, h.Client, probe.Options{Host: h.Name, ComposeDir: h.ComposeDir, DiskPaths: plan.DiskPaths()})
		if err == nil {
			return f, nil
		}
		broke := errors.Is(err, remote.ErrUnknownOutcome) && !errors.Is(err, os.ErrDeadlineExceeded)
		if !broke || tries == maxLooks || h.Clock.Sleep(ctx, lookPause) != nil {
			return f, &LookError{err}
		}
	}
}

// LookAndRedact takes a look at a host that is about to be changed, and has whatever may
// be a secret in the client's files redacted: from here on the words of its containers are
// shown and kept, and they may repeat it.
func (h *Host) LookAndRedact(ctx context.Context) (*plan.Facts, error) {
	f, err := h.Look(ctx)
	if err != nil {
		return nil, err
	}
	h.Teller.Secrets(f.FileSecrets())
	return f, nil
}
