package inventory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// The schemes of a [SecretRef].
const (
	SchemeEnv      = "env"      // env:NAME, a variable of liftalot's own environment
	SchemeFile     = "file"     // file:PATH, a file that nobody else may read
	SchemeCommand  = "command"  // command:LINE, what a shell line prints: a password manager
	SchemeKeychain = "keychain" // keychain:SERVICE/ACCOUNT, in that of macOS or of a Linux desktop
	SchemePrompt   = "prompt"   // prompt, typed by the person at the terminal
)

// maxSecret bounds what a file or a command may give: tokens and passwords are
// short, and a device or a runaway command is not one of them.
const maxSecret = 64 << 10

// commandTime is how long a password manager gets, a person typing its
// passphrase included.
const commandTime = 2 * time.Minute

// A SecretRef says where a secret is, and is not secret itself. The zero
// SecretRef names none.
type SecretRef struct {
	Scheme string
	Rest   string // variable, absolute path, shell line or keychain entry; empty for prompt
}

// IsZero reports whether the reference names no secret.
func (r SecretRef) IsZero() bool { return r == SecretRef{} }

// String returns the reference as it is written in an inventory.
func (r SecretRef) String() string {
	if r.IsZero() || r.Scheme == SchemePrompt {
		return r.Scheme
	}
	return r.Scheme + ":" + r.Rest
}

// MarshalText is String, for JSON.
func (r SecretRef) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// secretForms is the hint where something else stands.
const secretForms = "write env:NAME, file:PATH, command:…, keychain:SERVICE/ACCOUNT or prompt"

// parseSecretRef never repeats text in an error: it may be the secret.
func parseSecretRef(env *environment, text string) (SecretRef, error) {
	plain := badHint(secretForms, "a secret in plain text is refused")
	if text == SchemePrompt {
		return SecretRef{Scheme: SchemePrompt}, nil
	}
	scheme, rest, _ := strings.Cut(text, ":")
	if _, err := parseText(env, rest); err != nil {
		return SecretRef{}, plain
	}
	switch scheme {
	case SchemeEnv:
		if !envForm.MatchString(rest) {
			return SecretRef{}, badHint("as in env:ACME_TOKEN", "env: is followed by the name of a variable")
		}
	case SchemeFile:
		rest = env.path(rest)
	case SchemeCommand:
		rest = strings.TrimSpace(rest)
		if rest == "" {
			return SecretRef{}, badHint("as in command:pass show acme", "command: is followed by a shell line")
		}
	case SchemeKeychain:
		if _, _, ok := keychainForm(rest); !ok {
			return SecretRef{}, badHint("as in keychain:liftalot/acme", "keychain: is followed by SERVICE/ACCOUNT")
		}
	default:
		return SecretRef{}, plain
	}
	return SecretRef{Scheme: scheme, Rest: rest}, nil
}

// A SecretError reports a reference that gave no secret. It tells where the
// secret should have come from and never what came.
type SecretError struct {
	Ref SecretRef
	Err error
}

func (e *SecretError) Error() string { return fmt.Sprintf("reading secret %s: %v", e.Ref, e.Err) }
func (e *SecretError) Unwrap() error { return e.Err }

// ErrNoPrompt reports a secret to be typed where nobody can type.
var ErrNoPrompt = errors.New("nobody to ask: not a terminal")

// A Resolver lends what references point into. The zero Resolver reads the
// process's environment and has nobody to ask.
type Resolver struct {
	// LookupEnv replaces [os.LookupEnv].
	LookupEnv func(name string) (string, bool)

	// Prompt asks a person for What. It is called once per reference that is
	// resolved; asking once for many hosts is up to whoever sets it.
	Prompt func(ctx context.Context, what string) (Secret, error)

	// What the secret is for, in the words to ask with, as in "sudo password
	// for acme".
	What string

	// Stderr receives what a command says beside the secret. It is untrusted
	// text, and nil throws it away.
	Stderr io.Writer
}

