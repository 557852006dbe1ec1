package inventory

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"
)

// A Proposal is a host that could be in an inventory.
//
// Set only the values that should stand in the file: what is left out comes from
// ssh_config and from the defaults, as it does for any host.
type Proposal struct {
	Host
	Notes []string // what its reader should know, a line each
}

// Template returns an inventory to start from: the hosts proposed, what was left
// out and why, and comments that show the rest. Without a host it shows one to
// change.
//
// A Host cannot hold a secret, so the text cannot either.
func Template(hosts []Proposal, leftOut ...string) []byte {
	if len(hosts) == 0 {
		example := Host{Name: "example", Address: "203.0.113.7", Labels: map[string]string{"client": "example"}}
		hosts = []Proposal{{Host: example}}
	}
	var b bytes.Buffer
	b.WriteString(templateHead)
	for _, h := range hosts {
		for _, note := range h.Notes {
			fmt.Fprintf(&b, "  # %s\n", comment(note))
		}
		lines := h.lines()
		if len(lines) == 0 {
			fmt.Fprintf(&b, "  %s: {}\n", scalar(h.Name))
			continue
		}
		fmt.Fprintf(&b, "  %s:\n", scalar(h.Name))
		for _, kv := range lines {
			fmt.Fprintf(&b, "    %s: %s\n", kv[0], kv[1])
		}
	}
	if len(leftOut) > 0 {
		b.WriteString("\n# Left out:\n")
		for _, why := range leftOut {
			fmt.Fprintf(&b, "#   %s\n", comment(why))
		}
	}
	b.WriteString(templateTail)
	return b.Bytes()
}

