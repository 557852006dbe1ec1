package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"liftalot/testenv/vps"
)

// removeWithin bounds the clean-up, which an interrupt does not end.
const removeWithin = 2 * time.Minute

// clients are the servers of the story: one of each starting point, and one of
// each way to become root.
func clients() []vps.BootOptions {
	return []vps.BootOptions{
		{Name: "acme", Scenario: "public", User: vps.UserDeploy},
		{Name: "globex", Scenario: "staged", User: vps.UserOps},
	}
}

// realStage is whole servers in containers.
type realStage struct {
	env  *vps.Env
	acme *vps.Host
}

func openReal(ctx context.Context, out io.Writer) (stage, error) {
	// The number keeps two demos on one machine apart.
	env, err := vps.Open(ctx, vps.Options{Owner: fmt.Sprintf("demo-%d", os.Getpid()), Log: out})
	if err != nil {
		return nil, err
	}
	return &realStage{env: env}, nil
}

// boot lends all servers at once.
func (s *realStage) boot(ctx context.Context) ([]server, error) {
	list := clients()
	servers := make([]server, len(list))
	group, groupCtx := errgroup.WithContext(ctx)
	for i, options := range list {
		group.Go(func() error {
			h, err := s.env.Boot(groupCtx, options)
			if err == nil {
				servers[i] = realServer(h)
				if i == 0 {
					s.acme = h
				}
			}
			return err
		})
	}
	return servers, group.Wait()
}

func (s *realStage) unapplied(ctx context.Context) error {
	_, err := s.acme.Run(ctx, "echo RUST_LOG=debug >>/srv/chatalot/.env")
	return err
}

func realServer(h *vps.Host) server {
	return server{name: h.Name, addr: h.Addr, port: h.Port, user: h.User, hostKey: h.HostKey, keyFile: h.KeyFile, look: func(ctx context.Context) ([]item, error) {
		if err := h.WaitHealthy(ctx); err != nil {
			return nil, err
		}
		out, err := h.Run(ctx, lookScript)
		if err != nil {
			return nil, err
		}
		return parseItems(out)
	}}
}

// lookScript prints items as lines of name, tab, value: every file of the stack's
// folder with its mode, owner and bytes, the folder itself, what runs and from
// which image, since when the database does, the number of rows of each table, and
// the uploaded files.
//
//go:embed look.sh
var lookScript string

func (s *realStage) cosignKey(ctx context.Context) (string, error) {
	return s.env.Fixture().KeyFingerprint(ctx)
}
func (s *realStage) passwordFile() string { return s.env.PasswordFile() }
func (s *realStage) environ() []string    { return s.env.Environ() }

func (s *realStage) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeWithin)
	defer cancel()
	return s.env.Close(ctx)
}
