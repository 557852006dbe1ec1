// Package server stands in for chatalot-server.
//
// At start it does what the real one does, in this order, and exits with
// status 1 at the first thing that is wrong: the user (999), the environment
// and the files it names, a writable place for uploads, the database, the
// migrations. Only then does it listen.
//
// It answers /api/health, /api/admin/updates/status, /version.json, and
// everything else with the web page and status 200, which is why a check of
// the status alone proves nothing. The API is limited per client address.
//
// "chatalot-server seed" migrates the database, fills it with the same rows
// and uploads every time, and exits.
//
// One thing the real server does not have: an administrator's token,
// [AdminToken], with which the status of updates is fetched from the sidecar
// by a signed request. It shows whether the two hold the same token.
package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"liftalot/testenv/fakes"
	"liftalot/testenv/fakes/migration"
)

// AdminToken is the bearer token of the stand-in's only administrator. It is
// no secret: it opens nothing but the status of a throw-away server.
const AdminToken = "stand-in-administrator"

const (
	connectTimeout = 10 * time.Second
	migrateTimeout = 5 * time.Minute
)

// Run is the whole life of the server. It returns nil when the context ends.
func Run(ctx context.Context, p fakes.Process) error {
	if err := p.RequireUID("chatalot-server", fakes.ServerUID); err != nil {
		return err
	}
	p.Log.Info("starting chatalot-server", "version", p.Config.ReportedVersion())
	if len(p.Args) > 0 && (len(p.Args) > 1 || p.Args[0] != "seed") {
		return fmt.Errorf("unknown arguments %q; the only command is seed", p.Args)
	}
	s, err := readSettings(p)
	if err != nil {
		return err
	}
	if err := migrate(ctx, p, s.databaseURL); err != nil {
		return err
	}
	if len(p.Args) > 0 {
		return seed(ctx, p.Log, s)
	}
	return serve(ctx, p, s)
}

func migrate(ctx context.Context, p fakes.Process, databaseURL string) error {
	list, err := migration.UpTo(p.Config.Migrations)
	if err != nil {
		return err
	}
	if p.Config.Behaviour == fakes.BadMigration {
		list = append(list, migration.Failing(p.Config.Migrations+1))
	}
	conn, err := connect(ctx, databaseURL)
	if err != nil {
		return fmt.Errorf("failed to connect to database: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	ctx, cancel := context.WithTimeout(ctx, migrateTimeout)
	defer cancel()
	n, err := migration.Run(ctx, conn, list)
	if err != nil {
		return fmt.Errorf("failed to run migrations: %w", err)
	}
	p.Log.Info("database is up to date", "applied", n)
	return nil
}

// connect waits a little for a database that is not there yet, and not at all
// for one that has said no.
func connect(ctx context.Context, databaseURL string) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, databaseURL)
		if err == nil {
			return conn, nil
		}
		var refused *pgconn.PgError
		var parse *pgconn.ParseConfigError
		if errors.As(err, &refused) || errors.As(err, &parse) || !pause(ctx, 250*time.Millisecond) {
			return nil, err
		}
	}
}

// pause waits, and reports whether the context is still alive afterwards.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// errDies is how a server ends that dies later.
var errDies = errors.New("out of memory")

// serve answers until the context ends, or until the behaviour says otherwise.
func serve(ctx context.Context, p fakes.Process, s settings) error {
	ctx, cancel, err := behave(ctx, p)
	if err != nil {
		return err
	}
	defer cancel()
	if ctx.Err() != nil { // stopped while it was warming up
		return nil
	}
	pool, err := pgxpool.New(ctx, s.databaseURL)
	if err != nil {
		return fmt.Errorf("failed to connect to database: %w", err)
	}
	defer pool.Close()
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", s.listenAddr)
	if err != nil {
		return fmt.Errorf("LISTEN_ADDR: %w", err)
	}
	p.Log.Info("listening", "addr", listener.Addr().String())
	handler := newAPI(p.Config, pool, s.updater).handler()
	if p.Config.Behaviour == fakes.Hang {
		handler = http.HandlerFunc(hang)
	}
	err = fakes.Serve(ctx, listener, handler)
	if cause := context.Cause(ctx); errors.Is(cause, errDies) {
		return cause
	}
	p.Log.Info("shut down")
	return err
}

// behave plays the behaviours that show between the migrations and the first
// answer, and returns the context the server lives in.
func behave(ctx context.Context, p fakes.Process) (context.Context, context.CancelFunc, error) {
	switch p.Config.Behaviour {
	case fakes.Crash:
		return nil, nil, errors.New("thread 'main' panicked: called `Option::unwrap()` on a `None` value")
	case fakes.Slow:
		delay, err := p.Config.Duration("delay", 20*time.Second)
		if err != nil {
			return nil, nil, err
		}
		p.Log.Info("warming up", "delay", delay)
		pause(ctx, delay)
	case fakes.DiesLater:
		after, err := p.Config.Duration("after", 40*time.Second)
		if err != nil {
			return nil, nil, err
		}
		lives, cancel := context.WithTimeoutCause(ctx, after, errDies)
		return lives, cancel, nil
	}
	return ctx, func() {}, nil
}

// hang answers nothing until the client or the server gives up.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
