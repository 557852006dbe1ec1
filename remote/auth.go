package remote

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// An authenticator chooses the keys for one login. It offers at most
// maxAuthTries of them: those that were named, and only when none was named,
// the first ones of the agent.
type authenticator struct {
	ctx   context.Context // of the handshake; Sign has no place for one
	cfg   Config
	chain *chain                 // which cuts the agent off too
	pause func() (resume func()) // stops the handshake's clock while a person types

	tried  []string
	silent bool // the agent owed an answer when the chain was cut
	err    error
}

// heard takes the end of a question to the agent.
func (a *authenticator) heard(err error) error {
	a.silent = a.silent || err != nil && a.chain.isCut()
	return err
}

// late says who was waited for when the time was over.
func (a *authenticator) late() error {
	if a.silent {
		return fmt.Errorf("the agent did not answer: %w", os.ErrDeadlineExceeded)
	}
	return os.ErrDeadlineExceeded
}

// A candidate is a key that may be offered.
type candidate struct {
	from   string
	signer ssh.Signer
}

// signers is called by the handshake when the host key was found good.
func (a *authenticator) signers() ([]ssh.Signer, error) {
	inAgent, agentErr := a.agentKeys()
	if a.silent { // and nobody is there any more to offer a key to
		return nil, agentErr
	}
	found, err := a.identities(inAgent)
	if len(found) == 0 && !a.cfg.IdentitiesOnly {
		found = inAgent
	}
	found, certErr := a.withCertificates(found)
	if len(found) == 0 {
		a.err = errors.Join(errors.New("no identity was found"), err, certErr, agentErr)
		return nil, a.err
	}
	found = found[:min(len(found), maxAuthTries)]
	signers := make([]ssh.Signer, 0, len(found))
	for _, c := range found {
		a.tried = append(a.tried, c.from+" "+ssh.FingerprintSHA256(plainKey(c.signer.PublicKey())))
		signers = append(signers, c.signer)
	}
	return signers, nil
}

// agentKeys lists what the agent holds; no agent is no error.
func (a *authenticator) agentKeys() ([]candidate, error) {
	if a.cfg.AgentSocket == "" {
		return nil, nil
	}
	dialer := net.Dialer{Timeout: 5 * time.Second}
	conn, err := dialer.DialContext(a.ctx, "unix", a.cfg.AgentSocket)
	if err != nil {
		return nil, fmt.Errorf("ask the agent: %w", err)
	}
	a.chain.talkTo(conn)
	signers, err := agent.NewClient(conn).Signers()
	if a.heard(err) != nil {
		return nil, fmt.Errorf("ask the agent: %w", err)
	}
	var found []candidate
	for _, s := range signers {
		if as, ok := s.(ssh.AlgorithmSigner); ok {
			s = &agentSigner{as, a}
		}
		if _, isCert := s.PublicKey().(*ssh.Certificate); isCert {
			found = append(found, candidate{"agent (certificate)", s})
		} else if s, err := modernSigner(s); err == nil {
			found = append(found, candidate{"agent", s})
		}
	}
	return found, nil
}

// identities turns the named files into keys. A key that the agent holds too
// is left to the agent, which spares the passphrase.
func (a *authenticator) identities(inAgent []candidate) ([]candidate, error) {
	var found []candidate
	var problems []error
	for _, file := range a.cfg.Identities {
		s, err := a.identity(file)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		c := candidate{file, s}
		for _, held := range inAgent {
			if sameKey(held.signer.PublicKey(), s.PublicKey()) {
				c = candidate{file + " (agent)", held.signer}
			}
		}
		found = append(found, c)
	}
	return found, errors.Join(problems...)
}

// identity reads one private key file, or the public half beside it when only
// the agent knows the private one.
func (a *authenticator) identity(file string) (ssh.Signer, error) {
	if s := a.cfg.Keys.held(file); s != nil {
		return s, nil
	}
	pemBytes, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) || (err == nil && !bytes.Contains(pemBytes, []byte("PRIVATE KEY"))) {
		if pub, pubErr := readPublicKey(file, file+".pub"); pubErr == nil {
			return &lateSigner{public: pub, load: func() (ssh.Signer, error) {
				return nil, fmt.Errorf("%s: only the public key is here and the agent does not hold the private one", file)
			}}, nil
		}
	}
	if err != nil {
		return nil, err
	}
	s, err := ssh.ParsePrivateKey(pemBytes)
	var locked *ssh.PassphraseMissingError
	switch {
	case err == nil:
		if s, err = modernSigner(s); err == nil {
			a.cfg.Keys.keep(file, s)
		}
		return s, err
	case !errors.As(err, &locked):
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	unlock := func() (ssh.Signer, error) {
		resume := a.pause() // somebody may be typing, for this host or for another
		defer resume()
		return a.cfg.Keys.unlocked(a.ctx, file, func() (ssh.Signer, error) { return a.unlock(file, pemBytes) })
	}
	public := locked.PublicKey
	if public == nil { // the old PEM form does not tell
		if public, err = readPublicKey(file + ".pub"); err != nil {
			return unlock()
		}
	}
	return modernSigner(&lateSigner{public: public, load: unlock})
}

