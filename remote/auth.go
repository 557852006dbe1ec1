package remote

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// An authenticator chooses the keys for one login, in the order of ssh: the named ones that
// the agent holds, the agent's others unless only named ones are wanted, and those of which
// only a file is there. It offers at most maxAuthTries of them; where there are more, the
// named ones come first.
type authenticator struct {
	ctx   context.Context // of the handshake; Sign has no place for one
	cfg   Config
	link  *link                  // which cuts the agent off too
	pause func() (resume func()) // stops the handshake's clock while a person types

	tried   []string
	untried int
	silent  bool // the agent owed an answer when the link was cut
	err     error

	signed bool   // a key was accepted, and has signed
	given  string // what it got beside a key
	wants  string // what the host asked for beside a key, and did not get
	why    error
}

// noteSilence passes an error on, and notes whether the connection was cut while the agent was asked.
func (a *authenticator) noteSilence(err error) error {
	a.silent = a.silent || err != nil && a.link.isCut()
	return err
}

// timeoutError says who was waited for when the time was over.
func (a *authenticator) timeoutError() error {
	if a.silent {
		return fmt.Errorf("the agent did not answer: %w", os.ErrDeadlineExceeded)
	}
	return os.ErrDeadlineExceeded
}

// A candidate is a key that may be offered.
type candidate struct {
	from   string
	signer ssh.Signer
	named  bool
}

// signers is called by the handshake when the host key was found good.
func (a *authenticator) signers() ([]ssh.Signer, error) {
	inAgent, agentErr := a.agentKeys()
	if a.silent { // and nobody is there any more to offer a key to
		return nil, agentErr
	}
	found, err := a.identities(inAgent)
	found, certErr := a.withCertificates(found)
	if len(found) == 0 {
		a.err = errors.Join(errors.New("no identity was found"), err, certErr, agentErr)
		return nil, a.err
	}
	if len(found) > maxAuthTries {
		slices.SortStableFunc(found, func(x, y candidate) int { return rank(x) - rank(y) })
		a.untried = len(found) - maxAuthTries
		found = found[:maxAuthTries]
	}
	signers := make([]ssh.Signer, 0, len(found))
	for _, c := range found {
		a.tried = append(a.tried, c.from+" "+ssh.FingerprintSHA256(plainKey(c.signer.PublicKey())))
		signers = append(signers, a.noteUse(c.signer))
	}
	return signers, nil
}

func rank(c candidate) int {
	if c.named {
		return 0
	}
	return 1
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
	a.link.talkTo(conn)
	signers, err := agent.NewClient(conn).Signers()
	if a.noteSilence(err) != nil {
		return nil, fmt.Errorf("ask the agent: %w", err)
	}
	var found []candidate
	for _, s := range signers {
		if as, ok := s.(ssh.AlgorithmSigner); ok {
			s = &agentSigner{as, a}
		}
		if _, isCert := s.PublicKey().(*ssh.Certificate); isCert {
			found = append(found, candidate{from: "agent (certificate)", signer: s})
		} else if s, err := modernSigner(s); err == nil {
			found = append(found, candidate{from: "agent", signer: s})
		}
	}
	return found, nil
}

// identities turns the named files into keys, and puts them among those of the agent. A key
// that the agent holds too is left to the agent, which spares the passphrase.
func (a *authenticator) identities(inAgent []candidate) ([]candidate, error) {
	var files, held, others []candidate
	var problems []error
	inFile := map[string]string{} // by the public key
	for _, file := range a.cfg.Identities {
		s, err := a.identity(file, inAgent)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		blob := string(s.PublicKey().Marshal())
		if inFile[blob] == "" && !slices.ContainsFunc(inAgent, func(c candidate) bool { return sameKey(c.signer.PublicKey(), s.PublicKey()) }) {
			files = append(files, candidate{file, s, true})
		}
		inFile[blob] = cmp.Or(inFile[blob], file)
	}
	for _, c := range inAgent {
		if file := inFile[string(plainKey(c.signer.PublicKey()).Marshal())]; file != "" {
			held = append(held, candidate{file + " (agent)", c.signer, true})
		} else if !a.cfg.IdentitiesOnly {
			others = append(others, c)
		}
	}
	return slices.Concat(held, others, files), errors.Join(problems...)
}

// identity reads one private key file, or the public half beside it when only the agent
// has the private one: it is not here, or sits in a device.
func (a *authenticator) identity(file string, inAgent []candidate) (ssh.Signer, error) {
	if s := a.cfg.Keys.held(file); s != nil {
		return s, nil
	}
	public, pubErr := readPublicKey(file+".pub", file)
	if pubErr == nil {
		for _, held := range inAgent {
			if sameKey(plainKey(held.signer.PublicKey()), plainKey(public)) {
				return &lateSigner{public: plainKey(public)}, nil // which is never asked to sign
			}
		}
	}
	pemBytes, err := os.ReadFile(file)
	if pubErr == nil && (errors.Is(err, os.ErrNotExist) || err == nil && !bytes.Contains(pemBytes, []byte("PRIVATE KEY"))) {
		return nil, fmt.Errorf("%s: only the public key is here and the agent does not hold the private one", file)
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
	case !errors.As(err, &locked) && pubErr == nil && strings.HasPrefix(public.Type(), "sk-"):
		return nil, fmt.Errorf("%s sits in a device, which only an agent can ask: ssh-add %s", file, file)
	case !errors.As(err, &locked):
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	unlock := func() (ssh.Signer, error) {
		resume := a.pause() // somebody may be typing, for this host or for another
		defer resume()
		return a.cfg.Keys.unlocked(a.ctx, file, func() (ssh.Signer, error) { return a.unlock(file, pemBytes) })
	}
	if locked.PublicKey != nil {
		public = locked.PublicKey
	} else if pubErr != nil { // the old PEM form does not tell
		return unlock()
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
	read := func(file string) {
		pub, err := readPublicKey(file)
		if err != nil {
			problems = append(problems, err)
		} else if cert, ok := pub.(*ssh.Certificate); ok {
			certs = append(certs, cert)
		} else {
			problems = append(problems, fmt.Errorf("%s is not a certificate", file))
		}
	}
	for _, file := range a.cfg.Certificates {
		read(file)
	}
	for _, key := range a.cfg.Identities { // beside a key, as Vault and step write it
		if file := strings.TrimSuffix(key, ".pub") + "-cert.pub"; exists(file) {
			read(file)
		}
	}
	var all []candidate
	for _, k := range keys {
		for _, cert := range certs {
			if !sameKey(cert.Key, k.signer.PublicKey()) {
				continue
			}
			if s, err := ssh.NewCertSigner(cert, k.signer); err == nil {
				all = append(all, candidate{k.from + " (certificate)", s, true})
			}
		}
		all = append(all, k)
	}
	return all, errors.Join(problems...)
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
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
	return sig, s.auth.noteSilence(err)
}

func (s *agentSigner) SignWithAlgorithm(random io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	sig, err := s.AlgorithmSigner.SignWithAlgorithm(random, data, algorithm)
	return sig, s.auth.noteSilence(err)
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
