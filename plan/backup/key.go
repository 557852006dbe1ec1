package backup

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"
)

// Keys say who can open a backup. Identity is this machine's own key: with it a
// backup is opened again before it counts as proven. It is a recipient of every
// backup that is taken here.
type Keys struct {
	Identity *age.X25519Identity
	Others   []string // further recipients, "age1…"
}

// recipients are all that a backup is encrypted to.
func (k Keys) recipients() (list []age.Recipient, names []string, err error) {
	if k.Identity == nil {
		return nil, nil, errors.New("there is no key to encrypt to")
	}
	own := k.Identity.Recipient()
	list, names = []age.Recipient{own}, []string{own.String()}
	for _, text := range k.Others {
		r, err := age.ParseX25519Recipient(text)
		if err != nil {
			return nil, nil, fmt.Errorf("recipient %q: %w", text, err)
		}
		if r.String() != own.String() {
			list, names = append(list, r), append(names, r.String())
		}
	}
	return list, names, nil
}

// NewIdentity makes a key.
func NewIdentity() (*age.X25519Identity, error) { return age.GenerateX25519Identity() }

// WriteIdentity writes a key to a file that must not be there yet, 0600, in the
// form age itself reads: in plain text, or encrypted with a passphrase.
func WriteIdentity(path string, id *age.X25519Identity, passphrase []byte) (err error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# public key: %s\n%s\n", id.Recipient(), id)
	if len(passphrase) > 0 {
		if b, err = encryptKey(b.Bytes(), passphrase); err != nil {
			return fmt.Errorf("lock the key: %w", err)
		}
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write the key: %w", err)
	}
	_, err = f.Write(b.Bytes())
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write the key: %w", errors.Join(err, os.Remove(path)))
	}
	return nil
}

func encryptKey(plain, passphrase []byte) (b bytes.Buffer, err error) {
	r, err := age.NewScryptRecipient(string(passphrase))
	if err != nil {
		return b, err
	}
	a := armor.NewWriter(&b)
	w, err := age.Encrypt(a, r)
	if err != nil {
		return b, err
	}
	_, err = w.Write(plain)
	return b, errors.Join(err, w.Close(), a.Close())
}

// OwnIdentity reads this machine's key, and makes one where there is none: a
// backup that lies in plain text until somebody thinks of a key is worse.
func OwnIdentity(path string, passphrase func() ([]byte, error)) (id *age.X25519Identity, made bool, err error) {
	id, err = ReadIdentity(path, passphrase)
	if !isMissing(err) {
		return id, false, err
	}
	if id, err = NewIdentity(); err != nil {
		return nil, false, fmt.Errorf("make a key: %w", err)
	}
	err = WriteIdentity(path, id, nil)
	if errors.Is(err, fs.ErrExist) { // another run of this program was quicker
		id, err = ReadIdentity(path, passphrase)
		return id, false, err
	}
	return id, err == nil, err
}

// maxKeyFile bounds a key file: one key takes 150 bytes, 500 when it is locked.
const maxKeyFile = 64 << 10

// KeyError reports a key file that cannot be used. A missing one wraps
// [fs.ErrNotExist].
type KeyError struct {
	File string
	Err  error
}

func (e *KeyError) Error() string { return fmt.Sprintf("the backup key %s: %v", e.File, e.Err) }
func (e *KeyError) Unwrap() error { return e.Err }

// ReadIdentity reads a key file. Passphrase is asked where it is locked.
func ReadIdentity(path string, passphrase func() ([]byte, error)) (*age.X25519Identity, error) {
	id, err := readIdentity(path, passphrase)
	if err != nil {
		return nil, &KeyError{path, err}
	}
	return id, nil
}

func readIdentity(path string, passphrase func() ([]byte, error)) (*age.X25519Identity, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fs.ErrNotExist
	}
	if info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		return nil, fmt.Errorf("others may read it (mode %04o): chmod 600 it", info.Mode().Perm())
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(string(data), armor.Header) {
		if data, err = decryptKey(data, passphrase); err != nil {
			return nil, err
		}
	}
	ids, err := age.ParseIdentities(bytes.NewReader(data))
	if err != nil {
		return nil, errors.New("it holds no age identity") // the cause may quote it
	}
	id, ok := ids[0].(*age.X25519Identity)
	if !ok || len(ids) != 1 {
		return nil, errors.New("it must hold one X25519 identity")
	}
	return id, nil
}

func decryptKey(data []byte, passphrase func() ([]byte, error)) ([]byte, error) {
	typed, err := passphrase()
	if err != nil {
		return nil, err
	}
	id, err := age.NewScryptIdentity(string(typed))
	if err != nil {
		return nil, err
	}
	r, err := age.Decrypt(armor.NewReader(bytes.NewReader(data)), id)
	if err != nil {
		return nil, errors.New("the passphrase does not open it")
	}
	return io.ReadAll(io.LimitReader(r, maxKeyFile))
}
