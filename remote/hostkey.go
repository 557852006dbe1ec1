package remote

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"
)

// HostKeyProblem says what is wrong with the key of a host.
type HostKeyProblem string

// The reasons to refuse a host.
const (
	HostKeyUnknown HostKeyProblem = "unknown"
	HostKeyChanged HostKeyProblem = "changed"
	HostKeyRevoked HostKeyProblem = "revoked"
	// HostKeyUnchecked: a file of RevokedHostKeys cannot be read, so any key may be revoked.
	HostKeyUnchecked HostKeyProblem = "unchecked"
)

// A KnownKey is a key that a known_hosts file holds for a host.
type KnownKey struct {
	Type        string
	Fingerprint string // "SHA256:…"
	File        string
	Line        int // 0 in a key revocation list, which has none
}

func (k KnownKey) where() string {
	if k.Line == 0 {
		return k.File
	}
	return fmt.Sprintf("%s:%d", k.File, k.Line)
}

// A HostKeyError means that the host could not prove to be the one we know.
type HostKeyError struct {
	Host     string // as Config.Name
	Endpoint string // "address:port", or the alias that known_hosts was asked for
	Kind     HostKeyProblem
	Type     string     // of the key that the host has shown
	Got      string     // its fingerprint
	Want     []KnownKey // the keys on file; for a revoked key, what revokes it or its authority
	Err      error
}

func (e *HostKeyError) Error() string {
	if e.Kind == HostKeyUnchecked {
		return fmt.Sprintf("%s: host key of %s cannot be checked: got %s %s, and %v", e.Host, e.Endpoint, e.Type, e.Got, e.Err)
	}
	s := fmt.Sprintf("%s: host key of %s is %s: got %s %s", e.Host, e.Endpoint, e.Kind, e.Type, e.Got)
	for _, k := range e.Want {
		switch {
		case e.Kind != HostKeyRevoked:
			s += fmt.Sprintf(", %s has %s %s", k.where(), k.Type, k.Fingerprint)
		case k.Fingerprint == e.Got:
			s += fmt.Sprintf(", %s revokes it", k.where())
		default:
			s += fmt.Sprintf(", %s revokes the authority that signed it, %s %s", k.where(), k.Type, k.Fingerprint)
		}
	}
	return s
}

// Unwrap lets errors.Is find both [ErrNotStarted] and the cause.
func (e *HostKeyError) Unwrap() []error { return notStarted(e.Err) }

// A hostKeyCheck holds one host against the known_hosts files, for the length
// of one handshake.
type hostKeyCheck struct {
	host     string
	endpoint string // for messages
	name     string // what known_hosts is asked for, with a port
	known    *knownKeys
	anyType  bool          // ask for whatever key the host has
	passed   bool          // the key was good
	refused  *HostKeyError // why it was not
}

func newHostKeyCheck(c Config) (*hostKeyCheck, error) {
	known, err := c.Known.read(c.keyFiles())
	if err != nil {
		return nil, fmt.Errorf("%w: read known hosts: %w", ErrNotStarted, err)
	}
	if c.Warn != nil {
		for _, line := range known.skipped {
			c.Warn(line + " cannot be read and is left out")
		}
	}
	name, port := c.KnownAs()
	return &hostKeyCheck{
		host: c.Name, endpoint: cmp.Or(c.HostKeyAlias, c.endpoint()), name: net.JoinHostPort(name, strconv.Itoa(port)), known: known,
	}, nil
}

// algorithms asks the host for a key of a kind that is on file. Asked for any,
// a true host may answer with one that is not, and people would learn to
// delete lines. A certificate of that key is asked for first: it may be revoked
// where the key itself is not.
func (h *hostKeyCheck) algorithms() []string {
	if h.anyType {
		return withCertificates(plainHostKeyAlgorithms())
	}
	known := h.known.HostKeyAlgorithms(h.name)
	plain := slices.DeleteFunc(modern(known), isCertAlgorithm)
	if slices.ContainsFunc(known, isCertAlgorithm) {
		// The kind of an authority's key says nothing of the kind of key it
		// has signed, so every certificate is welcome, and before plain keys.
		return append(certHostKeyAlgorithms(), plain...)
	}
	if len(plain) == 0 { // none, or only keys that we do not use any more
		plain = plainHostKeyAlgorithms()
	}
	return withCertificates(plain)
}

