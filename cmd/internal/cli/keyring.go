package cli

import (
	"context"
	"errors"
	"os"
	"sync"

	"filippo.io/age"

	"liftalot/cmd/internal/ui"
	"liftalot/inventory"
	"liftalot/plan/backup"
)

// A keyring is the key of this machine, which its backups are encrypted to. It is read, and
// unlocked, when it is first needed.
type keyring struct {
	file   string
	dialog *dialog
	term   *terminal

	mu  sync.Mutex
	own *age.X25519Identity
}

// identity is this machine's key, made when it is first needed.
func (k *keyring) identity(ctx context.Context) (*age.X25519Identity, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.own != nil {
		return k.own, nil
	}
	id, made, err := backup.OwnIdentity(k.file, func() ([]byte, error) {
		got, err := k.dialog.ask(ctx, "passphrase of "+k.file)
		return got.Reveal(), err
	})
	if err != nil {
		return nil, err
	}
	if made {
		k.term.err.Printf("%s backups are encrypted to a key made just now in %s: without it, or a recovery key (liftalot key --recovery), nobody opens them\n",
			ui.Note("note:"), k.file)
	}
	k.own = id
	return id, nil
}

// ownRecipient is the public half of this machine's key, "" where there is none or it
// cannot be read without asking.
func (k *keyring) ownRecipient() string {
	id, err := backup.ReadIdentity(k.file, func() ([]byte, error) { return nil, ui.ErrNobody })
	if err != nil {
		return ""
	}
	return id.Recipient().String()
}

// opening is the key that reads what there is. None is made for it: a new one would open
// nothing, and stand where the one that does belongs.
func (k *keyring) opening(ctx context.Context) (*age.X25519Identity, error) {
	own, err := k.knownIdentity(ctx)
	if err == nil && own == nil {
		err = &backup.KeyError{File: k.file, Err: errors.New("it is not there; put it, or a recovery key, in its place")}
	}
	return own, err
}

// keys are who can open a host's backups.
func (k *keyring) keys(ctx context.Context, h inventory.Host) (backup.Keys, error) {
	id, err := k.identity(ctx)
	return backup.Keys{Identity: id, Others: h.Backup.Recipients}, err
}

// knownIdentity is this machine's key, nil where there is none: a list makes none.
func (k *keyring) knownIdentity(ctx context.Context) (*age.X25519Identity, error) {
	if _, err := os.Stat(k.file); errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return k.identity(ctx)
}
