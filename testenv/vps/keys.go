package vps

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/crypto/ssh"
)

// keys are what opens the servers of one environment.
type keys struct {
	file       string // private key, as ssh wants it
	authorized []byte // its public half, a line
	password   string // what sudo asks the user ops for
}

const (
	keyName      = "id_ed25519"
	passwordName = "ops-password"
)

// makeKeys returns the keys in the folder, new ones if there are none.
func makeKeys(folder string) (keys, error) {
	k, err := loadKeys(folder)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return keys{}, fmt.Errorf("make keys: %w", err)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return keys{}, fmt.Errorf("make keys: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		return keys{}, fmt.Errorf("make keys: %w", err)
	}
	line, err := ssh.NewPublicKey(public)
	if err != nil {
		return keys{}, fmt.Errorf("make keys: %w", err)
	}
	// The private key comes last: its presence says that all are there.
	for _, f := range []struct {
		name string
		data []byte
	}{
		{passwordName, []byte(rand.Text())},
		{keyName + ".pub", ssh.MarshalAuthorizedKey(line)},
		{keyName, pem.EncodeToMemory(block)},
	} {
		if err := os.WriteFile(filepath.Join(folder, f.name), f.data, 0o600); err != nil {
			return keys{}, fmt.Errorf("make keys: %w", err)
		}
	}
	return loadKeys(folder)
}

func loadKeys(folder string) (keys, error) {
	k := keys{file: filepath.Join(folder, keyName)}
	if _, err := os.Stat(k.file); err != nil {
		return keys{}, fmt.Errorf("load keys: %w", err)
	}
	password, err := os.ReadFile(filepath.Join(folder, passwordName))
	if err != nil {
		return keys{}, fmt.Errorf("load keys: %w", err)
	}
	k.password = string(password)
	if k.authorized, err = os.ReadFile(k.file + ".pub"); err != nil {
		return keys{}, fmt.Errorf("load keys: %w", err)
	}
	return k, nil
}
