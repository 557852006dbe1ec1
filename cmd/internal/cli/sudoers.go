package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"liftalot/inventory"
	"liftalot/remote"
)

func sudoersCommand(a *app) *cobra.Command {
	var password bool
	cmd := &cobra.Command{
		Use: "sudoers [PATTERN...]", Short: "Print the sudo rule that a host needs to be lifted",
		Long: `Prints, for a client who wants to grant no more than needed, the lines that belong
into a file in /etc/sudoers.d of each host. They are for the login user of the
inventory and for the one program that every step of a plan is run by: /bin/sh as
root. That is root, and no line that lets a Docker host be changed is less: who may
start a container may do anything. What is run is in the plan, and what a look runs
is printed by "liftalot check --commands". No host is asked.`,
		Example:     `  liftalot sudoers acme`,
		Annotations: exitCodes(),
		RunE: func(_ *cobra.Command, patterns []string) error {
			s, err := a.open(patterns)
			if err != nil {
				return err
			}
			for _, h := range s.hosts {
				for _, line := range sudoRule(h, password) {
					a.term.out.Println(line)
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&password, "password", false, "let sudo ask for a password, whatever the inventory says")
	return cmd
}

// sudoRule is the text of a file in sudoers.d.
func sudoRule(h inventory.Host, password bool) []string {
	if h.User == "root" {
		return []string{fmt.Sprintf("# %s: the login is root, no rule is needed", h.Name)}
	}
	tag := "NOPASSWD: "
	if password || h.Sudo.Mode == inventory.SudoPassword {
		tag = ""
	}
	user := sudoName(h.User)
	return []string{
		fmt.Sprintf("# %s: /etc/sudoers.d/liftalot, owner root, mode 0440; hold it against visudo -c", h.Name),
		"# before it is in place. It makes this user root: take it away afterwards.",
		fmt.Sprintf("Defaults:%s !requiretty", user),
		fmt.Sprintf("%s ALL=(root) %s%s", user, tag, remote.SudoProgram),
	}
}

// sudoName escapes what sudoers gives a meaning of its own, of what the
// inventory lets a user be called.
func sudoName(user string) string { return strings.NewReplacer(`\`, `\\`, "@", `\@`).Replace(user) }
