package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"liftalot/cmd/internal/ui"
	"liftalot/remote"
)

func (a *app) trustCommand() *cobra.Command {
	var fingerprint string
	cmd := &cobra.Command{
		Use: "trust PATTERN...", Short: "Look at a host's key and remember it",
		Long: `Shows the keys a host presents and, once you agree, remembers them in
known_hosts of the state folder. With --fingerprint nothing is asked: a key with
that fingerprint is remembered and any other is refused.
` + exitHelp,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, patterns []string) error {
			s, err := a.open(patterns)
			if err != nil {
				return err
			}
			if fingerprint != "" && len(s.hosts) != 1 {
				return &usageError{fmt.Errorf("--fingerprint is for one host, the patterns name %d", len(s.hosts)), "liftalot trust"}
			}
			ctx, cancel := a.limited(cmd.Context())
			defer cancel()
			errs := make([]error, len(s.hosts))
			for i, h := range s.hosts {
				errs[i] = s.one(ctx, h, func(ctx context.Context, t *target) error { return t.trust(ctx, fingerprint) })
			}
			return gather(s.hosts, errs)
		},
	}
	cmd.Flags().StringVar(&fingerprint, "fingerprint", "", "the fingerprint the client gave you (SHA256:…)")
	cmd.Flags().BoolVarP(&a.flags.yes, "yes", "y", false, "remember what the host presents, without asking (only where nobody can be in between)")
	return cmd
}

// trust remembers the keys a person agrees to.
func (t *target) trust(ctx context.Context, fingerprint string) error {
	keys, err := remote.Scan(ctx, t.config())
	if err != nil {
		return err
	}
	var chosen []remote.HostKey
	for _, k := range keys {
		if fingerprint == "" || k.Fingerprint == fingerprint {
			chosen = append(chosen, k)
		}
	}
	if len(chosen) == 0 {
		return &remote.HostKeyError{
			Host: t.host.Name, Endpoint: fmt.Sprintf("%s:%d", t.host.Address, t.host.Port), Kind: remote.HostKeyChanged,
			Type: keys[0].Type, Got: keys[0].Fingerprint, Want: []remote.KnownKey{{Type: "the given", Fingerprint: fingerprint, File: "--fingerprint"}},
		}
	}
	for _, k := range chosen {
		t.err.Printf("%s  %s %s\n", ui.Bold(t.host.Name), k.Type, k.Fingerprint)
	}
	if fingerprint == "" {
		if err := t.confirm(ctx, ui.Textf("Is that what the client says the server's key is?")); err != nil {
			return err
		}
	}
	for _, k := range chosen {
		if err := remote.Trust(t.knownHosts(), t.host.Address, t.host.Port, k.Key); err != nil {
			return err
		}
	}
	t.out.Printf("%s  trusted\n", t.host.Name)
	return nil
}
