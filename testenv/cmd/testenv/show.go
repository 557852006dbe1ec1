package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"liftalot/testenv/scenarios"
	"liftalot/testenv/vps"
)

// A server is what up and list print with --json.
type server struct {
	Name         string   `json:"name"`
	Scenario     string   `json:"scenario"`
	State        string   `json:"state"`
	Address      string   `json:"address"`
	Port         int      `json:"port"`
	HostKeys     []string `json:"host_keys,omitempty"`
	User         string   `json:"user"`
	KeyFile      string   `json:"key_file"`
	Sudo         string   `json:"sudo"`
	PasswordFile string   `json:"sudo_password_file,omitempty"`
	ComposeDir   string   `json:"compose_dir"`
	Project      string   `json:"project"`
}

func describe(h *vps.Host, env *vps.Env) server {
	s := server{
		Name: h.Name, Scenario: h.Scenario, State: h.State, Address: h.Addr, Port: h.Port,
		HostKeys: h.HostKeys, User: h.User, KeyFile: h.KeyFile, Sudo: sudoFor(h.User),
		ComposeDir: h.ComposeDir, Project: h.Project,
	}
	if s.Sudo == sudoPassword {
		s.PasswordFile = env.PasswordFile()
	}
	return s
}

// show prints servers for a person or for a program.
func (a *app) show(hosts []*vps.Host, env *vps.Env, asJSON bool) error {
	list := make([]server, 0, len(hosts))
	for _, h := range hosts {
		list = append(list, describe(h, env))
	}
	if asJSON {
		enc := json.NewEncoder(a.out)
		enc.SetIndent("", "  ")
		return enc.Encode(list)
	}
	for _, s := range list {
		fmt.Fprintf(a.out, "%s (%s, %s)\n", s.Name, s.Scenario, s.State)
		fmt.Fprintf(a.out, "  ssh -i %s %s@%s\n", s.KeyFile, s.User, s.Address)
		for _, key := range s.HostKeys {
			fmt.Fprintf(a.out, "  host key     %s\n", key)
		}
		fmt.Fprintf(a.out, "  sudo         %s\n", strings.TrimSpace(s.Sudo+" "+s.PasswordFile))
		fmt.Fprintf(a.out, "  compose      %s, project %s\n", s.ComposeDir, s.Project)
	}
	return nil
}

func (a *app) listCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the servers that are up",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.list(cmd.Context(), asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (a *app) list(ctx context.Context, asJSON bool) error {
	env, err := vps.Attach(ctx, a.options())
	if err != nil {
		return err
	}
	hosts, err := env.Hosts(ctx)
	if err != nil {
		return err
	}
	return a.show(hosts, env, asJSON)
}

func (a *app) scenariosCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "scenarios",
		Short: "List what a server can be like",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			all, err := scenarios.All()
			if err != nil {
				return err
			}
			table := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
			for _, s := range all {
				fmt.Fprintf(table, "%s\t%s\n", s.Name, s.Summary)
			}
			return table.Flush()
		},
	}
}
