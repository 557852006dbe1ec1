package backup

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"liftalot/plan"
	"liftalot/remote"
)

// rolesScript asks a cluster for the names of its roles. It only reads.
//
//	$1 container  $2 user
const rolesScript = `docker exec "$1" psql -X -q -A -t -v ON_ERROR_STOP=1 -U "$2" -d template1 -c "select rolname from pg_roles" </dev/null`

// MissingRoles are those of the roles that a host's database does not have.
func MissingRoles(ctx context.Context, host Runner, d plan.Database, need []string) ([]string, error) {
	if len(need) == 0 {
		return nil, nil
	}
	res, err := host.Run(ctx, remote.Command{
		Name: "ask for the roles", Script: rolesScript, Root: true, MaxStdout: maxAnswer, Args: []string{d.Container, d.User},
	})
	if err != nil {
		return nil, fmt.Errorf("ask for the roles of the database: %w", err)
	}
	have := strings.Split(string(res.Stdout), "\n")
	if res.StdoutLost > 0 || !slices.Contains(have, d.User) {
		return nil, fmt.Errorf("ask for the roles of the database: the answer cannot be read")
	}
	return slices.DeleteFunc(slices.Clone(need), func(role string) bool { return slices.Contains(have, role) }), nil
}
