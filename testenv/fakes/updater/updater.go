// Package updater stands in for chatalot-updater, the sidecar of managed
// updates.
//
// It does not update anything. It proves at start that it could, and exits
// with status 1 at the first thing that is wrong:
//
//   - it runs as user 1001 and has the whole environment of the fragment;
//   - the shared token is 64 hex characters, the key a real ECDSA P-256 key,
//     the registry credentials blank or complete, each readable to 1001;
//   - the state database and the snapshot folder can be written;
//   - the database lets it in with the password from the secret;
//   - the socket proxy answers, the server container has exactly the name it
//     was given, and both are on one network.
//
// Then it logs "http listener bound" and serves /health. It goes on looking:
// when the database or the proxy goes away, /health says so with status 503.
// /health?verbose=1 tells each check, among them two that are reported and
// forgiven, because the sidecar outlives them: that the server answers, and
// that the manifest host can be reached.
package updater

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/jackc/pgx/v5"

	"liftalot/testenv/fakes"
)

// manifestHost is where the real sidecar looks for releases. The extra
// "manifest_host" of the image's settings replaces it.
const manifestHost = "https://updates.seglamater.app"

const (
	startTimeout  = 30 * time.Second
	checkTimeout  = 5 * time.Second
	checkInterval = 15 * time.Second
)

// Run is the whole life of the sidecar. It returns nil when the context ends.
func Run(ctx context.Context, p fakes.Process) error {
	if err := p.RequireUID("chatalot-updater", fakes.UpdaterUID); err != nil {
		return err
	}
	hostname, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("own host name: %w", err)
	}
	u := &updater{p: p, hostname: hostname, passwordFile: dbPasswordFile}
	return u.run(ctx)
}

// updater is a sidecar and the places of its world.
type updater struct {
	p            fakes.Process
	hostname     string
	passwordFile string

	s      settings
	docker *docker
	checks checks
}

func (u *updater) run(ctx context.Context) error {
	u.p.Log.Info("starting chatalot-updater", "version", u.p.Config.Version)
	if u.p.Config.Behaviour == fakes.Crash {
		return errors.New("thread 'main' panicked: no usable runtime")
	}
	var err error
	if u.s, err = readSettings(u.p.Getenv, u.passwordFile); err != nil {
		return err
	}
	if u.s.haveCredentials {
		u.p.Log.Info("registry credentials loaded")
	}
	u.docker = newDocker(u.s.dockerHost)
	if err := u.start(ctx); err != nil {
		return err
	}
	if u.p.Config.Behaviour == fakes.Hang {
		<-ctx.Done()
		return nil
	}
	return u.serve(ctx)
}

// start is what must be right before the sidecar is of any use.
func (u *updater) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := u.login(ctx); err != nil {
		return err
	}
	if err := u.docker.ping(ctx); err != nil {
		return err
	}
	_, err := u.serverAddress(ctx)
	return err
}

// serverAddress finds the server's container on a network both are on. The
// address is empty when the server is stopped.
func (u *updater) serverAddress(ctx context.Context) (string, error) {
	list, err := u.docker.containers(ctx)
	if err != nil {
		return "", err
	}
	server, err := findServer(list, u.s.serverContainer)
	if err != nil {
		return "", err
	}
	self, ok := findSelf(list, u.hostname)
	if !ok {
		return "", fmt.Errorf("own container %q not found", u.hostname)
	}
	return sharedAddress(self, server)
}

// login proves the database URL with the password in it.
func (u *updater) login(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, u.s.databaseURL)
	if err != nil {
		return fmt.Errorf("failed to connect to database: %w", err)
	}
	return conn.Close(ctx)
}

// serve answers until the context ends; a goroutine of its own looks again at
// what may go away, and has ended before serve returns.
func (u *updater) serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", u.s.listenAddr)
	if err != nil {
		return fmt.Errorf("CHATALOT_UPDATER_LISTEN_ADDR: %w", err)
	}
	u.p.Log.Info("http listener bound", "addr", listener.Addr().String())
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		u.watch(ctx)
	}()
	err = fakes.Serve(ctx, listener, u.handler())
	cancel()
	<-watching
	return err
}