// Resolve fetches the secret. One line end is taken off what a file or a
// command gives, and an empty secret is an error.
func (r SecretRef) Resolve(ctx context.Context, from Resolver) (Secret, error) {
	s, err := r.fetch(ctx, from)
	if err == nil && s.IsEmpty() {
		err = errors.New("is empty")
	}
	if err != nil {
		return Secret{}, &SecretError{r, err}
	}
	return s, nil
}

func (r SecretRef) fetch(ctx context.Context, from Resolver) (Secret, error) {
	switch r.Scheme {
	case SchemeEnv:
		return r.fromEnv(from)
	case SchemeFile:
		return r.fromFile()
	case SchemeCommand:
		return r.fromCommand(ctx, from)
	case SchemeKeychain:
		return r.fromKeychain(ctx, from, runtime.GOOS)
	case SchemePrompt:
		if from.Prompt == nil {
			return Secret{}, ErrNoPrompt
		}
		return from.Prompt(ctx, from.What)
	}
	return Secret{}, errors.New("no such kind of reference")
}

func (r SecretRef) fromEnv(from Resolver) (Secret, error) {
	lookup := from.LookupEnv
	if lookup == nil {
		lookup = os.LookupEnv
	}
	value, ok := lookup(r.Rest)
	if !ok {
		return Secret{}, errors.New("the variable is not set")
	}
	return NewSecret([]byte(value)), nil
}

// fromFile asks for the mode twice: before opening, because opening a pipe
// would wait for its other end, and after, because that is what is read.
func (r SecretRef) fromFile() (Secret, error) {
	info, err := os.Stat(r.Rest)
	if err == nil {
		err = checkPrivate(info)
	}
	if err != nil {
		return Secret{}, withoutPath(err)
	}
	f, err := os.Open(r.Rest)
	if err != nil {
		return Secret{}, withoutPath(err)
	}
	defer f.Close()
	if info, err = f.Stat(); err == nil {
		err = checkPrivate(info)
	}
	if err != nil {
		return Secret{}, withoutPath(err)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return Secret{}, withoutPath(err)
	}
	return bounded(data)
}

// checkPrivate leaves Windows out: its files have no mode to ask for.
func checkPrivate(info fs.FileInfo) error {
	switch {
	case !info.Mode().IsRegular():
		return errors.New("not a regular file")
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("others may read or write it, mode %04o; chmod 600 makes it private", info.Mode().Perm())
	}
	return nil
}

// withoutPath removes the path from an error that will carry the reference.
func withoutPath(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// fromCommand runs the line in a shell, as the person who wrote it would.
func (r SecretRef) fromCommand(ctx context.Context, from Resolver) (Secret, error) {
	if runtime.GOOS == "windows" {
		return fromProgram(ctx, from, []string{"cmd.exe", "/C", r.Rest})
	}
	return fromProgram(ctx, from, []string{"/bin/sh", "-c", r.Rest})
}

// fromProgram takes what a program prints.
func fromProgram(ctx context.Context, from Resolver, argv []string) (Secret, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	out := &cappedBuffer{}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = out, from.Stderr
	cmd.WaitDelay = time.Second // a child that keeps the pipe open is not waited for
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return Secret{}, fmt.Errorf("the command was stopped: %w", ctx.Err())
		}
		if errors.Is(err, exec.ErrNotFound) {
			return Secret{}, fmt.Errorf("%s is not installed here", argv[0])
		}
		return Secret{}, fmt.Errorf("the command: %w", err)
	}
	return bounded(out.Bytes())
}

// A cappedBuffer keeps one byte more than a secret may have and swallows the
// rest, so that the command can end.
type cappedBuffer struct{ bytes.Buffer }

func (b *cappedBuffer) Write(p []byte) (int, error) {
	room := maxSecret + 1 - b.Len()
	_, _ = b.Buffer.Write(p[:min(room, len(p))])
	return len(p), nil
}

func bounded(data []byte) (Secret, error) {
	if len(data) > maxSecret {
		return Secret{}, fmt.Errorf("is longer than %d KiB", maxSecret>>10)
	}
	data = bytes.TrimSuffix(data, []byte("\n"))
	return NewSecret(bytes.TrimSuffix(data, []byte("\r"))), nil
}
