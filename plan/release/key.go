package release

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"

	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/dsse"
)

// keyPath is where the vendor publishes the key file.
const keyPath = "/.well-known/keys/chatalot.pub"

// A key is the vendor's, after its file had the fingerprint that is pinned.
type key struct {
	pem      []byte
	sha256   string
	verifier signature.Verifier
}

// newKey holds a key file against its fingerprint and reads it.
func newKey(file []byte, want string) (*key, error) {
	got := sha256Hex(file)
	if got != want {
		return nil, &TrustError{Subject: "the vendor's key", Reason: fmt.Sprintf(
			"its file has the SHA-256 %s and %s is pinned: either the key was changed, which the vendor announces, or this is not the vendor's", got, want), Setting: "cosign_key_sha256: THE SHA-256 THAT THE VENDOR HAS TOLD YOU"}
	}
	verifier, err := readKey(file)
	if err != nil {
		return nil, &TrustError{Subject: "the vendor's key", Reason: err.Error()}
	}
	return &key{pem: file, sha256: got, verifier: verifier}, nil
}

// readKey takes one PEM block with one P-256 key and nothing else, so that
// two programs can not read two keys from the same file.
func readKey(file []byte) (signature.Verifier, error) {
	block, rest := pem.Decode(file)
	if block == nil || len(bytes.TrimSpace(rest)) > 0 || !bytes.HasPrefix(bytes.TrimSpace(file), []byte("-----BEGIN")) {
		return nil, errors.New("its file is not exactly one PEM block")
	}
	pub, err := cryptoutils.UnmarshalPEMToPublicKey(file)
	if err != nil {
		return nil, errors.New("its file holds no public key")
	}
	ec, ok := pub.(*ecdsa.PublicKey)
	if !ok || ec.Curve != elliptic.P256() {
		return nil, errors.New("it is not an ECDSA key on the curve P-256")
	}
	return signature.LoadECDSAVerifier(ec, crypto.SHA256)
}

// errSignature says that a signature does not fit, and no more: why it does
// not is of no use to anyone but a forger.
var errSignature = errors.New("the signature is not one of the pinned key over these bytes")

// verify holds a DER signature against a message.
func (k *key) verify(der, message []byte) error {
	if !isDER(der) || k.verifier.VerifySignature(bytes.NewReader(der), bytes.NewReader(message)) != nil {
		return errSignature
	}
	return nil
}

// isDER keeps the library from trying the other encoding it knows.
func isDER(der []byte) bool {
	var sig struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(der, &sig)
	return err == nil && len(rest) == 0
}

// open holds an envelope (DSSE) of the given payload type against the key and
// returns its payload.
func (k *key) open(envelope []byte, payloadType string) ([]byte, error) {
	var payload []byte
	v := dsse.WrapVerifier(k.verifier, dsse.WithExpectedPayloadType(payloadType), dsse.WithDecodedPayload(&payload))
	if err := v.VerifySignature(bytes.NewReader(envelope), nil); err != nil {
		return nil, errSignature
	}
	return payload, nil
}

func sha256Hex(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
