package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"liftalot/cmd/internal/ui"
	"liftalot/plan/backup"
)

func keyCommand(a *app) *cobra.Command {
	var recovery, passphrase bool
	cmd := &cobra.Command{
		Use: "key", Short: "Show the key that backups are encrypted to, or make one",
		Long: `Shows the recipient of this machine's backup key, and makes the key where there is
none: an age identity in the state folder, 0600. With --passphrase the new key is
locked with a passphrase, which each backup and rollback then asks for. A key that
is there is never written over.

With --recovery a second key, to be kept offline, is printed and not kept. Name its
recipient in the inventory: every backup from then on opens with it too, when this
machine is lost. A file that others can read is refused.

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
				if err := refuseOpenFile(a.env.Stdout); err != nil {
					return wrongUse(cmd, err)
				}
				return a.term.recoveryKey()
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

// refuseOpenFile refuses to write a private key into a file that others can read.
func refuseOpenFile(w io.Writer) error {
	file, ok := w.(*os.File)
	if !ok {
		return nil
	}
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o077 == 0 || os.PathSeparator != '/' {
		return nil
	}
	return fmt.Errorf("the file that the key would go to can be read by others (mode %04o), and no key was made: "+
		"remove it, then: (umask 077; liftalot key --recovery >FILE)", info.Mode().Perm())
}

// recoveryKey prints a key, and beside it what to do with it. It is the one
// secret this program ever prints, because it is asked to and keeps no copy.
func (t *terminal) recoveryKey() error {
	id, err := backup.NewIdentity()
	if err != nil {
		return err
	}
	t.out.Printf("# liftalot recovery key: opens every backup that names the recipient below.\n# public key: %s\n%s\n", id.Recipient().String(), id.String())
	t.err.Printf("%s keep this offline; it is stored nowhere. In the inventory:\n  defaults:\n    backup: {recipients: [%s]}\n", ui.Note("recovery key:"), id.Recipient().String())
	return nil
}

func (s *session) key(ctx context.Context, locked bool) error {
	made := false
	if _, err := os.Stat(s.keyring.file); errors.Is(err, os.ErrNotExist) {
		id, err := backup.NewIdentity()
		if err != nil {
			return err
		}
		var passphrase []byte
		if locked {
			if passphrase, err = s.dialog.newPassphrase(ctx); err != nil {
				return err
			}
		}
		if err := backup.WriteIdentity(s.keyring.file, id, passphrase); err != nil {
			return err
		}
		made, s.keyring.own = true, id
	} else if locked {
		return &usageError{fmt.Errorf("there is a key already in %s, and it is never written over: a passphrase is for one that is being made", s.keyring.file), "liftalot key"}
	}
	id, err := s.keyring.identity(ctx)
	if err != nil {
		return err
	}
	recipient := id.Recipient().String()
	if s.app.flags.json {
		return s.term.out.JSON(map[string]any{"format": 1, "file": s.keyring.file, "recipient": recipient, "made": made})
	}
	if made {
		s.term.out.Printf("made %s\n", s.keyring.file)
	}
	s.term.out.Printf("recipient %s\nkey file  %s\n", recipient, s.keyring.file)
	return nil
}
