package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"filippo.io/age"

	"liftalot/cmd/internal/ui"
	"liftalot/inventory"
	"liftalot/plan"
	"liftalot/remote"
)

// session is one invocation on an inventory.
type session struct {
	*app
	inv     *inventory.Inventory
	hosts   []inventory.Host
	goesOn  *batchRecord // with --retry-failed and --pending
	state   string       // folder
	asker   *ui.Asker
	trusted remote.KnownHostsCache // what the hosts are held against
	sshKeys remote.PrivateKeyCache // what they let us in with

	mu     sync.Mutex
	typed  map[string]inventory.Secret // what a person typed, by what it was asked for
	warned map[string]bool
	prompt sync.Mutex // one question at a time

	keyring     sync.Mutex
	own         *age.X25519Identity // the key of backups, once it was needed
	connections int                 // of a pull, 0 for what the line needs
	trustBucket bool                // of a restore: take a copy that nobody vouches for
}

// open reads the inventory and picks the hosts.
func (a *app) open(patterns []string) (*session, error) {
	inv, err := inventory.Load(a.flags.inventory, inventory.WithDecisions(plan.Overrides()...))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &nothingToDo{
			what: fmt.Sprintf("there is no inventory %s", a.flags.inventory),
			hint: `"liftalot init > inventory.yml" writes one to fill in, "--inventory FILE" names another`,
		}
	}
	var unread *fs.PathError // such as a folder of that name
	if errors.As(err, &unread) {
		return nil, &usageError{err, "liftalot"}
	}
	if err != nil {
		return nil, err
	}
	for _, w := range inv.Warnings {
		a.err.Printf("%s %s\n", ui.Warn("warning:"), w)
	}
	hosts, err := inv.Select(patterns...)
	if err != nil {
		return nil, err
	}
	if len(hosts) == 0 {
		return nil, &nothingToDo{what: "no host is left after the patterns", hint: `"liftalot hosts" lists them all`}
	}
	if err := a.openLog(); err != nil {
		return nil, err
	}
	state := a.flags.state
	if state == "" {
		state = filepath.Join(filepath.Dir(a.flags.inventory), ".liftalot")
	}
	if err := checkState(state); err != nil {
		return nil, err
	}
	s := &session{
		app: a, inv: inv, hosts: hosts, state: state, asker: ui.NewAsker(a.err, a.env.Stdin), typed: map[string]inventory.Secret{}, warned: map[string]bool{},
	}
	return s, s.narrow()
}

// checkState refuses a state folder that others may read: it holds backups.
func checkState(dir string) error {
	info, err := os.Stat(dir)
	if os.IsNotExist(err) {
		return os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return fmt.Errorf("state folder: %w", err)
	}
	if !info.IsDir() {
		return &usageError{fmt.Errorf("state folder: %s is not a folder", dir), "liftalot"}
	}
	if info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		return &usageError{fmt.Errorf("state folder %s can be read by others (mode %04o): chmod 700 it", dir, info.Mode().Perm()), "liftalot"}
	}
	return nil
}

// secretOf fetches a secret and tells the redactor about it. What is typed is
// asked for once per invocation.
func (s *session) secretOf(ctx context.Context, ref inventory.SecretRef, what string) ([]byte, error) {
	got, err := ref.Resolve(ctx, inventory.Resolver{
		LookupEnv: func(name string) (string, bool) { v := s.env.Getenv(name); return v, v != "" },
		Prompt:    s.ask, What: what,
	})
	if err != nil {
		return nil, err
	}
	s.secret.Add(got.Reveal())
	return got.Reveal(), nil
}

func (s *session) ask(ctx context.Context, what string) (inventory.Secret, error) {
	s.prompt.Lock()
	defer s.prompt.Unlock()
	s.mu.Lock()
	known, ok := s.typed[what]
	s.mu.Unlock()
	if ok {
		return known, nil
	}
	text, err := s.asker.Password(ctx, ui.Textf("%s:", what))
	if err != nil {
		return inventory.Secret{}, err
	}
	got := inventory.NewSecret(text)
	s.secret.Add(text)
	s.mu.Lock()
	s.typed[what] = got
	s.mu.Unlock()
	return got, nil
}

// warnOnce says what was found at one host of many.
func (s *session) warnOnce(sentence string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.warned[sentence] {
		return
	}
	s.warned[sentence] = true
	s.log(logLine{Event: "warning", Text: sentence})
	s.err.Printf("%s %s\n", ui.Warn("warning:"), sentence)
}

// confirm asks before hosts are changed.
func (s *session) confirm(ctx context.Context, question ui.Text) error {
	if s.flags.yes {
		return nil
	}
	if s.flags.json {
		return &usageError{fmt.Errorf("--json never changes a host without --yes"), "liftalot"}
	}
	ok, err := s.asker.Confirm(ctx, question)
	if err == ui.ErrNobody {
		return &usageError{fmt.Errorf("nobody to ask whether to go on: say --yes"), "liftalot"}
	}
	if err != nil {
		return err
	}
	if !ok {
		return errCancelled
	}
	return nil
}
