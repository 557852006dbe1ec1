package apply

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"liftalot/plan"
	"liftalot/remote/job"
)

// RegistryError reports that the registry refused the host's login.
type RegistryError struct {
	Registry string
	Err      error
}

func (e *RegistryError) Error() string {
	return fmt.Sprintf("registry %s refused the host: %v", e.Registry, e.Err)
}

func (e *RegistryError) Unwrap() error { return e.Err }

// pull fetches images by digest, as a job on the host. An image that is there
// already is not fetched again, and of one that was under way docker keeps the
// parts that are whole.
func (e *Engine) pull(ctx context.Context, id string, op plan.Pull) error {
	spec := job.Spec{Script: pullScript, Args: op.Refs, Timeout: pullTimeout}
	if op.Login {
		user, password, err := e.Workstation.Credentials(ctx)
		if err != nil {
			return fmt.Errorf("registry credentials: %w", err)
		}
		if spec.Input, err = dockerConfig(op.Registry, user, password); err != nil {
			return err
		}
	}
	// A failure that is found was another start's. Docker keeps what it has, and only
	// the rest is fetched.
	found := e.state.Step(id).Tries > 1 && !e.again
	return e.retryJob(ctx, id, spec, found, func(st job.Status, last string) error {
		return pullFailed(op.Registry, st, last)
	})
}

// pullFailed tells from a job's end and its last words why it fetched nothing.
func pullFailed(registry string, st job.Status, last string) error {
	err := jobError("pull images", pullTimeout, st, last)
	if st.State == job.Ended && !st.Overdue && refusedLogin(err.Said) {
		return &RegistryError{Registry: registry, Err: err}
	}
	return err
}

// lastLineWriter passes lines on and keeps the last one.
type lastLineWriter struct {
	lines
	tell func(string)
	kept string
}

func (w *lastLineWriter) add(chunk []byte) {
	for _, line := range w.cut(chunk) {
		w.tell(line)
		if strings.TrimSpace(line) != "" {
			w.kept = line
		}
	}
}

func (w *lastLineWriter) last() string { return cmp.Or(w.flush(), w.kept) }

// dockerConfig is a docker client's configuration that holds one login, so that
// "docker login" with its trace in root's home is not needed at all.
func dockerConfig(registry, user string, password []byte) ([]byte, error) {
	type auth struct {
		Auth []byte `json:"auth"` // base64 of USER:PASSWORD, which is what JSON makes of bytes
	}
	return json.Marshal(map[string]map[string]auth{
		"auths": {registry: {Auth: append([]byte(user+":"), password...)}},
	})
}

// refusedLogin reads docker's own words, since it has no status for it: "no
// basic auth credentials" without a login, "unauthorized" and "401" with a bad
// one, "denied" with one that may not (Engine 20.10 to 26.1). A digest or a port may
// hold the number too.
func refusedLogin(said string) bool {
	said = strings.ToLower(said)
	for _, w := range []string{"no basic auth credentials", "unauthorized", "denied"} {
		if strings.Contains(said, w) {
			return true
		}
	}
	return status401.MatchString(said)
}

var status401 = regexp.MustCompile(`\b(status|status code|response status|http)(:| is|/[0-9.]+)? *401\b`)
