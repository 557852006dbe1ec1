package remote

import (
	"context"
	"errors"
	"io"
	"regexp"

	"golang.org/x/crypto/ssh"
)

var (
	errNotAsked  = errors.New("nobody can be asked here")
	errKeyNeeded = errors.New("no key was accepted")
	errTwice     = errors.New("it was given once and not accepted")

	errNotAccepted = errors.New("what was given is not accepted")
)

// methods are the ways to log in, in the order of ssh. The library goes from one to the next
// that the host takes, also after a partial success.
func (a *authenticator) methods() []ssh.AuthMethod {
	asked := map[string]bool{}
	once := func(question string) error {
		if asked[question] {
			return errTwice
		}
		asked[question] = true
		return nil
	}
	return []ssh.AuthMethod{
		ssh.PublicKeysCallback(a.signers),
		ssh.KeyboardInteractive(func(_, instruction string, questions []string, echos []bool) ([]string, error) {
			answers := make([]string, len(questions))
			for i, question := range questions {
				answer, err := a.answer(question, echos[i], once)
				if err != nil {
					return nil, a.noteMissing("keyboard-interactive", err)
				}
				answers[i], a.given = string(answer), "keyboard-interactive"
			}
			return answers, nil
		}),
		ssh.PasswordCallback(func() (string, error) {
			if a.cfg.Password == nil {
				return "", a.noteMissing("password", errNotAsked)
			}
			if err := once("password"); err != nil {
				return "", a.noteMissing("password", err)
			}
			password, err := a.person(a.cfg.Password)
			if err != nil {
				return "", a.noteMissing("password", err)
			}
			a.given = "password"
			return string(password), nil
		}),
	}
}

// passwordQuestion is how PAM asks for a password, and what its other questions are not.
var passwordQuestion = regexp.MustCompile(`(?i)^\s*(\(.*\)\s*)?(.*'s )?password( for [^ ]+)?:\s*$`)

// answer gives the password that is named for the host to the question for one, once. Any
// other question goes to a person, unless keys were tried and none was accepted: then its
// answer would be of no use.
func (a *authenticator) answer(question string, echo bool, once func(string) error) ([]byte, error) {
	if a.cfg.Password != nil && !echo && passwordQuestion.MatchString(question) {
		if err := once("password"); err != nil {
			return nil, err
		}
		return a.person(a.cfg.Password)
	}
	switch {
	case len(a.tried) > 0 && !a.signed && a.cfg.Password == nil:
		return nil, errKeyNeeded
	case a.cfg.Challenge == nil:
		return nil, errNotAsked
	}
	if err := once("asked " + question); err != nil {
		return nil, err
	}
	return a.person(func(ctx context.Context) ([]byte, error) {
		return a.cfg.Challenge(ctx, question[:min(len(question), maxReason)], echo)
	})
}

// person waits for somebody who types, while the clock stands still.
func (a *authenticator) person(ask func(context.Context) ([]byte, error)) ([]byte, error) {
	resume := a.pause()
	defer resume()
	return ask(a.ctx)
}

// noteMissing notes what the host asked for and did not get.
func (a *authenticator) noteMissing(wants string, err error) error {
	a.wants, a.why = wants, err
	return err
}

// refused is the error of a login that was not let in.
func (a *authenticator) refused(err error) *AuthError {
	if a.wants == "" && a.given != "" {
		a.wants, err = a.given, errNotAccepted
	}
	e := &AuthError{Host: a.cfg.Name, User: a.cfg.User, Tried: a.tried, Untried: a.untried, Partial: a.signed && a.wants != "", Err: err}
	if e.Partial || len(a.tried) == 0 {
		e.Wants = a.wants
	}
	return e
}

// noteUse wraps a key so that we learn whether the host has accepted it.
func (a *authenticator) noteUse(s ssh.Signer) ssh.Signer {
	if multi, ok := s.(ssh.MultiAlgorithmSigner); ok {
		return &multiNoticed{noticedSigner{multi, a}, multi}
	}
	if as, ok := s.(ssh.AlgorithmSigner); ok {
		return &noticedSigner{as, a}
	}
	return s
}

type noticedSigner struct {
	ssh.AlgorithmSigner
	auth *authenticator
}

func (s *noticedSigner) Sign(random io.Reader, data []byte) (*ssh.Signature, error) {
	sig, err := s.AlgorithmSigner.Sign(random, data)
	s.auth.signed = s.auth.signed || err == nil
	return sig, err
}

func (s *noticedSigner) SignWithAlgorithm(random io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	sig, err := s.AlgorithmSigner.SignWithAlgorithm(random, data, algorithm)
	s.auth.signed = s.auth.signed || err == nil
	return sig, err
}

type multiNoticed struct {
	noticedSigner
	multi ssh.MultiAlgorithmSigner
}

func (s *multiNoticed) Algorithms() []string { return s.multi.Algorithms() }
