package remote

import (
	"cmp"
	"context"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Config says how to reach one host. It is plain data but for the questions
// that only a person or a secret store can answer.
type Config struct {
	Name    string // for messages; Address when empty
	Address string // host name or IP address, without port
	Port    int    // 0 means 22
	User    string

	Identities     []string // private key files, tried in this order
	IdentitiesOnly bool     // use the agent for Identities only
	Certificates   []string // user certificates that go with Identities
	AgentSocket    string   // path of the agent's socket, or empty

	// Blocked says why the host must not be dialled: what the user has configured for ssh
	// cannot be followed here. Every connection then ends as a [*BlockedError].
	Blocked string
	// ProxyCommand, when set, is a program with its arguments whose input and output are the
	// connection, in place of a connection to address and port. It counts for the host that
	// is dialled first.
	ProxyCommand []string
	// Jumps are the hosts in between, first hop first. Each one's key is
	// checked; one that names no KnownHosts is held against ours.
	Jumps []Config
	// JumpHosts, when set, is shared by the clients of many hosts, so that each jump host is
	// logged in to once.
	JumpHosts *JumpHosts

	// HostKeyAlias, when set, is the name that the known hosts files hold the host
	// under, in place of address and port, as in ssh_config(5).
	HostKeyAlias string

	// KnownHosts are our own files in OpenSSH's format, in which every line must
	// be readable; UserKnownHosts are the user's and GlobalKnownHosts the machine's,
	// in which a line that is not is left out, as OpenSSH does. A file that is not
	// there holds no keys.
	KnownHosts, UserKnownHosts, GlobalKnownHosts []string

	// RevokedHostKeys are files of keys that no host may have, each a list of public
	// keys or a key revocation list of OpenSSH. While one of them is not there or
	// cannot be read every key is refused, as ssh_config(5) has it.
	RevokedHostKeys []string

	// Known, when set, is shared by the clients of many hosts, so that each file is
	// read once.
	Known *KnownHostsCache

	// Keys, when set, is shared likewise, so that each key is read and unlocked once.
	Keys *PrivateKeyCache

	// Warn, when set, is told of what was left out, at each connection.
	Warn func(sentence string)

	Sudo Sudo

	// Passphrase is asked for the passphrase of an encrypted key file, when the
	// host has said that it would accept that key.
	Passphrase func(ctx context.Context, keyFile string) ([]byte, error)
	// Password is asked where the host wants a password, at most once for each login.
	Password func(ctx context.Context) ([]byte, error)
	// Challenge is asked the questions of the host, such as for a one-time code, after it
	// has accepted a key or where it takes none. The text is the host's: foreign, bounded.
	Challenge func(ctx context.Context, question string, echo bool) ([]byte, error)

	ConnectTimeout   time.Duration // of the TCP connection; 0 means 10 s
	HandshakeTimeout time.Duration // of the key exchange; 0 means 20 s
	KeepAlive        time.Duration // between probes, three of which may go unanswered; 0 means 15 s
}

// SudoMode says how a command with Root set becomes root.
type SudoMode int

// The modes. With SudoNone a command runs as the login, which is root or does
// not need to be.
const (
	SudoNone SudoMode = iota
	SudoNoPassword
	SudoPassword
)

// Sudo says how to become root.
type Sudo struct {
	Mode SudoMode
	// Password is asked only when sudo has asked us, at most once per command.
	Password func(ctx context.Context) ([]byte, error)
}

// Limits that are not worth a field.
const (
	defaultPort             = 22
	defaultConnectTimeout   = 10 * time.Second
	defaultHandshakeTimeout = 20 * time.Second
	defaultKeepAlive        = 15 * time.Second
	authTimeout             = 30 * time.Second
	startTimeout            = 30 * time.Second // from the exec request to the opening marker
	defaultCommandTimeout   = 60 * time.Second
	maxChannels             = 4 // sshd allows 10 sessions by default; others may want some
	maxAuthTries            = 6 // sshd ends the connection with the sixth key that it refuses, by default
)

func (c Config) withDefaults() Config {
	if c.Port == 0 {
		c.Port = defaultPort
	}
	if c.Name == "" {
		c.Name = c.Address
	}
	if c.ConnectTimeout <= 0 {
		c.ConnectTimeout = defaultConnectTimeout
	}
	if c.HandshakeTimeout <= 0 {
		c.HandshakeTimeout = defaultHandshakeTimeout
	}
	if c.KeepAlive <= 0 {
		c.KeepAlive = defaultKeepAlive
	}
	if c.JumpHosts == nil {
		c.JumpHosts = new(JumpHosts)
	}
	return c
}

// keyFiles are the files that the host's key is held against.
func (c Config) keyFiles() keyFileNames {
	return keyFileNames{own: c.KnownHosts, others: slices.Concat(c.UserKnownHosts, c.GlobalKnownHosts), revoked: c.RevokedHostKeys}
}

// endpoint is the address in the form that dialling wants.
func (c Config) endpoint() string {
	return net.JoinHostPort(c.Address, strconv.Itoa(c.Port))
}

// KnownAs is what known_hosts files hold the host under, and what [AddKnownHost] is told:
// its address and port, or its alias. An alias stands there alone, which is how the
// format writes port 22, and in small letters, as OpenSSH reads and writes it; one
// that names a port, as "[gate]:2222", means the line of that port.
func (c Config) KnownAs() (host string, port int) {
	if c.HostKeyAlias == "" {
		return c.Address, cmp.Or(c.Port, defaultPort)
	}
	alias := strings.ToLower(c.HostKeyAlias)
	if host, text, err := net.SplitHostPort(alias); err == nil {
		if port, err := strconv.Atoi(text); err == nil {
			return host, port
		}
	}
	return alias, defaultPort
}

// hops returns the way to the host, the host itself last.
func (c Config) hops() []Config {
	hops := make([]Config, 0, len(c.Jumps)+1)
	for _, j := range c.Jumps {
		j = j.withDefaults()
		j.Jumps = nil
		if len(j.KnownHosts) == 0 {
			j.KnownHosts, j.UserKnownHosts, j.GlobalKnownHosts = c.KnownHosts, c.UserKnownHosts, c.GlobalKnownHosts
			j.RevokedHostKeys = c.RevokedHostKeys
		}
		if j.Known == nil {
			j.Known = c.Known
		}
		if j.Keys == nil {
			j.Keys = c.Keys
		}
		if j.Warn == nil {
			j.Warn = c.Warn
		}
		if j.AgentSocket == "" {
			j.AgentSocket = c.AgentSocket
		}
		if j.Challenge == nil {
			j.Challenge = c.Challenge
		}
		if j.Passphrase == nil {
			j.Passphrase = c.Passphrase
		}
		hops = append(hops, j)
	}
	last := c.withDefaults()
	last.Jumps = nil
	return append(hops, last)
}
