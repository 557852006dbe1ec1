package remote

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/crypto/ssh"
)

// maxRevoked bounds a file of revoked keys. One with a hundred thousand keys of the
// longest kind has 60 MiB.
const maxRevoked = 64 << 20

// A revokedFile is what a file of RevokedHostKeys revokes: a list of public keys, or
// a key revocation list.
type revokedFile struct {
	name  string
	lines map[string]int // public key in wire format to line
	list  *revocationList
}

// readRevokedFiles reads all files. One that is not there or cannot be read is an error
// with its name: what it revokes is not known, so no key can be believed, as
// ssh_config(5) has it.
func readRevokedFiles(names []string) ([]revokedFile, error) {
	var files []revokedFile
	for _, name := range names {
		f, err := readRevokedFile(name)
		if err != nil {
			return nil, fmt.Errorf("the file of revoked keys %s cannot be read: %w", name, pathless(err))
		}
		files = append(files, f)
	}
	return files, nil
}

// pathless leaves out the name of a file that the sentence has already.
func pathless(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

func readRevokedFile(name string) (revokedFile, error) {
	f, err := os.Open(name)
	if err != nil {
		return revokedFile{}, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxRevoked+1))
	if err != nil {
		return revokedFile{}, err
	}
	if len(data) > maxRevoked {
		return revokedFile{}, fmt.Errorf("it is larger than %d MiB", maxRevoked>>20)
	}
	revoked := revokedFile{name: name}
	if bytes.HasPrefix(data, []byte(krlMagic)) {
		revoked.list, err = parseKRL(data)
		return revoked, err
	}
	revoked.lines, err = parseRevokedKeys(data)
	return revoked, err
}

// parseRevokedKeys reads one public key a line, between blank lines and comments. A line
// that is none of these is an error, as it is to ssh: nobody knows which key it means.
func parseRevokedKeys(data []byte) (map[string]int, error) {
	keys := map[string]int{}
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		line = strings.TrimRight(strings.TrimLeft(line, " \t"), " \t\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		key, err := parseKeyLine(line)
		if err != nil {
			return nil, fmt.Errorf("line %d is no public key: %w", n, err)
		}
		if blob := string(plainKey(key).Marshal()); keys[blob] == 0 {
			keys[blob] = n
		}
	}
	return keys, nil
}

func parseKeyLine(line string) (ssh.PublicKey, error) {
	words := strings.FieldsFunc(line, func(c rune) bool { return c == ' ' || c == '\t' })
	if len(words) < 2 {
		return nil, errors.New("a kind and a key are expected")
	}
	blob, err := base64.StdEncoding.DecodeString(words[1])
	if err != nil {
		return nil, err
	}
	key, err := ssh.ParsePublicKey(blob)
	if err == nil && key.Type() != words[0] {
		err = fmt.Errorf("it says %q and is %q", words[0], key.Type())
	}
	return key, err
}

// revokes returns what revokes a key, or nil.
func (f *revokedFile) revokes(key ssh.PublicKey) *KnownKey {
	if f.list != nil {
		if part := f.list.revokes(key); part != nil {
			return &KnownKey{Type: part.Type(), Fingerprint: ssh.FingerprintSHA256(part), File: f.name}
		}
		return nil
	}
	for _, part := range keyParts(key) {
		if line := f.lines[string(part.Marshal())]; line > 0 {
			return &KnownKey{Type: part.Type(), Fingerprint: ssh.FingerprintSHA256(part), File: f.name, Line: line}
		}
	}
	return nil
}

// keyParts are the keys that vouch for a host: its own, and of a certificate the
// authority's too.
func keyParts(key ssh.PublicKey) []ssh.PublicKey {
	parts := []ssh.PublicKey{plainKey(key)}
	if cert, ok := key.(*ssh.Certificate); ok {
		parts = append(parts, plainKey(cert.SignatureKey))
	}
	return parts
}
