package cli

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"liftalot/cmd/internal/ui"
	"liftalot/remote"
)

func trustCommand(a *app) *cobra.Command {
	var fingerprints []string
	cmd := &cobra.Command{
		Use: "trust PATTERN...", Short: "Look at a host's key and remember it",
		Long: `Shows the keys a host presents and, once you agree, remembers them in known_hosts of
the state folder. The fingerprint that the client gave you, pasted in place of a yes,
is compared, and only the key that has it is remembered. A jump host on the way that
is not known yet comes first, and of a host whose key is known nothing is asked. With
--fingerprint nothing is asked: a key with that fingerprint is remembered and any
other is refused. It can be given more than once, for a jump host and the host behind
it. A key that was revoked is refused, whoever agrees.`,
		Example: `  liftalot trust acme
  liftalot trust acme --fingerprint SHA256:UER4nm+aP3yVR6etTZBJxBwXzub543OEpJjsYJ5dnS8`,
		Annotations: exitCodes(exitAuth, exitHostKey, exitUnreachable, exitAlgorithms, exitCancelled),
		Args:        cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, patterns []string) error {
			for i, text := range fingerprints {
				form, err := parseFingerprint(text)
				if err != nil {
					return wrongUse(cmd, err)
				}
				fingerprints[i] = form
			}
			s, err := a.open(patterns)
			if err != nil {
				return err
			}
			if len(fingerprints) > 0 && len(s.hosts) != 1 {
				return &usageError{fmt.Errorf("--fingerprint is for one host, the patterns name %d", len(s.hosts)), "liftalot trust"}
			}
			ctx, cancel := a.limited(cmd.Context())
			defer cancel()
			errs := make([]error, len(s.hosts))
			for i, h := range s.hosts {
				errs[i] = s.one(ctx, h, func(ctx context.Context, t *target) error { return t.trust(ctx, fingerprints) })
			}
			return gather(s.hosts, errs)
		},
	}
	cmd.Flags().StringArrayVar(&fingerprints, "fingerprint", nil, "the fingerprint the client gave you (SHA256:…)")
	cmd.Flags().BoolVarP(&a.flags.yes, "yes", "y", false, "remember what the host presents, without asking (only where nobody can be in between)")
	return cmd
}

// parseFingerprint takes a fingerprint in the forms in which people pass it on, and
// returns it as OpenSSH prints it: "SHA256:" and base64 without padding. A whole line of
// "ssh-keygen -lf" is one of them.
func parseFingerprint(text string) (string, error) {
	sum := strings.TrimSpace(text)
	if words := strings.Fields(text); len(words) > 2 && strings.HasPrefix(words[1], "SHA256:") {
		sum = words[1]
	}
	sum = strings.TrimRight(strings.TrimPrefix(sum, "SHA256:"), "=")
	if raw, err := base64.RawStdEncoding.DecodeString(sum); err != nil || len(raw) != sha256.Size {
		return "", fmt.Errorf("%q is no fingerprint: one is SHA256: and 43 letters and digits, and MD5 is not taken; on the server: "+
			"ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub", text)
	}
	return "SHA256:" + sum, nil
}

// trust remembers the keys a person agrees to: those of the jump hosts that nobody
// knows yet, because the host is seen through them, and then its own. With
// fingerprints it is they who agree, each to one machine.
func (t *target) trust(ctx context.Context, given []string) error {
	meet := &trustDialog{target: t, given: slices.Clone(given), byPerson: len(given) == 0}
	host := t.ssh.config(t.host)
	for i, jump := range host.Jumps {
		jump.Jumps = host.Jumps[:i]
		var refused *remote.HostKeyError
		switch err := remote.CheckHostKey(ctx, jump); {
		case err == nil:
			if err := meet.passed(ctx, jump); err != nil {
				return err
			}
			continue
		case !errors.As(err, &refused) || refused.Kind != remote.HostKeyUnknown:
			return err
		}
		if err := meet.machine(ctx, jump, ui.Textf("Is that the key of the jump host %s, on the way to %s?", jump.Name, host.Name)); err != nil {
			return err
		}
		t.term.out.Printf("%s  trusted, on the way to %s\n", jump.Name, host.Name)
	}
	if meet.byPerson && remote.CheckHostKey(ctx, host) == nil {
		t.term.out.Printf("%s  already trusted\n", host.Name)
		return nil
	}
	if err := meet.machine(ctx, host, ui.Textf("Is that what the client says the server's key is?")); err != nil {
		return err
	}
	t.term.out.Printf("%s  trusted\n", host.Name)
	return nil
}

