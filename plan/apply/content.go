package apply

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"liftalot/plan"
	"liftalot/remote"
)

// secretContent fetches what a secret file will hold, at the moment it is written and
// not before: no plan and no journal ever has it.
func (e *Engine) secretContent(ctx context.Context, op plan.WriteSecret) ([]byte, error) {
	switch op.Source {
	case plan.FromKey:
		return op.Body, nil
	case plan.FromNothing:
		return []byte{}, nil
	case plan.FromCredentials:
		return e.registryCreds(ctx)
	case plan.FromDatabaseURL:
		return e.databasePassword(ctx, op.Server)
	}
	return nil, fmt.Errorf("content of %s: unknown source %q", op.Path, op.Source)
}

// registryCreds is the vendor's form of a registry login.
func (e *Engine) registryCreds(ctx context.Context) ([]byte, error) {
	user, password, err := e.Workstation.Credentials(ctx)
	if err != nil {
		return nil, fmt.Errorf("registry credentials: %w", err)
	}
	registry, _, _ := strings.Cut(e.Plan.Release.Server.Repo, "/")
	return json.Marshal(struct {
		Username string `json:"username"`
		Password string `json:"password"`
		Server   string `json:"serveraddress"`
	}{user, string(password), registry})
}

// databasePassword is the one the running server uses, not the one in .env:
// that one only counts when the database is first made (trap C2).
func (e *Engine) databasePassword(ctx context.Context, server string) ([]byte, error) {
	res, err := e.runRoot(ctx, remote.Command{
		Name:   "read the database address of " + server,
		Script: `docker inspect -f '{{range .Config.Env}}{{println .}}{{end}}' "$1" | sed -n 's/^DATABASE_URL=//p' | tail -n 1`,
		Args:   []string{server},
	})
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(strings.TrimSpace(string(res.Stdout)))
	if err != nil {
		// The parser's own words would quote the password.
		return nil, fmt.Errorf("the DATABASE_URL of %s cannot be read as a URL", server)
	}
	password, _ := u.User.Password()
	if password == "" {
		return nil, fmt.Errorf("the DATABASE_URL of %s carries no password", server)
	}
	return []byte(password), nil
}
