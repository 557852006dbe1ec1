package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"liftalot/cmd/internal/ui"
	"liftalot/inventory"
)

// initOptions say where the hosts of a new inventory come from.
type initOptions struct {
	sshConfig, bundle bool
	fields            []string
}

func initCommand(a *app) *cobra.Command {
	var opt initOptions
	cmd := &cobra.Command{
		Use: "init [--ssh-config [PATTERN...] | --bundle FILE...]", Short: "Print a commented inventory to fill in",
		Long: `Prints a commented inventory, to be redirected into inventory.yml.

With --ssh-config it has the hosts of your ~/.ssh/config whose names match a
PATTERN, or all of them. What ssh_config says of a host is not repeated.

With --bundle it has one host per bundle.json of the vendor. Of such a file only
.instance_id is known to everyone, so say where yours keeps the rest:

  liftalot init --bundle clients/*/bundle.json \
    --bundle-field address=.host --bundle-field channel=.update.channel \
    --bundle-field registry_username=.registry.user --bundle-field registry_token=.registry.token

KEY is name, address, port, user, channel, version, public_url, client,
registry_address, registry_username or registry_token. The token is never copied:
a variable is named instead, and what to set is said.`,
		Example:     "  liftalot init > inventory.yml\n  liftalot init --ssh-config '*.eu' > inventory.yml",
		Annotations: exitCodes(),
		RunE:        func(_ *cobra.Command, args []string) error { return a.init(opt, args) },
	}
	f := cmd.Flags()
	f.BoolVar(&opt.sshConfig, "ssh-config", false, "hosts of ~/.ssh/config, by PATTERN")
	f.BoolVar(&opt.bundle, "bundle", false, "hosts of the vendor's bundle.json files")
	f.StringArrayVar(&opt.fields, "bundle-field", nil, "where a value stands in a bundle, as in channel=.update.channel; again for each")
	return cmd
}

// misused says why the flags and arguments do not go together.
func (opt initOptions) misused(args []string) error {
	switch {
	case opt.sshConfig && opt.bundle:
		return errors.New("--ssh-config and --bundle are two inventories: make one at a time")
	case len(opt.fields) > 0 && !opt.bundle:
		return errors.New("--bundle-field goes with --bundle")
	case opt.bundle && len(args) == 0:
		return errors.New("--bundle wants the names of bundle.json files")
	case len(args) > 0 && !opt.bundle && !opt.sshConfig:
		return fmt.Errorf("whether %s are hosts of ssh_config or bundles is not said: --ssh-config or --bundle", strings.Join(args, " "))
	}
	return nil
}

func (a *app) init(opt initOptions, args []string) error {
	if err := opt.misused(args); err != nil {
		return &usageError{err, "liftalot init"}
	}
	hosts, leftOut, err := opt.propose(args)
	if err != nil {
		return err
	}
	text := inventory.Template(hosts, leftOut...)
	inv, err := inventory.Parse("inventory.yml", text)
	if err != nil {
		return err
	}
	for _, h := range inv.Hosts() {
		a.term.sayBlocked(h)
	}
	for _, why := range leftOut {
		a.term.err.Printf("%s %s\n", ui.Warn("left out:"), why)
	}
	if opt.bundle {
		for _, h := range hosts {
			for _, note := range h.Notes {
				a.term.err.Printf("%s %s\n", ui.Note(h.Name+":"), note)
			}
		}
	}
	_, err = a.term.out.Write(text)
	return err
}

func (opt initOptions) propose(args []string) (hosts []inventory.Proposal, leftOut []string, err error) {
	switch {
	case opt.sshConfig:
		return inventory.FromSSHConfig(args)
	case opt.bundle:
		fields, err := inventory.ParseBundleFields(opt.fields)
		if err != nil {
			return nil, nil, &usageError{err, "liftalot init"}
		}
		hosts, err = inventory.FromBundles(args, fields)
		return hosts, nil, err
	}
	return nil, nil, nil
}