func (a *authenticator) unlock(file string, pemBytes []byte) (ssh.Signer, error) {
	if a.cfg.Passphrase == nil {
		return nil, fmt.Errorf("read %s: the key needs a passphrase and nobody can be asked", file)
	}
	passphrase, err := a.cfg.Passphrase(a.ctx, file)
	if err != nil {
		return nil, fmt.Errorf("passphrase of %s: %w", file, err)
	}
	defer clear(passphrase)
	s, err := ssh.ParsePrivateKeyWithPassphrase(pemBytes, passphrase)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return modernSigner(s)
}

// withCertificates puts before each key the certificate made for it.
func (a *authenticator) withCertificates(keys []candidate) ([]candidate, error) {
	var certs []*ssh.Certificate
	var problems []error
	for _, file := range a.cfg.Certificates {
		pub, err := readPublicKey(file)
		if err != nil {
			problems = append(problems, err)
		} else if cert, ok := pub.(*ssh.Certificate); ok {
			certs = append(certs, cert)
		} else {
			problems = append(problems, fmt.Errorf("%s is not a certificate", file))
		}
	}
	var all []candidate
	for _, k := range keys {
		for _, cert := range certs {
			if !sameKey(cert.Key, k.signer.PublicKey()) {
				continue
			}
			if s, err := ssh.NewCertSigner(cert, k.signer); err == nil {
				all = append(all, candidate{k.from + " (certificate)", s})
			}
		}
		all = append(all, k)
	}
	return all, errors.Join(problems...)
}

func readPublicKey(files ...string) (ssh.PublicKey, error) {
	var last error
	for _, f := range files {
		line, err := os.ReadFile(f)
		if err == nil {
			var key ssh.PublicKey
			if key, _, _, _, err = ssh.ParseAuthorizedKey(line); err == nil {
				return key, nil
			}
			err = fmt.Errorf("read %s: %w", f, err)
		}
		last = err
	}
	return nil, last
}

func sameKey(a, b ssh.PublicKey) bool {
	return bytes.Equal(a.Marshal(), b.Marshal())
}

// modernSigner keeps an RSA key from signing with SHA-1.
func modernSigner(s ssh.Signer) (ssh.Signer, error) {
	if s.PublicKey().Type() != ssh.KeyAlgoRSA {
		return s, nil
	}
	as, ok := s.(ssh.AlgorithmSigner)
	if !ok {
		return nil, errors.New("this RSA key can sign with SHA-1 only")
	}
	return ssh.NewSignerWithAlgorithms(as, rsaSignatures())
}

// An agentSigner notices when the agent does not answer.
type agentSigner struct {
	ssh.AlgorithmSigner
	auth *authenticator
}

func (s *agentSigner) Sign(random io.Reader, data []byte) (*ssh.Signature, error) {
	sig, err := s.AlgorithmSigner.Sign(random, data)
	return sig, s.auth.heard(err)
}

func (s *agentSigner) SignWithAlgorithm(random io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	sig, err := s.AlgorithmSigner.SignWithAlgorithm(random, data, algorithm)
	return sig, s.auth.heard(err)
}

// A lateSigner knows its public key and fetches the private one when the host
// has said that it wants this key.
type lateSigner struct {
	public ssh.PublicKey
	load   func() (ssh.Signer, error)
}

func (l *lateSigner) PublicKey() ssh.PublicKey { return l.public }

func (l *lateSigner) Sign(random io.Reader, data []byte) (*ssh.Signature, error) {
	return l.SignWithAlgorithm(random, data, "")
}

func (l *lateSigner) SignWithAlgorithm(_ io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	s, err := l.load()
	if err != nil {
		return nil, err
	}
	as, ok := s.(ssh.AlgorithmSigner)
	if !ok || algorithm == "" {
		return s.Sign(rand.Reader, data)
	}
	return as.SignWithAlgorithm(rand.Reader, data, algorithm)
}
