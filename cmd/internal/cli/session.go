package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"liftalot/cmd/internal/ui"
	"liftalot/inventory"
	"liftalot/plan"
)

// session is one invocation on an inventory.
type session struct {
	app     *app
	inv     *inventory.Inventory
	hosts   []inventory.Host
	goesOn  *batchRecord // with --retry-failed and --pending
	state   stateFolder
	term    *terminal
	dialog  *dialog
	ssh     *connector
	keyring *keyring

	connections int  // of a pull, 0 for what the line needs
	trustBucket bool // of a restore: take a copy that nobody vouches for
	latest      bool // of a restore: the newest backup is meant
}

// open reads the inventory and picks the hosts.
func (a *app) open(patterns []string) (*session, error) {
	inv, err := inventory.Load(a.flags.inventory, inventory.WithDecisions(plan.Overrides()...))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &nothingToDoError{
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
		a.term.err.Printf("%s %s\n", ui.Warn("warning:"), w)
	}
	hosts, err := inv.Select(patterns...)
	if err != nil {
		return nil, err
	}
	if len(hosts) == 0 {
		return nil, &nothingToDoError{what: "no host is left after the patterns", hint: `"liftalot hosts" lists them all`}
	}
	if err := a.term.openLog(); err != nil {
		return nil, err
	}
	state := a.stateFolder()
	if err := checkState(string(state)); err != nil {
		return nil, err
	}
	s := newSession(a, state)
	s.inv, s.hosts = inv, hosts
	if err := s.narrow(); err != nil {
		return nil, err
	}
	for _, w := range missingKeys(s.hosts) {
		a.term.warnOnce(w)
	}
	return s, nil
}

// stateFolder is that of --state, or the one beside the inventory.
func (a *app) stateFolder() stateFolder {
	if a.flags.state != "" {
		return stateFolder(a.flags.state)
	}
	return stateFolder(filepath.Join(filepath.Dir(a.flags.inventory), ".liftalot"))
}

func newSession(a *app, state stateFolder) *session {
	d := &dialog{asker: ui.NewAsker(a.term.err, a.env.Stdin), getenv: a.env.Getenv, term: a.term, typed: map[string]inventory.Secret{}}
	return &session{
		app: a, state: state, term: a.term, dialog: d,
		ssh:     &connector{known: state.knownHosts(), getenv: a.env.Getenv, dialog: d, warn: a.term.warnOnce},
		keyring: &keyring{file: state.keyFile(), dialog: d, term: a.term},
	}
}