// mismatch reports whether a handshake failed because the host has no key of
// any kind on file. Which key it has instead is seen by asking once more.
func (h *hostKeyCheck) mismatch(err error) bool {
	var negotiation *ssh.AlgorithmNegotiationError
	return !h.anyType && errors.As(err, &negotiation) && strings.Contains(negotiation.What, "host key")
}

// nowhere stands for an address, which known_hosts is not asked for where there is a
// name. It must have the form of one.
var nowhere = &net.TCPAddr{IP: net.IPv4zero, Port: defaultPort}

func (h *hostKeyCheck) check(key ssh.PublicKey) error {
	if h.refused = h.revoked(key); h.refused != nil {
		return h.refused
	}
	err := h.lookup(key)
	if cert, ok := key.(*ssh.Certificate); ok && err != nil {
		// Of a certificate that nothing here vouches for the key still counts, as to ssh.
		if plain := h.lookup(cert.Key); plain == nil || len(h.fingerprints(plain)) > 0 {
			err = plain
		}
	}
	if err == nil {
		h.passed = true
		return nil
	}
	h.refused = h.refuse(HostKeyUnknown, key, err)
	if want := h.fingerprints(err); len(want) > 0 {
		h.refused.Kind, h.refused.Want = HostKeyChanged, want
	}
	return h.refused
}

// revoked says what revokes a key: the key itself, that under a certificate, the
// authority that signed it, or the certificate. A line with @revoked counts for every
// host, whatever host it names: a key that leaked has leaked under each of its names.
func (h *hostKeyCheck) revoked(key ssh.PublicKey) *HostKeyError {
	for _, part := range keyParts(key) {
		if revoked, ok := errors.AsType[*xknownhosts.RevokedError](h.lookup(part)); ok {
			e := h.refuse(HostKeyRevoked, key, revoked)
			e.Want = []KnownKey{h.describe(revoked.Revoked)}
			return e
		}
	}
	if h.known.unread != nil {
		return h.refuse(HostKeyUnchecked, key, h.known.unread)
	}
	for _, f := range h.known.revoked {
		if by := f.revokes(key); by != nil {
			e := h.refuse(HostKeyRevoked, key, errRevoked)
			e.Want = []KnownKey{*by}
			return e
		}
	}
	return nil
}

var errRevoked = errors.New("key is revoked")

// lookup asks the known_hosts files.
func (h *hostKeyCheck) lookup(key ssh.PublicKey) error {
	err := h.known.HostKeyCallback()(h.name, nowhere, key)
	if _, cert := key.(*ssh.Certificate); err == nil && !cert && h.onlyAuthority(key) {
		return &xknownhosts.KeyError{} // an authority vouches for hosts, and is none
	}
	return err
}

// onlyAuthority reports whether a key stands on file as an authority and not as the
// host's own, which the library does not tell apart.
func (h *hostKeyCheck) onlyAuthority(key ssh.PublicKey) bool {
	authority := false
	for _, k := range h.known.HostKeys(h.name) {
		if !bytes.Equal(k.Marshal(), key.Marshal()) {
			continue
		}
		if !k.Cert {
			return false
		}
		authority = true
	}
	return authority
}

// fingerprints returns the host's own keys on file, of which the error says that none is
// that of the host.
func (h *hostKeyCheck) fingerprints(err error) (want []KnownKey) {
	mismatch, ok := errors.AsType[*xknownhosts.KeyError](err)
	if !ok {
		return nil
	}
	for _, k := range mismatch.Want {
		if !h.onlyAuthority(k.Key) {
			want = append(want, h.describe(k))
		}
	}
	return want
}

func (h *hostKeyCheck) refuse(kind HostKeyProblem, key ssh.PublicKey, err error) *HostKeyError {
	plain := plainKey(key)
	return &HostKeyError{Host: h.host, Endpoint: h.endpoint, Kind: kind, Type: plain.Type(), Got: ssh.FingerprintSHA256(plain), Err: err}
}

func (h *hostKeyCheck) describe(k xknownhosts.KnownKey) KnownKey {
	return KnownKey{
		Type: k.Key.Type(), Fingerprint: ssh.FingerprintSHA256(k.Key),
		File: cmp.Or(h.known.names[k.Filename], k.Filename), Line: k.Line,
	}
}

// plainKey returns the key inside a certificate, which is what people compare.
func plainKey(key ssh.PublicKey) ssh.PublicKey {
	if cert, ok := key.(*ssh.Certificate); ok {
		return cert.Key
	}
	return key
}
