package apply

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"liftalot/plan"
	"liftalot/remote"
)

var errUnknownOp = errors.New("an operation this program does not know")

// execute carries out one operation. It returns what the journal should keep of it.
// Each operation first looks whether the host is already as it should be.
func (e *Engine) execute(ctx context.Context, id string, op plan.Op) (json.RawMessage, error) {
	switch op := op.(type) {
	case plan.Backup:
		return e.backup(ctx, op)
	case plan.Record:
		return nil, e.record(ctx, op)
	case plan.Tag:
		return nil, e.tag(ctx, op)
	case plan.Pull:
		return nil, e.pull(ctx, id, op)
	case plan.Names:
		return nil, e.names(ctx, op)
	case plan.Mode:
		return nil, e.mode(ctx, op)
	case plan.WriteSecret:
		return nil, e.secret(ctx, op)
	case plan.RemoveSecret:
		return nil, e.removeSecret(ctx, op)
	case plan.Login:
		return nil, e.login(ctx, op)
	case plan.Edit:
		return nil, e.edit(ctx, op)
	case plan.RevertEdit:
		return nil, e.revertEdit(ctx, op)
	case plan.Up:
		return nil, e.up(ctx, id, op, false)
	case plan.Down:
		return nil, e.down(ctx, id, op)
	case plan.Gate:
		return nil, e.gate(ctx, op)
	case plan.Swap:
		return e.swap(ctx, id, op)
	case plan.Fill:
		return nil, e.fill(ctx, id, op)
	case plan.Restore:
		return nil, e.restore(ctx, id, op)
	case plan.Send:
		return nil, e.Workstation.Send(ctx, op)
	case plan.UndoRestore:
		return nil, e.undoRestore(ctx, id, op)
	case plan.Start:
		return nil, e.start(ctx, id, op)
	case plan.Verify:
		return nil, e.Workstation.Verify(ctx, op)
	}
	return nil, errUnknownOp
}

// runRoot runs a script as root and turns a refusal of the host into a sentence.
func (e *Engine) runRoot(ctx context.Context, cmd remote.Command) (remote.Result, error) {
	cmd.Root = true
	res, err := e.Host.Run(ctx, cmd)
	var exit *remote.ExitError
	if errors.As(err, &exit) {
		return res, &HostError{What: cmd.Name, Said: lastMessage(res.Stderr), Err: err}
	}
	return res, err
}

// HostError reports a command that failed on the host.
type HostError struct {
	What string
	Said string // its last words: foreign text, bounded
	Err  error
}

func (e *HostError) Error() string {
	if e.Said == "" {
		return e.Err.Error()
	}
	return e.What + ": " + e.Said
}

func (e *HostError) Unwrap() error { return e.Err }

// lastMessage returns what a command printed last, without the log lines behind it.
func lastMessage(stderr []byte) string {
	var last string
	for l := range strings.SplitSeq(string(stderr), "\n") {
		l = strings.TrimSpace(l)
		if l == "" || strings.HasPrefix(l, "log ") || strings.HasPrefix(l, "state ") {
			continue
		}
		last = l
	}
	return last[:min(len(last), 400)]
}

func (e *Engine) backup(ctx context.Context, op plan.Backup) (json.RawMessage, error) {
	note, err := e.Workstation.Backup(ctx, op)
	if err != nil {
		return nil, err
	}
	e.result.Backup = &note
	return json.Marshal(note)
}

func (e *Engine) tag(ctx context.Context, op plan.Tag) error {
	_, err := e.runRoot(ctx, remote.Command{Name: "tag the running image", Script: `docker tag "$1" "$2"`, Args: []string{op.ImageID, op.Name}})
	return err
}

// Time for work whose length depends on the line of the host.
const (
	pullTimeout = 30 * time.Minute
	upTimeout   = 5 * time.Minute
)

// checkDependencies makes sure that starting a service will not touch what it depends on. On a
// rollback it tells whether it would, for compose to be kept from looking.
func (e *Engine) checkDependencies(ctx context.Context, p plan.Project, services []string, noDeps, rollback bool) (drift bool, err error) {
	if noDeps || len(services) == 0 {
		return false, nil
	}
	back := ""
	if rollback {
		back = "back"
	}
	res, err := e.runRoot(ctx, remote.Command{
		Name: "ask compose what it would recreate", Script: dependenciesScript, Timeout: upTimeout,
		Args: append([]string{p.Name, strings.Join(services, " "), back}, p.Args()...),
	})
	return strings.TrimSpace(string(res.Stdout)) == "drift", err
}

