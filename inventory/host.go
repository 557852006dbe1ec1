package inventory

import (
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"
)

// A Host is one entry of the inventory with every value settled. Hops of a
// jump chain are Hosts too, of which only the fields up to Jump matter.
type Host struct {
	Name    string `json:"name"`
	Address string `json:"address"` // a DNS name or an IP address without brackets
	Port    int    `json:"port"`
	User    string `json:"user"`

	Identities       []string `json:"identities,omitempty"`         // key files, in the order to offer them
	IdentitiesOnly   bool     `json:"identities_only,omitempty"`    // offer nothing but Identities
	Certificates     []string `json:"certificates,omitempty"`       // OpenSSH user certificates
	IdentityAgent    string   `json:"identity_agent,omitempty"`     // socket; "none": no agent; "": SSH_AUTH_SOCK
	KnownHosts       []string `json:"known_hosts,omitempty"`        // the user's own files, to be read only
	GlobalKnownHosts []string `json:"global_known_hosts,omitempty"` // the machine's, likewise
	RevokedHostKeys  []string `json:"revoked_host_keys,omitempty"`  // files of keys that no host may have
	HostKeyAlias     string   `json:"host_key_alias,omitempty"`     // the name to look up in KnownHosts
	Jump             []Host   `json:"jump,omitempty"`               // hops, the nearest to us first
	ProxyCommand     string   `json:"proxy_command,omitempty"`      // a shell line to run in place of a connection
	SSHCommands      bool     `json:"ssh_commands,omitempty"`       // programs that ssh_config names may be run here

	// Blocked says why the host must not be dialled, "" if it may be: ssh_config holds what
	// ssh would follow and we cannot.
	Blocked string `json:"blocked,omitempty"`

	Password    SecretRef     `json:"password,omitzero"` // of the login, where the host takes no key alone
	Sudo        Sudo          `json:"sudo"`
	ComposeDir  string        `json:"compose_dir"`       // absolute on the host; "": find it
	Channel     string        `json:"channel"`           // stable, beta or canary
	Version     string        `json:"version,omitempty"` // exactly this release; "": what the channel offers
	Pin         Pin           `json:"pin"`
	Registry    Registry      `json:"registry"`
	Backup      Backup        `json:"backup,omitzero"`
	PublicURL   string        `json:"public_url,omitempty"`
	MaxDowntime time.Duration `json:"max_downtime"`

	Labels map[string]string `json:"labels,omitempty"`
	Groups []string          `json:"groups,omitempty"` // in the order of the file

	RequireSignature bool     `json:"require_signature"`
	CosignKeySHA256  string   `json:"cosign_key_sha256"`       // lower case hex
	ManifestHost     string   `json:"manifest_host"`           // https URL without a path
	ProxyDigests     []string `json:"proxy_digests,omitempty"` // socket proxies that need no signature
	Allow            []string `json:"allow,omitempty"`         // decisions a person has taken, by name

	// From says where each value was found, keyed as in the file:
	// From["user"] is "defaults, inventory.yml:4".
	From map[string]string `json:"from"`
}

// Allows reports whether a person has taken the decision of that name.
func (h Host) Allows(decision string) bool { return slices.Contains(h.Allow, decision) }

// ProxyArgv is the program whose input and output are the connection to the host, nil where
// it is dialled.
func (h Host) ProxyArgv() []string {
	if h.ProxyCommand == "" {
		return nil
	}
	if runtime.GOOS == "windows" {
		return shellCommand(h.ProxyCommand)
	}
	return shellCommand("exec " + strings.TrimPrefix(h.ProxyCommand, "exec ")) // as ssh does, so that it ends with its connection
}

// clone keeps what is handed out apart from what the inventory holds.
func (h Host) clone() Host {
	h.Identities = slices.Clone(h.Identities)
	h.Certificates = slices.Clone(h.Certificates)
	h.KnownHosts = slices.Clone(h.KnownHosts)
	h.GlobalKnownHosts = slices.Clone(h.GlobalKnownHosts)
	h.RevokedHostKeys = slices.Clone(h.RevokedHostKeys)
	h.Groups = slices.Clone(h.Groups)
	h.Allow = slices.Clone(h.Allow)
	h.ProxyDigests = slices.Clone(h.ProxyDigests)
	h.Backup.Recipients = slices.Clone(h.Backup.Recipients)
	h.Labels = maps.Clone(h.Labels)
	h.From = maps.Clone(h.From)
	h.Jump = slices.Clone(h.Jump)
	for i, hop := range h.Jump {
		h.Jump[i] = hop.clone()
	}
	return h
}

// A SudoMode says how commands become root on a host.
type SudoMode string

const (
	SudoNone     SudoMode = "none"     // they do not: the user is root, or in the docker group
	SudoNoPasswd SudoMode = "nopasswd" // sudo asks for nothing
	SudoPassword SudoMode = "password" // sudo asks for Sudo.Password
)

// Sudo says how commands become root on a host.
type Sudo struct {
	Mode     SudoMode  `json:"mode"`
	Password SecretRef `json:"password,omitzero"` // set for SudoPassword only
}

// A Pin is the form in which an image is written into the compose file.
type Pin string

const (
	PinDigest Pin = "digest" // the bytes that were verified, and no others
	PinTag    Pin = "tag"    // a name the registry may move
)

// Registry says where images come from and who we are there. Without a
// username the registry is read anonymously, or with what the host has.
type Registry struct {
	Address   string    `json:"address"` // host, or host:port
	Username  string    `json:"username,omitempty"`
	Password  SecretRef `json:"password,omitzero"`
	TokenHost string    `json:"token_host,omitempty"` // the one other host that may be given the login, for a token
}

// Backup says where backups lie, and who can open them beside the machine's own
// key.
type Backup struct {
	Recipients  []string  `json:"recipients,omitempty"`  // age1…
	Folder      string    `json:"folder,omitempty"`      // absolute; "": the state folder
	Bucket      Bucket    `json:"bucket,omitzero"`       // where copies go, if anywhere
	BucketLogin SecretRef `json:"bucket_login,omitzero"` // ACCESS_KEY_ID:SECRET; none: what AWS's own programs would use

	DumpTimeout time.Duration `json:"dump_timeout,omitempty"` // 0: by the size of the database
}

// IsZero tells encoding/json that there is nothing to write.
func (b Backup) IsZero() bool {
	return len(b.Recipients) == 0 && b.Folder == "" && b.Bucket.IsZero() && b.BucketLogin.IsZero() && b.DumpTimeout == 0
}

const (
	defaultPort         = 22
	defaultChannel      = "stable"
	defaultRegistry     = "registry.seglamater.app"
	defaultManifestHost = "https://updates.seglamater.app"

	// defaultCosignKey is the fingerprint that the vendor's runbook pins.
	defaultCosignKey = "f1ff3f7ff3a1a7fe53620bbd8db0e362e55dcf622780e271740bc27d1850d082"

	// defaultProxyDigest is the index of tecnativa/docker-socket-proxy:0.3.0 at
	// Docker Hub, of which the vendor's socket proxy is a mirror, as public
	// repositories that do not know of each other have pinned it. Whether the
	// vendor's copy is the same bytes is not public; if it is, they are known.
	defaultProxyDigest = "sha256:9e4b9e7517a6b660f2cc903a19b257b1852d5b3344794e3ea334ff00ae677ac2"

	// defaultMaxDowntime is twice the minute that the runbook waits for
	// health: a server with many pending migrations needs longer than that.
	defaultMaxDowntime = 2 * time.Minute
)
