package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"liftalot/testenv/vps"
)

// An app is what every command works with.
type app struct {
	owner    string
	lane     string
	in       io.Reader
	out, err io.Writer
}

func newRootCommand(in io.Reader, out, errs io.Writer) *cobra.Command {
	a := &app{in: in, out: out, err: errs}
	root := &cobra.Command{
		Use:           "testenv",
		Short:         "Throw-away chatalot servers to try liftalot on",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	root.PersistentFlags().StringVar(&a.owner, "owner", "cli", "whose environment; two owners never meet")
	root.AddCommand(
		a.upCommand(), a.listCommand(), a.execCommand(), a.faultCommand(),
		a.releaseCommand(), a.registryCommand(), a.downCommand(),
		a.scenariosCommand(), a.envCommand(), a.inventoryCommand(),
	)
	return root
}

func (a *app) options() vps.Options {
	return vps.Options{Owner: a.owner, Lane: a.lane, Detached: true, Log: a.err}
}

func (a *app) host(ctx context.Context, name string) (*vps.Host, error) {
	env, err := vps.Attach(ctx, a.options())
	if err != nil {
		return nil, err
	}
	return env.Host(ctx, name)
}