// up starts services and only them. Starting what runs already is no change.
func (e *Engine) up(ctx context.Context, id string, op plan.Up, rollback bool) error {
	drift, err := e.checkDependencies(ctx, op.Project, op.Dependencies, op.NoDeps, rollback)
	if err != nil {
		return err
	}
	args := append(op.Project.Args(), "--profile", op.Profile, "up", "-d", "--no-build", "--pull", "never")
	if op.NoDeps || drift {
		args = append(args, "--no-deps")
	}
	_, err = e.runRoot(ctx, remote.Command{
		Name: "start " + strings.Join(op.Services, " and "), Script: `docker compose "$@"`, Args: append(args, op.Services...),
		Timeout: upTimeout, OnLine: e.showOutput(id),
	})
	return err
}

// showOutput passes live output on to the screen.
func (e *Engine) showOutput(id string) func(int, string) {
	return func(_ int, line string) { e.tell(Event{Step: id, Kind: Output, Text: line}) }
}

// downScript stops and removes the containers of services by their labels, so
// that it works whatever the compose file says by now, and then networks that
// nothing uses any more. "docker compose down SERVICE" took the whole project
// down in some versions, and it has no business with volumes.
const downScript = `set -eu
project=$1
shift
while [ "$1" != -- ]; do
	for c in $(docker ps -aq --filter "label=com.docker.compose.project=$project" --filter "label=com.docker.compose.service=$1"); do
		docker stop -t 10 "$c" >/dev/null
		docker rm -f "$c" >/dev/null
	done
	shift
done
shift
for key; do
	for n in $(docker network ls -q --filter "label=com.docker.compose.project=$project" --filter "label=com.docker.compose.network=$key"); do
		docker network rm "$n" >/dev/null || true
	done
done
`

func (e *Engine) down(ctx context.Context, id string, op plan.Down) error {
	if len(op.Services) > 0 {
		args := append([]string{op.Project.Name}, op.Services...)
		args = append(append(args, "--"), op.Networks...)
		_, err := e.runRoot(ctx, remote.Command{Name: "remove " + strings.Join(op.Services, " and "), Script: downScript, Args: args, Timeout: upTimeout})
		if err != nil {
			return err
		}
	}
	if len(op.Former) == 0 {
		return nil
	}
	return e.up(ctx, id, plan.Up{Project: op.Project, Profile: "updater", Services: op.Former, Dependencies: op.Dependencies, NoDeps: op.NoDeps}, true)
}

func (e *Engine) gate(ctx context.Context, op plan.Gate) error {
	_, err := e.runRoot(ctx, remote.Command{
		Name: "hold the updater against all it needs", Script: gateScript, Timeout: 3 * time.Minute, MaxStderr: 64 << 10,
		Args: []string{op.Project.Name, op.Updater, op.Proxy, op.Server, strings.Join(op.Secrets, " "), op.Images[op.Updater], op.Images[op.Proxy]},
	})
	var bad *HostError
	if errors.As(err, &bad) {
		if exit, ok := errors.AsType[*remote.ExitError](err); ok {
			e.lastWords.read(string(exit.Stderr))
		}
		return diagnose(bad, err)
	}
	return err
}

// symptoms are the known reasons for which a sidecar does not come up, by what
// its log says.
var symptoms = []struct{ text, cause string }{
	{"Read-only file system", `the socket proxy cannot run with a read-only root (a known flaw of its release 0.3.0): accept it without, by name: allow: [` + plan.AllowWritableProxy + `]`},
	{"cannot create pidfile", `the socket proxy cannot run with a read-only root (a known flaw of its release 0.3.0): accept it without, by name: allow: [` + plan.AllowWritableProxy + `]`},
	{"cannot create listening socket", "the socket proxy cannot listen on IPv6 here"},
	{"password authentication failed", "the database does not accept the password in secrets/db_password"},
	{"permission denied", "a secret cannot be read by the user inside the container"},
}

// diagnose names the cause of a failed gate from the log behind it.
func diagnose(bad *HostError, err error) error {
	var exit *remote.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	for _, s := range symptoms {
		if strings.Contains(strings.ToLower(string(exit.Stderr)), strings.ToLower(s.text)) {
			return &HostError{What: bad.What, Said: bad.Said + ": " + s.cause, Err: err}
		}
	}
	return err
}

// loginScript logs in over the database's own network address: the official
// image trusts everybody on the loopback one. The password goes in by standard
// input and stays in the container's shell.
const loginScript = `docker exec -i "$1" sh -c '
	IFS= read -r PGPASSWORD || [ -n "$PGPASSWORD" ]
	export PGPASSWORD
	PGCONNECT_TIMEOUT=10 psql -X -q -A -t -w -h "$(hostname -i | cut -d" " -f1)" -U "$1" -d "$2" -c "select 1" </dev/null' sh "$2" "$3" <"$4"`

func (e *Engine) login(ctx context.Context, op plan.Login) error {
	_, err := e.runRoot(ctx, remote.Command{Name: "log in to the database", Script: loginScript, Args: []string{op.Container, op.User, op.Database, op.File}})
	var bad *HostError
	if errors.As(err, &bad) {
		return &HostError{What: bad.What, Said: "the database does not accept the password in " + op.File + ": " + bad.Said, Err: err}
	}
	return err
}