// comment keeps text on its line: what another file says must not become YAML.
func comment(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// lines are the keys of one host that say something, in the order in which a
// person looks for them.
func (h Host) lines() [][2]string {
	var list [][2]string
	add := func(key, value string) {
		if value != "" {
			list = append(list, [2]string{key, value})
		}
	}
	add("address", scalar(h.Address))
	if h.Port != 0 && h.Port != defaultPort {
		add("port", fmt.Sprint(h.Port))
	}
	add("user", scalar(h.User))
	add("identity", sequence(h.Identities))
	add("jump", sequence(h.hopNames()))
	add("sudo", h.Sudo.text())
	add("compose_dir", scalar(h.ComposeDir))
	if h.Version == "" {
		add("channel", scalar(h.Channel))
	}
	add("version", scalar(h.Version))
	add("registry", h.Registry.text())
	add("backup", h.Backup.text())
	add("public_url", scalar(h.PublicURL))
	add("labels", mapping(h.Labels))
	return list
}

func (h Host) hopNames() []string {
	names := make([]string, len(h.Jump))
	for i, hop := range h.Jump {
		names[i] = hop.Name
	}
	return names
}

func (s Sudo) text() string {
	if s.Mode == SudoPassword {
		return scalar(s.Password.String())
	}
	return string(s.Mode)
}

func (r Registry) text() string {
	fields := map[string]string{}
	for key, value := range map[string]string{
		"address": r.Address, "username": r.Username, "password": r.Password.String(), "token_host": r.TokenHost,
	} {
		if value != "" {
			fields[key] = value
		}
	}
	return mapping(fields)
}

func (b Backup) text() string {
	var pairs []string
	if len(b.Recipients) > 0 {
		pairs = append(pairs, "recipients: "+sequence(b.Recipients))
	}
	if b.Folder != "" {
		pairs = append(pairs, "folder: "+scalar(b.Folder))
	}
	if !b.Bucket.IsZero() {
		pairs = append(pairs, "bucket: "+scalar(b.Bucket.String()))
	}
	if !b.BucketLogin.IsZero() {
		pairs = append(pairs, "bucket_login: "+scalar(b.BucketLogin.String()))
	}
	if b.DumpTimeout > 0 {
		pairs = append(pairs, "dump_timeout: "+b.DumpTimeout.String())
	}
	if len(pairs) == 0 {
		return ""
	}
	return "{" + strings.Join(pairs, ", ") + "}"
}

// scalar quotes where YAML needs it; sequence and mapping write on one line.

func scalar(s string) string {
	if s == "" {
		return ""
	}
	text, err := yaml.Marshal(s)
	if err != nil || bytes.Count(text, []byte("\n")) > 1 || strings.ContainsAny(s, ",[]{}#:\\") {
		return fmt.Sprintf("%q", s)
	}
	return strings.TrimSpace(string(text))
}

func sequence(list []string) string {
	if len(list) == 0 {
		return ""
	}
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = scalar(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

func mapping(m map[string]string) string {
	if len(m) == 0 {
		return ""
	}
	var pairs []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		pairs = append(pairs, scalar(key)+": "+scalar(m[key]))
	}
	return "{" + strings.Join(pairs, ", ") + "}"
}

const templateHead = `# The hosts that liftalot looks after. "liftalot hosts" shows what it makes of
# this file, and with --json where each value came from.
version: 1

# What holds for every host that says nothing else. What is missing here too
# comes from ~/.ssh/config.
defaults:
  channel: stable        # or beta, canary; or version: 0.24.6
  # user: deploy
  # sudo: nopasswd       # or none, env:NAME, file:PATH, command:…, keychain:…, prompt
  # max_downtime: 2m     # beyond it the change undoes itself
  # backup: {recipients: [age1…]}   # who opens backups beside this machine: liftalot key --recovery

# Groups are written @name on the command line, and can carry settings.
# groups:
#   eu: [acme, globex]
#   canaries: {hosts: [globex], channel: beta}

hosts:
`

const templateTail = `
# Everything a host can say:
#
#   acme:
#     address: 203.0.113.7            # DNS name or IP address
#     port: 22
#     user: deploy
#     identity: ~/.ssh/id_ed25519     # or a list
#     jump: [bastion]                 # hosts here, aliases of ssh_config, user@host:port
#     ssh_commands: false             # true: ProxyCommand and Match exec of ssh_config may run here
#     password: "command:pass show acme/login"  # of the login, where the host takes no key alone
#     sudo: "command:pass show acme/sudo"
#     compose_dir: auto               # or an absolute path on the host
#     channel: stable                 # or version: 0.24.6
#     pin: digest                     # or tag: the name, which the registry may move
#     registry: {username: acme, password: "env:ACME_TOKEN"}
#                                     # token_host: git.example, where the registry has another host give
#                                     # out its tokens and that host may have the login
#     backup:
#       folder: /mnt/backups          # an absolute path on this machine
#       bucket: "s3://backups/liftalot?endpoint=https://s3.example.com&region=eu-central-1"
#       bucket_login: "command:pass show s3"   # ACCESS_KEY_ID:SECRET
#       dump_timeout: 4h              # how long a backup may take there; by itself: 2h, and longer with the database
#     public_url: https://chat.acme.example
#     max_downtime: 60s
#     labels: {client: acme}          # for "report --client"; hosts of one client go one by one
#     cosign_key_sha256: 0123…        # SHA-256 of the vendor's key file, where you have it from elsewhere
#     manifest_host: https://updates.example  # where the channel's manifest is
#     require_signature: false        # of all three images and the manifest
#     proxy_digests: ["sha256:0123…"] # socket proxies that need no signature, in place of the known one
#     allow: []                       # decisions you take for this host, by name:
#                                     # old-migrations, unhealthy-server, proxy-writable-root,
#                                     # no-final-dump, unsigned-proxy, lost-signature,
#                                     # "overwrite:SERVICE.KEY", "closed-secrets:CONTAINER",
#                                     # "drift:SERVICE.FIELD" (as check names it)
#
# Secrets never stand in this file: env:NAME, file:PATH (mode 0600),
# command:LINE (a password manager), keychain:SERVICE/ACCOUNT (of macOS or of a
# Linux desktop) and prompt say where they are.
`
