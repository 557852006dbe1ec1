package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"liftalot/cmd/internal/ui"
	"liftalot/inventory"
	"liftalot/plan/backup"
)

func (a *app) keyCommand() *cobra.Command {
	var recovery, passphrase bool
	cmd := &cobra.Command{
		Use: "key", Short: "Show the key that backups are encrypted to, or make one",
		Long: `Shows the recipient of this machine's backup key, and makes the key where there is
none: an age identity in the state folder, 0600. With --passphrase the new key is
locked with a passphrase, which each backup and rollback then asks for. A key that
is there is never written over.

With --recovery a second key, to be kept offline, is printed and not kept. Name its
recipient in the inventory: every backup from then on opens with it too, when this
machine is lost.

  defaults:
    backup: {recipients: [age1…]}`,
		Example: `  liftalot key --passphrase
  (umask 077; liftalot key --recovery >recovery.key)`,
		Annotations: exitCodes(exitBackup, exitCancelled),
		Args:        cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if recovery && passphrase {
				return wrongUse(cmd, errors.New("--recovery prints a key and --passphrase locks the one that is kept here: one at a time"))
			}
			if recovery {
				return a.recoveryKey()
			}
			s, err := a.open(nil)
			if err != nil {
				return err
			}
			return s.key(cmd.Context(), passphrase)
		},
	}
	cmd.Flags().BoolVar(&recovery, "recovery", false, "print a new recovery key to keep offline")
	cmd.Flags().BoolVar(&passphrase, "passphrase", false, "lock the new key with a passphrase")
	return cmd
}

// recoveryKey prints a key, and beside it what to do with it. It is the one
// secret this program ever prints, because it is asked to and keeps no copy.
func (a *app) recoveryKey() error {
	id, err := backup.NewIdentity()
	if err != nil {
		return err
	}
	a.out.Printf("# liftalot recovery key: opens every backup that names the recipient below.\n# public key: %s\n%s\n", id.Recipient().String(), id.String())
	a.err.Printf("%s keep this offline; it is stored nowhere. In the inventory:\n  defaults:\n    backup: {recipients: [%s]}\n", ui.Note("recovery key:"), id.Recipient().String())
	return nil
}

// keyFile is this machine's own key.
func (s *session) keyFile() string { return filepath.Join(s.state, "backup.key") }

func (s *session) key(ctx context.Context, locked bool) error {
	made := false
	if _, err := os.Stat(s.keyFile()); errors.Is(err, os.ErrNotExist) {
		id, err := backup.NewIdentity()
		if err != nil {
			return err
		}
		var passphrase []byte
		if locked {
			if passphrase, err = s.newPassphrase(ctx); err != nil {
				return err
			}
		}
		if err := backup.WriteIdentity(s.keyFile(), id, passphrase); err != nil {
			return err
		}
		made, s.own = true, id
	} else if locked {
		return &usageError{fmt.Errorf("there is a key already in %s, and it is never written over: a passphrase is for one that is being made", s.keyFile()), "liftalot key"}
	}
	id, err := s.identity(ctx)
	if err != nil {
		return err
	}
	recipient := id.Recipient().String()
	if s.flags.json {
		return s.out.JSON(map[string]any{"format": 1, "file": s.keyFile(), "recipient": recipient, "made": made})
	}
	if made {
		s.out.Printf("made %s\n", s.keyFile())
	}
	s.out.Printf("recipient %s\nkey file  %s\n", recipient, s.keyFile())
	return nil
}

func (s *session) newPassphrase(ctx context.Context) ([]byte, error) {
	first, err := s.asker.Password(ctx, ui.Textf("new passphrase of the backup key:"))
	if errors.Is(err, ui.ErrNobody) {
		return nil, &usageError{errors.New("a new passphrase is typed at a terminal, and there is none: no key was made"), "liftalot key"}
	}
	if err != nil {
		return nil, err
	}
	again, err := s.asker.Password(ctx, ui.Textf("once more:"))
	if err != nil {
		return nil, err
	}
	if len(first) == 0 || string(first) != string(again) {
		return nil, &usageError{errors.New("the two passphrases differ, or are empty: no key was made"), "liftalot key"}
	}
	return first, nil
}

// identity is this machine's key, made when it is first needed.
func (s *session) identity(ctx context.Context) (*age.X25519Identity, error) {
	s.keyring.Lock()
	defer s.keyring.Unlock()
	if s.own != nil {
		return s.own, nil
	}
	id, made, err := backup.OwnIdentity(s.keyFile(), func() ([]byte, error) {
		got, err := s.ask(ctx, "passphrase of "+s.keyFile())
		return got.Reveal(), err
	})
	if err != nil {
		return nil, err
	}
	if made {
		s.err.Printf("%s backups are encrypted to a key made just now in %s: without it, or a recovery key (liftalot key --recovery), nobody opens them\n",
			ui.Note("note:"), s.keyFile())
	}
	s.own = id
	return id, nil
}

// ownRecipient is the public half of this machine's key, "" where there is none or it
// cannot be read without asking.
func (s *session) ownRecipient() string {
	id, err := backup.ReadIdentity(s.keyFile(), func() ([]byte, error) { return nil, ui.ErrNobody })
	if err != nil {
		return ""
	}
	return id.Recipient().String()
}

// opening is the key that reads what there is. None is made for it: a new one would open
// nothing, and stand where the one that does belongs.
func (s *session) opening(ctx context.Context) (*age.X25519Identity, error) {
	own, err := s.knownIdentity(ctx)
	if err == nil && own == nil {
		err = &backup.KeyError{File: s.keyFile(), Err: errors.New("it is not there; put it, or a recovery key, in its place")}
	}
	return own, err
}

// keys are who can open a host's backups.
func (s *session) keys(ctx context.Context, h inventory.Host) (backup.Keys, error) {
	id, err := s.identity(ctx)
	return backup.Keys{Identity: id, Others: h.Backup.Recipients}, err
}

// taker takes backups of a host.
func (t *target) taker(ctx context.Context, host backup.Runner, track *ui.Track) (*backup.Taker, error) {
	keys, err := t.keys(ctx, t.host)
	if err != nil {
		return nil, err
	}
	return &backup.Taker{
		Host: host, Watch: t.client, Dial: t.anotherClient, Connections: t.connections, Name: t.host.Name, Keys: keys,
		Tell: onTrack(track), Now: t.env.Now,
	}, nil
}
