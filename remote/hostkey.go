package remote

import (
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
)

// A KnownKey is a key that a known_hosts file holds for a host.
type KnownKey struct {
	Type        string
	Fingerprint string // "SHA256:…"
	File        string
	Line        int
}

// A HostKeyError means that the host could not prove to be the one we know.
type HostKeyError struct {
	Host     string // as Config.Name
	Endpoint string // "address:port", or the alias that known_hosts was asked for
	Kind     HostKeyProblem
	Type     string     // of the key that the host has shown
	Got      string     // its fingerprint
	Want     []KnownKey // the keys on file; for a revoked key, the line that revokes
	Err      error
}

func (e *HostKeyError) Error() string {
	s := fmt.Sprintf("%s: host key of %s is %s: got %s %s", e.Host, e.Endpoint, e.Kind, e.Type, e.Got)
	for _, k := range e.Want {
		s += fmt.Sprintf(", %s:%d has %s %s", k.File, k.Line, k.Type, k.Fingerprint)
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
	known, err := c.Known.read(c.KnownHosts, c.UserKnownHosts)
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
// delete lines.
func (h *hostKeyCheck) algorithms() []string {
	if h.anyType {
		return plainHostKeyAlgorithms()
	}
	known := h.known.HostKeyAlgorithms(h.name)
	algorithms := modern(known)
	if slices.ContainsFunc(known, isCertAlgorithm) {
		// The kind of an authority's key says nothing of the kind of key it
		// has signed, so every certificate is welcome, and before plain keys.
		algorithms = append(certHostKeyAlgorithms(), slices.DeleteFunc(algorithms, isCertAlgorithm)...)
	}
	if len(algorithms) == 0 { // none, or only keys that we do not use any more
		return plainHostKeyAlgorithms()
	}
	return algorithms
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
	err := h.known.HostKeyCallback()(h.name, nowhere, key)
	if err == nil {
		h.passed = true
		return nil
	}
	h.refused = h.explain(key, err)
	return h.refused
}

func (h *hostKeyCheck) explain(key ssh.PublicKey, err error) *HostKeyError {
	e := &HostKeyError{
		Host: h.host, Endpoint: h.endpoint, Kind: HostKeyUnknown,
		Type: key.Type(), Got: ssh.FingerprintSHA256(plainKey(key)), Err: err,
	}
	var revoked *xknownhosts.RevokedError
	var mismatch *xknownhosts.KeyError
	switch {
	case errors.As(err, &revoked):
		e.Kind = HostKeyRevoked
		e.Want = []KnownKey{h.describe(revoked.Revoked)}
	case errors.As(err, &mismatch) && len(mismatch.Want) > 0:
		e.Kind = HostKeyChanged
		for _, k := range mismatch.Want {
			e.Want = append(e.Want, h.describe(k))
		}
	}
	return e
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
