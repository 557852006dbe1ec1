package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"liftalot/inventory"
	"liftalot/plan/backup"
)

// completes gives the shell what a command's arguments can be: the inventory's names where
// it takes hosts, and after a host its backups.
func (a *app) completes(root *cobra.Command) {
	for _, c := range root.Commands() {
		a.completes(c)
		words := strings.Fields(c.Use)[1:]
		switch {
		case c.ValidArgsFunction != nil || len(words) == 0:
		case slices.Contains(words, "HOST"):
			c.ValidArgsFunction = a.host(slices.Contains(words, "[BACKUP]"))
		case strings.Contains(words[0], "PATTERN") || words[0] == "HOST...":
			c.ValidArgsFunction = a.names
		}
	}
}

// host completes one host, and then its backups where a command takes one.
func (a *app) host(withBackup bool) cobra.CompletionFunc {
	return func(cmd *cobra.Command, given []string, begun string) ([]string, cobra.ShellCompDirective) {
		switch {
		case len(given) == 0:
			return a.names(cmd, given, begun)
		case len(given) == 1 && withBackup:
			return a.backupsOf(given[0]), cobra.ShellCompDirectiveNoFileComp
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

// backupsOf are a host's backups on this machine, the newest first. No bucket is asked.
func (a *app) backupsOf(host string) (ids []string) {
	inv, err := inventory.Load(a.flags.inventory)
	if err != nil {
		return nil
	}
	hosts, err := inv.Select(host)
	if err != nil || len(hosts) != 1 {
		return nil
	}
	t := newSession(a, a.stateFolder()).target(hosts[0])
	defer t.close()
	list, err := backup.List(t.backups.dir())
	if err != nil {
		return nil
	}
	for _, e := range slices.Backward(list) {
		ids = append(ids, e.ID)
	}
	if len(ids) > 0 {
		ids = append(ids, latestBackup)
	}
	return ids
}

// names are the hosts and groups of the inventory. One that cannot be read has none: the
// line is not finished yet, and its errors belong to the command.
func (a *app) names(_ *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
	inv, err := inventory.Load(a.flags.inventory)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, h := range inv.Hosts() {
		names = append(names, h.Name)
	}
	for _, g := range inv.Groups() {
		names = append(names, "@"+g)
	}
	return slices.DeleteFunc(names, func(name string) bool { return slices.Contains(given, name) }), cobra.ShellCompDirectiveNoFileComp
}

// asksToComplete reports whether it is the shell that asks, by cobra's hidden commands.
// What they print has tabs in it and is read by a program; it is all our own, names of
// an inventory included, which hold nothing that a terminal would mind.
func asksToComplete(args []string) bool {
	return len(args) > 0 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd)
}
