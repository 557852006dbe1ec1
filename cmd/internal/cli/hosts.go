package cli

import (
	"slices"

	"github.com/spf13/cobra"

	"liftalot/cmd/internal/ui"
	"liftalot/inventory"
)

func hostsCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "hosts [PATTERN...]", Short: "Show the resolved inventory",
		Long: `Shows what liftalot makes of the inventory, with what comes from ssh_config and from
defaults. No host is asked.`,
		Example:     `  liftalot hosts @eu`,
		Annotations: exitCodes(),
		RunE: func(_ *cobra.Command, patterns []string) error {
			s, err := a.open(patterns)
			if err != nil {
				return err
			}
			if a.flags.json {
				return a.term.out.JSON(map[string]any{"format": 1, "hosts": s.hosts})
			}
			table := &ui.Table{Columns: []ui.Column{{Title: "HOST"}, {Title: "ADDRESS"}, {Title: "USER"}, {Title: "SUDO"}, {Title: "RELEASE"}, {Title: "COMPOSE DIR"}}}
			for _, h := range s.hosts {
				want := h.Channel
				if h.Version != "" {
					want = h.Version
				}
				dir := h.ComposeDir
				if dir == "" {
					dir = "auto"
				}
				table.Add(h.Name, ui.Textf("%s:%d", h.Address, h.Port), h.User, h.Sudo.Mode, want, dir)
			}
			a.term.out.Table(table)
			for _, h := range s.hosts {
				a.term.sayBlocked(h)
			}
			return nil
		},
	}
}

// sayBlocked tells why a host, or one on the way to it, is never dialled.
func (t *terminal) sayBlocked(h inventory.Host) {
	for _, hop := range append(slices.Clone(h.Jump), h) {
		if hop.Blocked != "" {
			t.err.Printf("%s: is not dialled, because ssh might go elsewhere: %s\n", h.Name, hop.Blocked)
			return
		}
	}
}
