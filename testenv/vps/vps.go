// Package vps lends throw-away servers that look like a client's VPS.
//
// Each is a container with an engine, Compose, OpenSSH and sudo of its own, and
// a chatalot stack already running and filled. It is reached the way a real one
// is, by ssh at [Host.Addr]; the vendor's registry and manifest host answer
// under their real names, and nothing else does: the network has no way out.
//
//	env, err := vps.Open(ctx, vps.Options{Owner: "demo"})
//	host, err := env.Boot(ctx, vps.BootOptions{Scenario: "public"})
//	out, _, code, err := host.Exec(ctx, "docker ps")
//	err = host.Cut(ctx) // the link is gone, the server runs on
//	err = env.Close(ctx)
//
// Tests use package vpstest, which does this in one line and cleans up.
//
// # Owners
//
// An [Env] belongs to an owner: one network, one pair of vendor hosts, any
// number of servers. Two owners never meet, so tests can run side by side.
// Every object on the engine carries labels with its owner and, unless the
// environment is detached, with the process that made it; what a killed
// process left behind is removed by the next Open.
//
// # Lanes
//
// Servers come in kinds, [images.Lanes]: another Debian, engine, Compose,
// database, other tools. Every scenario can be booted in each. Servers of several
// lanes can share a detached environment.
//
// # The golden disk
//
// Installing a stack takes half a minute. It is done once for each layout, on
// a volume that is kept; a server starts from a copy of it in seconds. The
// volume's name is the hash of what it was made from. The dozen used last are
// kept; [RemoveCache] removes them all, and the images.
//
// # What is not like a real server
//
// There is no systemd. A reboot restarts the container: /run and /tmp are
// empty after it and everything else is kept. Kernel, clock and load are the
// workstation's.
package vps

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"liftalot/testenv/fakevendor"
	"liftalot/testenv/images"
	"liftalot/testenv/vps/engine"
)

// ErrNoEnv reports that the owner has no environment.
var ErrNoEnv = errors.New("no environment is up")

// Options say whose environment to open.
type Options struct {
	// Owner tells environments on one machine apart: lower case letters,
	// digits and hyphens.
	Owner string
	// Detached environments outlive the process: only Remove ends them.
	Detached bool
	// Cache is the folder for keys and programs; by default it is in the
	// user's cache folder.
	Cache string
	// Lane is the kind of server to lend; by default what [images.LaneEnv] says.
	Lane string
	// Log receives a line for each slow thing that is done; nil drops them.
	Log io.Writer
}

// An Env is a network with the vendor's hosts on it.
type Env struct {
	options Options
	docker  engine.Docker
	process string // the label of objects that end with this process
	images  func(context.Context) (images.Set, error)
	subnet  netip.Prefix
	keys    keys
	fixture *fakevendor.Client
}

// openWithin bounds Open: a cold machine makes four images first, and the
// programs of a lane.
const openWithin = 45 * time.Minute

// Open returns the owner's environment, and makes it if it is not there.
func Open(ctx context.Context, options Options) (*Env, error) {
	ctx, cancel := context.WithTimeout(ctx, openWithin)
	defer cancel()
	env, err := newEnv(ctx, options)
	if err != nil {
		return nil, err
	}
	set, err := env.images(ctx)
	if err != nil {
		return nil, err
	}
	unlock, err := env.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := sweep(ctx, env.docker, env.options.Cache); err != nil {
		return nil, fmt.Errorf("remove what dead processes left: %w", err)
	}
	if err := env.setUp(ctx, set); err != nil {
		return nil, fmt.Errorf("set up environment %q: %w", options.Owner, err)
	}
	return env, nil
}

// Attach returns the owner's environment without making anything. It returns
// [ErrNoEnv] if there is none.
func Attach(ctx context.Context, options Options) (*Env, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	env, err := newEnv(ctx, options)
	if err != nil {
		return nil, err
	}
	if env.subnet, err = env.findNetwork(ctx); err != nil {
		return nil, err
	}
	if env.keys, err = loadKeys(env.folder()); err != nil {
		return nil, err
	}
	env.fixture = env.fixtureClient()
	return env, nil
}

