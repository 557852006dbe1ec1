package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"liftalot/testenv/vps"
)

func (a *app) execCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "exec NAME -- COMMAND [ARG...]",
		Short: "Run a command as root on a server, without ssh",
		Args:  cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			host, err := a.host(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			code, err := host.ExecStream(cmd.Context(), a.in, a.out, a.err, args[1:]...)
			if err == nil && code != 0 {
				err = exitError{code}
			}
			return err
		},
	}
}

// A fault happens to a server; those with a path take one.
type fault struct {
	do     func(*vps.Host, context.Context) error
	atPath func(*vps.Host, context.Context, string) error
}

func faults() map[string]fault {
	return map[string]fault{
		"pause":     {do: (*vps.Host).Pause},
		"unpause":   {do: (*vps.Host).Unpause},
		"cut":       {do: (*vps.Host).Cut},
		"mend":      {do: (*vps.Host).Mend},
		"reboot":    {do: (*vps.Host).Reboot},
		"crash":     {do: (*vps.Host).Crash},
		"fill-disk": {atPath: (*vps.Host).FillDisk},
		"free-disk": {atPath: (*vps.Host).FreeDisk},
	}
}

// defaultFull is where backups go: the disk that is most often full.
const defaultFull = "/var/backups"

func (a *app) faultCommand() *cobra.Command {
	names := strings.Join(slices.Sorted(maps.Keys(faults())), "|")
	return &cobra.Command{
		Use:   "fault NAME " + names + " [PATH]",
		Short: "Make trouble for a server",
		Long:  "Make trouble for a server. fill-disk and free-disk take a folder, " + defaultFull + " by default.",
		Args:  cobra.RangeArgs(2, 3),
		RunE:  func(cmd *cobra.Command, args []string) error { return a.fault(cmd.Context(), args) },
	}
}

func (a *app) fault(ctx context.Context, args []string) error {
	f, ok := faults()[args[1]]
	if !ok {
		return fmt.Errorf("no fault %q; there are %s", args[1], strings.Join(slices.Sorted(maps.Keys(faults())), ", "))
	}
	if f.do != nil && len(args) > 2 {
		return fmt.Errorf("fault %s takes no path", args[1])
	}
	host, err := a.host(ctx, args[0])
	if err != nil {
		return err
	}
	if f.do != nil {
		return f.do(host, ctx)
	}
	path := defaultFull
	if len(args) > 2 {
		path = args[2]
	}
	return f.atPath(host, ctx, path)
}

func (a *app) envCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "env",
		Short: "Print the lines that lead a shell to the environment's registry and manifest host",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			env, err := vps.Attach(cmd.Context(), a.options())
			if err != nil {
				return err
			}
			for _, line := range env.Environ() {
				name, value, _ := strings.Cut(line, "=")
				fmt.Fprintf(a.out, "export %s='%s'\n", name, strings.ReplaceAll(value, "'", `'\''`))
			}
			return nil
		},
	}
}

type downOptions struct {
	all, everyone, cache bool
}

func (a *app) downCommand() *cobra.Command {
	var o downOptions
	cmd := &cobra.Command{
		Use:   "down [NAME...] [--all | --everyone] [--cache]",
		Short: "Take servers down",
		Long: `Take the named servers down. With --all the whole environment: its servers,
its network, the vendor's hosts. With --everyone the environments of all
owners, tests that run included. With --cache also the images and disks that
make the next start fast.`,
		RunE: func(cmd *cobra.Command, names []string) error {
			if (len(names) > 0) == (o != downOptions{}) {
				return errors.New("down: want either names, or --all, --everyone or --cache")
			}
			if len(names) > 0 {
				return a.downNamed(cmd.Context(), names)
			}
			return a.downAll(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.all, "all", false, "the whole environment")
	f.BoolVar(&o.everyone, "everyone", false, "the environments of all owners")
	f.BoolVar(&o.cache, "cache", false, "the images and disks that are kept")
	return cmd
}

func (a *app) downNamed(ctx context.Context, names []string) error {
	var failed []error
	for _, name := range names {
		host, err := a.host(ctx, name)
		if err == nil {
			err = host.Destroy(ctx)
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

func (a *app) downAll(ctx context.Context, o downOptions) error {
	if o.all {
		if err := vps.Remove(ctx, a.options()); err != nil {
			return err
		}
	}
	if o.everyone {
		if err := vps.RemoveAll(ctx); err != nil {
			return err
		}
	}
	if o.cache {
		return vps.RemoveCache(ctx)
	}
	return nil
}