// A trustDialog is the way to a host whose keys are to be remembered.
type trustDialog struct {
	target   *target
	given    []string // fingerprints that no machine has shown yet
	byPerson bool     // none were given: a person is asked
}

// passed uses up the fingerprints of a jump host that is known already: they vouch for
// it, and not for what it says is behind it.
func (m *trustDialog) passed(ctx context.Context, jump remote.Config) error {
	if len(m.given) == 0 {
		return nil
	}
	keys, err := remote.Scan(ctx, jump)
	m.take(keys)
	return err
}

// machine remembers the keys of one machine on the way, or of the host.
func (m *trustDialog) machine(ctx context.Context, at remote.Config, question ui.Text) error {
	keys, err := remote.Scan(ctx, at)
	if err != nil {
		return err
	}
	chosen := keys
	if !m.byPerson {
		if chosen = m.take(keys); len(chosen) == 0 {
			return m.stranger(at, keys[0])
		}
	}
	for _, k := range chosen {
		if err := remote.CheckRevoked(at, k); err != nil {
			return err
		}
	}
	for _, k := range chosen {
		m.target.term.err.Printf("%s  %s %s\n", ui.Bold(at.Name), k.Type, k.Fingerprint)
	}
	if m.byPerson {
		if chosen, err = m.agreed(ctx, keys, question); err != nil {
			return err
		}
		if len(chosen) == 0 {
			return m.stranger(at, keys[0])
		}
	}
	name, port := at.KnownAs()
	for _, k := range chosen {
		if err := remote.AddKnownHost(m.target.ssh.known, name, port, k.Key); err != nil {
			return err
		}
	}
	return nil
}

// agreed asks a person about the keys of a machine, and returns those that are agreed to:
// all, or the one with the fingerprint that was typed in place of a yes.
func (m *trustDialog) agreed(ctx context.Context, keys []remote.HostKey, question ui.Text) ([]remote.HostKey, error) {
	d, chosen := m.target.dialog, keys
	err := d.confirmed("say --fingerprint SHA256:… with what the client gave you, or --yes where nobody can be in between", func() (bool, error) {
		return d.asker.ConfirmOr(ctx, question, "fingerprint", func(typed string) bool {
			form, err := parseFingerprint(typed)
			if err == nil {
				m.given = []string{form}
				chosen = m.take(keys)
			}
			return err == nil
		})
	})
	return chosen, err
}

// take picks the keys whose fingerprints were given. A fingerprint is used up by the
// machine that shows it: a jump host must not pass for the host behind it.
func (m *trustDialog) take(keys []remote.HostKey) (chosen []remote.HostKey) {
	for _, k := range keys {
		if i := slices.Index(m.given, k.Fingerprint); i >= 0 {
			m.given = slices.Delete(m.given, i, i+1)
			chosen = append(chosen, k)
		}
	}
	return chosen
}

// stranger is a machine that shows none of the keys that it may have.
func (m *trustDialog) stranger(at remote.Config, shown remote.HostKey) error {
	err := &remote.HostKeyError{
		Host: at.Name, Endpoint: cmp.Or(at.HostKeyAlias, net.JoinHostPort(at.Address, strconv.Itoa(at.Port))),
		Kind: remote.HostKeyUnknown, Type: shown.Type, Got: shown.Fingerprint,
	}
	if len(m.given) == 0 {
		return err
	}
	hint := "nothing of it was remembered: ask the client again, and whether that is the server which was meant"
	if at.Name != m.target.host.Name && !m.byPerson {
		hint = fmt.Sprintf("%s is the jump host on the way: compare its fingerprint too, then: liftalot trust %s --fingerprint %s --fingerprint %s",
			at.Name, m.target.host.Name, shown.Fingerprint, strings.Join(m.given, " --fingerprint "))
	}
	return &hostError{host: m.target.host.Name, code: exitHostKey, err: withHost(m.target.host.Name, fmt.Errorf("%w, which was not given", err)), hint: hint}
}