var ownerName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,40}$`)

func newEnv(ctx context.Context, options Options) (*Env, error) {
	if !ownerName.MatchString(options.Owner) {
		return nil, fmt.Errorf("owner %q: want lower case letters, digits and hyphens", options.Owner)
	}
	if options.Log == nil {
		options.Log = io.Discard
	}
	if options.Cache == "" {
		var err error
		if options.Cache, err = defaultCache(); err != nil {
			return nil, err
		}
	}
	lane, err := images.FindLane(options.Lane)
	if err != nil {
		return nil, err
	}
	docker, err := engine.Find(ctx)
	if err != nil {
		return nil, err
	}
	env := &Env{options: options, docker: docker}
	if !options.Detached {
		if env.process, err = thisProcess(); err != nil {
			return nil, err
		}
	}
	builder := images.New(docker, options.Cache, options.Log)
	env.images = once(func(ctx context.Context) (images.Set, error) { return builder.All(ctx, lane) })
	return env, nil
}

// once remembers the first success of f.
func once[T any](f func(context.Context) (T, error)) func(context.Context) (T, error) {
	var mu sync.Mutex
	var done bool
	var value T
	return func(ctx context.Context) (T, error) {
		mu.Lock()
		defer mu.Unlock()
		if done {
			return value, nil
		}
		v, err := f(ctx)
		if err == nil {
			value, done = v, true
		}
		return v, err
	}
}

func defaultCache() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find cache folder: %w", err)
	}
	return filepath.Join(dir, "liftalot-testenv"), nil
}

// setUp makes what the environment lacks. Every part may be there already.
func (e *Env) setUp(ctx context.Context, set images.Set) (err error) {
	if e.keys, err = makeKeys(e.folder()); err != nil {
		return err
	}
	if e.subnet, err = e.findNetwork(ctx); errors.Is(err, ErrNoEnv) {
		e.subnet, err = e.makeNetwork(ctx)
	}
	if err != nil {
		return err
	}
	return e.startFixture(ctx, set)
}

// Close ends the environment, unless it is detached.
func (e *Env) Close(ctx context.Context) error {
	if e.options.Detached {
		return nil
	}
	return e.Remove(ctx)
}

// Remove ends the environment: its servers, the vendor's hosts, the network.
func (e *Env) Remove(ctx context.Context) error {
	err := removeObjects(ctx, e.docker, func(o object) bool { return o.owner == e.options.Owner })
	return errors.Join(err, os.RemoveAll(e.folder()))
}

// Remove ends the owner's environment, if there is one, whatever state it is in.
func Remove(ctx context.Context, options Options) error {
	env, err := newEnv(ctx, options)
	if err != nil {
		return err
	}
	return env.Remove(ctx)
}

// Owner is the name the environment was opened with.
func (e *Env) Owner() string { return e.options.Owner }

// Fixture controls the vendor's hosts: releases, faults, the request log.
func (e *Env) Fixture() *fakevendor.Client { return e.fixture }

// KeyFile is the private key every server lets in.
func (e *Env) KeyFile() string { return e.keys.file }

// PasswordFile holds what sudo asks the user ops for.
func (e *Env) PasswordFile() string { return filepath.Join(e.folder(), passwordName) }

// CAFile is the authority the vendor's hosts are signed by.
func (e *Env) CAFile() string { return filepath.Join(e.folder(), "ca.crt") }

// Environ is what a process on the workstation needs in its environment so
// that the vendor's names lead to this environment.
func (e *Env) Environ() []string {
	return []string{
		"HTTPS_PROXY=http://" + netip.AddrPortFrom(e.fixtureAddr(), proxyPort).String(),
		"SSL_CERT_FILE=" + e.CAFile(),
	}
}

func (e *Env) folder() string {
	return filepath.Join(e.options.Cache, "envs", e.options.Owner)
}

// lock keeps other processes from changing any environment meanwhile.
func (e *Env) lock(ctx context.Context) (unlock func(), err error) {
	return images.Lock(ctx, filepath.Join(e.options.Cache, "envs.lock"))
}

func (e *Env) logf(format string, args ...any) {
	fmt.Fprintf(e.options.Log, "testenv: "+format+"\n", args...)
}
