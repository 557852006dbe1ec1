package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"liftalot/remote/filelock"
)

// A HostKey is a key that a host has shown. Nothing vouches for it until a
// person has compared its fingerprint.
type HostKey struct {
	Type        string
	Fingerprint string // "SHA256:…"
	Key         ssh.PublicKey

	certificate *ssh.Certificate // that came with it
}

// Scan asks a host for its keys, one kind at a time, without logging in. Jump
// hosts on the way are held against the known keys as ever.
func Scan(ctx context.Context, cfg Config) ([]HostKey, error) {
	var keys []HostKey
	var problem error
	for _, algorithms := range [][]string{
		{ssh.KeyAlgoED25519},
		{ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521},
		{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256},
	} {
		shown, err := scanOne(ctx, cfg, withCertificates(algorithms))
		var negotiation *ssh.AlgorithmNegotiationError
		switch {
		case err == nil:
			key := plainKey(shown)
			cert, _ := shown.(*ssh.Certificate)
			keys = append(keys, HostKey{Type: key.Type(), Fingerprint: ssh.FingerprintSHA256(key), Key: key, certificate: cert})
		case errors.As(err, &negotiation) && strings.Contains(negotiation.What, "host key"): // it has no key of this kind
			problem = errors.Join(problem, err)
		default:
			return nil, err
		}
	}
	if len(keys) == 0 {
		return nil, &UnreachableError{Host: cfg.withDefaults().Name, Op: "handshake", Err: problem}
	}
	return keys, nil
}

// errSeen ends a handshake whose only purpose was the key.
var errSeen = errors.New("host key seen")

func scanOne(ctx context.Context, cfg Config, algorithms []string) (ssh.PublicKey, error) {
	if err := cfg.blocked(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	hops := cfg.hops()
	l, err := approach(ctx, hops, cfg.JumpHosts, authTimeout)
	if err != nil {
		return nil, err
	}
	defer l.close()
	stop := context.AfterFunc(ctx, l.close)
	defer stop()
	hop := hops[len(hops)-1]
	conn, err := l.reach(ctx, hop)
	if err != nil {
		return nil, err
	}
	watch := newWatch(hop.HandshakeTimeout, l.close)
	defer watch.stop()
	var key ssh.PublicKey
	// The key is all that is asked for, so no cipher protects anything.
	_, _, _, err = ssh.NewClientConn(conn, hop.endpoint(), &ssh.ClientConfig{
		Config:            ssh.Config{Ciphers: ciphers(), KeyExchanges: keyExchanges(), MACs: macs()},
		User:              hop.User,
		HostKeyAlgorithms: algorithms,
		HostKeyCallback: func(_ string, _ net.Addr, k ssh.PublicKey) error {
			key = k
			return errSeen
		},
	})
	switch {
	case errors.Is(err, errSeen):
		return key, nil
	case watch.fired.Load():
		err = os.ErrDeadlineExceeded
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	}
	if other := algorithmError(hop, err); other != nil {
		return nil, other
	}
	return nil, &UnreachableError{Host: hop.Name, Op: "handshake", Timeout: hop.HandshakeTimeout, Err: brief(err)}
}

// CheckHostKey asks a host for its key and holds it against the known ones, without
// logging in there. An unknown key, and any other that a login would be refused for,
// is a [*HostKeyError].
func CheckHostKey(ctx context.Context, cfg Config) error {
	check, err := newHostKeyCheck(cfg.withDefaults())
	if err != nil {
		return err
	}
	key, err := scanOne(ctx, cfg, check.algorithms())
	if check.mismatch(err) {
		check.anyType = true
		key, err = scanOne(ctx, cfg, check.algorithms())
	}
	if err != nil {
		return err
	}
	return check.check(key)
}

// CheckRevoked refuses a key that must not be trusted, whoever vouches for it: with a
// [*HostKeyError] where the files of cfg revoke it, or the certificate that came with it,
// or where it cannot be told.
func CheckRevoked(cfg Config, key HostKey) error {
	check, err := newHostKeyCheck(cfg.withDefaults())
	if err != nil {
		return err
	}
	shown := key.Key
	if key.certificate != nil {
		shown = key.certificate
	}
	if refused := check.revoked(shown); refused != nil {
		return refused
	}
	return nil
}

// AddKnownHost adds a host's key to a known_hosts file of our own, in OpenSSH's
// format, creating file and folder for their owner alone. Host and port are what
// [Config.KnownAs] says. A key that is there already is left alone; a second one of
// the same kind is refused with a [*HostKeyError], because replacing a key is a
// decision of its own. Several at once, in other processes too, lose no key of each
// other. What other files say of the key is not asked: see [CheckRevoked].
func AddKnownHost(file, host string, port int, key ssh.PublicKey) error {
	if strings.ContainsAny(host, " \t,*?") || strings.IndexAny(host, "!|@#") == 0 {
		return fmt.Errorf("trust %q: known_hosts would read that name as a pattern", host)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("trust %s: %w", host, err)
	}
	return filelock.Do(file, func() error { return appendKnownHost(file, host, port, key) })
}

func appendKnownHost(file, host string, port int, key ssh.PublicKey) error {
	cfg := Config{Address: host, Port: port, KnownHosts: []string{file}}.withDefaults()
	check, err := newHostKeyCheck(cfg)
	if err != nil {
		return err
	}
	if check.check(key) == nil {
		return nil
	}
	if check.refused.Kind == HostKeyRevoked {
		return check.refused
	}
	for _, k := range check.refused.Want {
		if k.Type == key.Type() {
			return check.refused
		}
	}
	line := knownhosts.Line([]string{net.JoinHostPort(host, strconv.Itoa(cfg.Port))}, key)
	if err := appendLine(file, line); err != nil {
		return fmt.Errorf("trust %s: %w", host, err)
	}
	return nil
}

// appendLine replaces a file by itself and one more line, so that a crash
// leaves the old one or the new one.
func appendLine(file, line string) (err error) {
	folder := filepath.Dir(file)
	content, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if len(content) > 0 && !bytes.HasSuffix(content, []byte{'\n'}) {
		content = append(content, '\n')
	}
	content = append(content, line+"\n"...)
	temp, err := os.CreateTemp(folder, ".known_hosts-*") // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(temp.Name()))
		}
	}()
	_, err = temp.Write(content)
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return err
	}
	if err := os.Rename(temp.Name(), file); err != nil {
		return err
	}
	if dir, err := os.Open(folder); err == nil { // Windows cannot, and need not
		_ = dir.Sync()
		_ = dir.Close()
	}
	return nil
}
