package remote

import (
	"context"
	"sync"

	"golang.org/x/crypto/ssh"
)

// PrivateKeyCache remembers the private keys that were read from files, for the clients that
// share it. To unlock a key costs a tenth of a second of processor time, on purpose, and a
// thousand hosts would pay it a thousand times. What was unlocked stays in memory as long as
// the cache; a file that was changed is read again. The zero PrivateKeyCache remembers nothing
// yet, a nil one never will.
type PrivateKeyCache struct {
	mu   sync.Mutex
	keys map[string]*keyFile // by name and what the file looked like
}

type keyFile struct {
	gate   chan struct{} // held while somebody unlocks it
	signer ssh.Signer    // nil as long as nobody has
}

func (f *PrivateKeyCache) file(name string) *keyFile {
	at := name + "\x00" + fingerprint([]string{name})
	k := f.keys[at]
	if k == nil {
		k = &keyFile{gate: make(chan struct{}, 1)}
		if f.keys == nil {
			f.keys = map[string]*keyFile{}
		}
		f.keys[at] = k
	}
	return k
}

// held returns the key of a file, or nil if it is not known.
func (f *PrivateKeyCache) held(name string) ssh.Signer {
	if f == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.file(name).signer
}

// keep remembers the key of a file.
func (f *PrivateKeyCache) keep(name string, s ssh.Signer) {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.file(name).signer = s
}

// unlocked returns the key of a file that needs a passphrase. One caller unlocks it,
// the others wait; if that fails the next one tries.
func (f *PrivateKeyCache) unlocked(ctx context.Context, name string, unlock func() (ssh.Signer, error)) (ssh.Signer, error) {
	if f == nil {
		return unlock()
	}
	f.mu.Lock()
	k := f.file(name)
	f.mu.Unlock()
	select {
	case k.gate <- struct{}{}:
		defer func() { <-k.gate }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if s := f.held(name); s != nil {
		return s, nil
	}
	s, err := unlock()
	if err == nil {
		f.keep(name, s)
	}
	return s, err
}
