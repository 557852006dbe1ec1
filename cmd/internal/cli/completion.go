package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"liftalot/inventory"
)

// completes gives the shell the inventory's names where a command takes hosts.
func (a *app) completes(root *cobra.Command) {
	for _, c := range root.Commands() {
		a.completes(c)
		if c.ValidArgsFunction == nil && (strings.Contains(c.Use, "PATTERN") || strings.Contains(c.Use, "HOST")) {
			c.ValidArgsFunction = a.names
		}
	}
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
