package release

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
)

// maxSignature bounds a signature file; a bundle with certificates and a log
// entry takes some ten thousand bytes.
const maxSignature = 64 << 10

// signatureSuffixes are the places of a manifest's signature, in the order in
// which they are tried.
func signatureSuffixes() []string { return []string{".sig", ".bundle", ".sigstore.json"} }

// A detached signature, and the SHA-256 of its message if it names one.
type detached struct {
	der    []byte
	digest []byte
}

// parseDetached reads a signature file in any of the forms that cosign writes.
func parseDetached(file []byte) (detached, error) {
	text := bytes.TrimSpace(file)
	switch {
	case len(file) > maxSignature:
		return detached{}, fmt.Errorf("it has more than %d bytes", maxSignature)
	case len(text) == 0:
		return detached{}, errors.New("it is empty")
	case text[0] == '{':
		return parseBundle(text)
	}
	der, err := decodeDER(string(text))
	return detached{der: der}, err
}

func decodeDER(text string) ([]byte, error) {
	der, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, errors.New("it is not base64")
	}
	if !isDER(der) {
		return nil, errors.New("it is not an ECDSA signature in DER")
	}
	return der, nil
}

// parseBundle reads cosign's older bundle and the current one of a blob.
func parseBundle(text []byte) (detached, error) {
	var b struct {
		Base64Signature  string `json:"base64Signature"`
		MessageSignature struct {
			MessageDigest struct {
				Algorithm string `json:"algorithm"`
				Digest    string `json:"digest"`
			} `json:"messageDigest"`
			Signature string `json:"signature"`
		} `json:"messageSignature"`
	}
	if err := json.Unmarshal(text, &b); err != nil {
		return detached{}, errors.New("it is a bundle that is not JSON")
	}
	if b.Base64Signature != "" {
		der, err := decodeDER(b.Base64Signature)
		return detached{der: der}, err
	}
	if b.MessageSignature.Signature == "" {
		return detached{}, errors.New("it is a bundle without the signature of a message")
	}
	der, err := decodeDER(b.MessageSignature.Signature)
	if err != nil {
		return detached{}, err
	}
	digest := b.MessageSignature.MessageDigest
	if digest.Digest == "" {
		return detached{der: der}, nil
	}
	sum, err := base64.StdEncoding.DecodeString(digest.Digest)
	if err != nil || digest.Algorithm != "SHA2_256" || len(sum) != sha256.Size {
		return detached{}, errors.New("it is a bundle over something else than a SHA-256")
	}
	return detached{der: der, digest: sum}, nil
}

// verifyDetached holds a signature file against a message.
func (k *key) verifyDetached(file, message []byte) error {
	d, err := parseDetached(file)
	if err != nil {
		return err
	}
	if sum := sha256.Sum256(message); d.digest != nil && !bytes.Equal(d.digest, sum[:]) {
		return errSignature
	}
	return k.verify(d.der, message)
}
