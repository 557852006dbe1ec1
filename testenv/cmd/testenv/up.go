package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"liftalot/testenv/fakevendor"
	"liftalot/testenv/images"
	"liftalot/testenv/scenarios"
	"liftalot/testenv/vps"
)

type upOptions struct {
	scenario    string
	count       int
	name        string
	json        bool
	inventory   string
	sudo        string
	composeFile string
	release     string
	registry    string
}

func laneNames() string {
	var names []string
	for _, l := range images.Lanes() {
		names = append(names, l.Name)
	}
	return strings.Join(names, ", ")
}

// bootAtOnce is how many servers start side by side: more only get in each
// other's way on a small machine.
const bootAtOnce = 3

func (a *app) upCommand() *cobra.Command {
	o := upOptions{}
	cmd := &cobra.Command{
		Use:   "up --scenario NAME",
		Short: "Start servers",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.up(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.scenario, "scenario", "public", "what the server is like; see testenv scenarios")
	f.IntVar(&o.count, "count", 1, "how many")
	f.StringVar(&o.name, "name", "", "the server's name; with --count it gets a number")
	f.BoolVar(&o.json, "json", false, "print JSON")
	f.StringVar(&o.inventory, "inventory", "", "write a liftalot inventory of all servers to `FILE`, and their host keys beside it")
	f.StringVar(&o.sudo, "sudo", "nopasswd", "how the user becomes root: root, nopasswd or password")
	f.StringVar(&o.registry, "registry", "", "whether the registry asks who is there: anonymous, basic or bearer; by default it stays as it is")
	f.StringVar(&a.lane, "lane", "", "which kind of server: "+laneNames()+"; by default what "+images.LaneEnv+" says, or the first")
	f.StringVar(&o.composeFile, "compose-file", "", "use `FILE` in place of the scenario's compose file")
	f.StringVar(&o.release, "release", "", "the `VERSION` that runs, in place of the scenario's")
	return cmd
}

func (a *app) up(ctx context.Context, o upOptions) error {
	boots, err := o.boots()
	if err != nil {
		return err
	}
	env, err := vps.Open(ctx, a.options())
	if err != nil {
		return err
	}
	hosts := make([]*vps.Host, len(boots))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(bootAtOnce)
	for i, boot := range boots {
		group.Go(func() (err error) {
			hosts[i], err = env.Boot(groupCtx, boot)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if o.registry != "" {
		if err := setRegistry(ctx, env, fakevendor.AuthMode(o.registry)); err != nil {
			return err
		}
	}
	if o.inventory != "" {
		if err := writeInventory(ctx, env, o.inventory); err != nil {
			return err
		}
	}
	return a.show(hosts, env, o.json)
}

// boots turns the flags into one order for each server.
func (o upOptions) boots() ([]vps.BootOptions, error) {
	if _, err := scenarios.Find(o.scenario); err != nil {
		return nil, err
	}
	if o.count < 1 {
		return nil, errors.New("--count: want at least 1")
	}
	user, err := userFor(o.sudo)
	if err != nil {
		return nil, err
	}
	boot := vps.BootOptions{Scenario: o.scenario, Name: o.name, User: user, Release: o.release}
	if o.composeFile != "" {
		if boot.ComposeFile, err = os.ReadFile(o.composeFile); err != nil {
			return nil, fmt.Errorf("--compose-file: %w", err)
		}
	}
	boots := make([]vps.BootOptions, o.count)
	for i := range boots {
		boots[i] = boot
		if o.name != "" && o.count > 1 {
			boots[i].Name = fmt.Sprintf("%s-%d", o.name, i+1)
		}
	}
	return boots, nil
}

// The ways to become root, each with its user.
const (
	sudoRoot     = "root"
	sudoNoPasswd = "nopasswd"
	sudoPassword = "password"
)

func userFor(sudo string) (string, error) {
	switch sudo {
	case sudoRoot:
		return vps.UserRoot, nil
	case sudoNoPasswd:
		return vps.UserDeploy, nil
	case sudoPassword:
		return vps.UserOps, nil
	}
	return "", fmt.Errorf("--sudo %q: want %s, %s or %s", sudo, sudoRoot, sudoNoPasswd, sudoPassword)
}

func sudoFor(user string) string {
	switch user {
	case vps.UserRoot:
		return sudoRoot
	case vps.UserOps:
		return sudoPassword
	}
	return sudoNoPasswd
}
