package inventory

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// parse reads text as /home/me/work/inventory.yml with the given ssh_config.
func parse(t *testing.T, text, ssh string, opts ...Option) (*Inventory, error) {
	t.Helper()
	var paths []string
	if ssh != "" {
		paths = append(paths, write(t, ssh))
	}
	opts = append([]Option{WithHome("/home/me"), WithLocalUser("me"), WithSSHConfig(paths...)}, opts...)
	return Parse("/home/me/work/inventory.yml", []byte(text), opts...)
}

func mustParse(t *testing.T, text, ssh string, opts ...Option) *Inventory {
	t.Helper()
	inv, err := parse(t, text, ssh, opts...)
	if err != nil {
		t.Fatalf("parsing:\n%v", err)
	}
	return inv
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const full = `version: 1
defaults: {user: deploy, channel: stable, labels: {team: chat}}
groups:
  eu: [globex, acme]
  canaries:
    hosts: [globex]
    channel: beta
    max_downtime: 30s
hosts:
  acme:
    address: 203.0.113.7
    port: 2222
    user: root
    identity: [~/.ssh/acme, keys/acme]
    jump: [globex, "op@198.51.100.9:2200"]
    sudo: file:~/acme.sudo
    compose_dir: /srv/chatalot/
    version: 0.24.6
    pin: tag
    registry: {username: acme, password: env:ACME_TOKEN, address: registry.example.com:5000, token_host: git.example.com}
    backup: {recipients: [age1sv3vk7rvsqhfyw600v3m043pkukth5xnyfm6y9s36mxrynxleaasm777e2], folder: /mnt/backups, bucket: "s3://clients/of/me/?endpoint=https://s3.example:9000/&region=eu-1&style=host", bucket_login: env:S3, dump_timeout: 4h}
    public_url: https://chat.acme.example/
    max_downtime: 60s
    labels: {client: acme}
    require_signature: true
    cosign_key_sha256: F1FF3F7FF3A1A7FE53620BBD8DB0E362E55DCF622780E271740BC27D1850D082
    manifest_host: https://updates.example.com
    proxy_digests: ["sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"]
    allow: [old-migrations, no-egress]
  globex: {address: "[2001:db8::7]"}
`

func TestLoadEveryKey(t *testing.T) {
	inv := mustParse(t, full, "")
	acme := inv.Hosts()[0]
	for i := range acme.Jump {
		acme.Jump[i].From = nil
	}
	acme.From = nil
	want := Host{
		Name: "acme", Address: "203.0.113.7", Port: 2222, User: "root",
		Identities:     []string{"/home/me/.ssh/acme", "/home/me/work/keys/acme"},
		IdentitiesOnly: true,
		Sudo:           Sudo{SudoPassword, SecretRef{SchemeFile, "/home/me/acme.sudo"}},
		ComposeDir:     "/srv/chatalot",
		Channel:        "stable", Version: "0.24.6", Pin: PinTag,
		Backup: Backup{
			Recipients: []string{"age1sv3vk7rvsqhfyw600v3m043pkukth5xnyfm6y9s36mxrynxleaasm777e2"}, Folder: "/mnt/backups",
			Bucket: Bucket{"clients", "of/me", "https://s3.example:9000", "eu-1", false}, BucketLogin: SecretRef{SchemeEnv, "S3"},
			DumpTimeout: 4 * time.Hour,
		},
		Registry:         Registry{"registry.example.com:5000", "acme", SecretRef{SchemeEnv, "ACME_TOKEN"}, "git.example.com"},
		PublicURL:        "https://chat.acme.example",
		MaxDowntime:      time.Minute,
		Labels:           map[string]string{"team": "chat", "client": "acme"},
		Groups:           []string{"eu"},
		RequireSignature: true,
		CosignKeySHA256:  defaultCosignKey,
		ManifestHost:     "https://updates.example.com",
		ProxyDigests:     []string{"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
		Allow:            []string{"old-migrations", "no-egress"},
	}
	globex := Host{
		Name: "globex", Address: "2001:db8::7", Port: 22, User: "deploy",
		Sudo: Sudo{Mode: SudoNoPasswd}, Channel: "beta", Pin: PinDigest,
		Registry: Registry{Address: defaultRegistry}, MaxDowntime: 30 * time.Second,
		Labels: map[string]string{"team": "chat"}, Groups: []string{"eu", "canaries"},
		CosignKeySHA256: defaultCosignKey, ManifestHost: defaultManifestHost, ProxyDigests: []string{defaultProxyDigest},
	}
	want.Jump = []Host{globex, {
		Name: "198.51.100.9", Address: "198.51.100.9", Port: 2200, User: "op",
		Sudo: Sudo{Mode: SudoNoPasswd}, Channel: "stable", Pin: PinDigest,
		Registry: Registry{Address: defaultRegistry}, MaxDowntime: 2 * time.Minute,
		CosignKeySHA256: defaultCosignKey, ManifestHost: defaultManifestHost, ProxyDigests: []string{defaultProxyDigest},
	}}
	if diff := cmp.Diff(want, acme); diff != "" {
		t.Errorf("acme (-want +got):\n%s", diff)
	}
}

func TestLoadSaysWhereValuesComeFrom(t *testing.T) {
	ssh := "Host acme\n  HostName 203.0.113.7\n  Port 2200\n"
	inv := mustParse(t, "version: 1\ndefaults:\n  user: deploy\ngroups:\n  eu:\n    hosts: [acme]\n    pin: tag\nhosts:\n  acme:\n    registry:\n      username: a\n", ssh)
	from := inv.Hosts()[0].From
	for key, want := range map[string]string{
		"user":              "defaults, inventory.yml:3",
		"pin":               "group eu, inventory.yml:7",
		"registry.username": "host, inventory.yml:10",
		"registry.address":  "built-in",
		"channel":           "built-in",
		"sudo":              "built-in",
	} {
		if from[key] != want {
			t.Errorf("From[%q] = %q, want %q", key, from[key], want)
		}
	}
	if !strings.HasSuffix(from["port"], "/config:3") {
		t.Errorf("From[port] = %q, want a line of ssh_config", from["port"])
	}
}

func TestNearerLayerWins(t *testing.T) {
	tests := []struct {
		name, text       string
		channel, version string
	}{
		{"host channel over default version", "defaults: {version: 0.24.6}\nhosts: {a: {address: h, channel: beta}}", "beta", ""},
		{"host version keeps the channel", "defaults: {channel: beta}\nhosts: {a: {address: h, version: v0.24.6}}", "beta", "0.24.6"},
		{"later group over earlier", "groups: {x: {hosts: [a], channel: beta}, y: {hosts: [a], channel: canary}}\nhosts: {a: {address: h}}", "canary", ""},
		{"group over defaults", "defaults: {channel: canary}\ngroups: {x: {hosts: [a], channel: beta}}\nhosts: {a: {address: h}}", "beta", ""},
		{"built in", "hosts: {a: {address: h}}", "stable", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := mustParse(t, "version: 1\n"+tt.text, "").Hosts()[0]
			if h.Channel != tt.channel || h.Version != tt.version {
				t.Errorf("channel %q version %q, want %q %q", h.Channel, h.Version, tt.channel, tt.version)
			}
		})
	}
}

func TestSudoFollowsUser(t *testing.T) {
	inv := mustParse(t, "version: 1\nhosts:\n  a: {address: h, user: root}\n  b: {address: h}\n  c: {address: h, sudo: prompt}\n", "")
	for i, want := range []SudoMode{SudoNone, SudoNoPasswd, SudoPassword} {
		if got := inv.Hosts()[i].Sudo.Mode; got != want {
			t.Errorf("host %d: sudo %s, want %s", i, got, want)
		}
	}
}

// TestBadFiles holds that each mistake gives its line, its key and a hint.
func TestBadFiles(t *testing.T) {
	const head = "version: 1\nhosts:\n  a:\n    address: h\n"
	tests := []struct{ name, text, want string }{
		{"empty", "", `inventory.yml: is empty ("liftalot init" writes one to start from)`},
		{"only a comment", "# x\n", `inventory.yml: is empty ("liftalot init" writes one to start from)`},
		{"only nothing", "---\n", `inventory.yml: is empty ("liftalot init" writes one to start from)`},
		{"not YAML", "version: 1\n\thosts: {}\n", "inventory.yml:2: not YAML: a tab character indents this line, and YAML takes spaces only"},
		{"a tab in the middle of a list of hosts", "version: 1\nhosts:\n\tacme: {address: 203.0.113.7}\n", "inventory.yml:3: not YAML: a tab character indents this line, and YAML takes spaces only"},
		{"list", "- a\n", "inventory.yml:1: must be a mapping of keys to values"},
		{"two documents", head + "---\nversion: 1\n", "inventory.yml:5: a second YAML document; an inventory is one"},
		{"no version", "hosts: {a: {address: h}}\n", "inventory.yml:1: version: is missing (write version: 1 at the top)"},
		{"newer version", "version: 2\nhosts: {a: {address: h}}\n", "inventory.yml:1: version: must be 1, the only version this program reads"},
		{"no hosts", "version: 1\n", "inventory.yml:1: hosts: is missing"},
		{"empty hosts", "version: 1\nhosts:\n", "inventory.yml:2: hosts: names no host"},
		{"unknown top key", head + "host: {}\n", `inventory.yml:5: unknown key "host" (did you mean "hosts"?)`},
		{"unknown host key", head + "    pubic_url: x\n", `inventory.yml:5: hosts.a: unknown key "pubic_url" (did you mean "public_url"?)`},
		{"password key", head + "    password: hunter2\n", "inventory.yml:5: hosts.a.password: a secret in plain text is refused (write env:NAME, file:PATH, command:…, keychain:SERVICE/ACCOUNT or prompt)"},
		{"duplicate key", head + "    address: i\n", "inventory.yml:5: hosts.a.address: is written twice, first in line 4"},
		{"duplicate host", head + "  a: {address: i}\n", "inventory.yml:5: hosts.a: is written twice, first in line 3"},
		{"merge key", "version: 1\nhosts:\n  a: &a {address: h}\n  b:\n    <<: *a\n    address: i\n", "inventory.yml:5: hosts.b: merge keys are not read (give the hosts a group and the group the settings)"},
		{"bad host name", "version: 1\nhosts:\n  Acme: {address: h}\n", `inventory.yml:3: hosts.Acme: "Acme" is not a name: lower case letters, digits, dot, dash and underscore, the first a letter or digit`},
		{"path as name", "version: 1\nhosts:\n  ../up: {address: h}\n", `inventory.yml:3: hosts.../up: "../up" is not a name: lower case letters, digits, dot, dash and underscore, the first a letter or digit`},
		{"device name", "version: 1\nhosts:\n  nul.txt: {address: h}\n", `inventory.yml:3: hosts.nul.txt: "nul.txt" cannot be a folder name on Windows`},
		{"undefined member", head + "groups: {eu: [a, acne]}\n", `inventory.yml:5: groups.eu: host "acne" is not under hosts`},
		{"member twice", head + "groups: {eu: [a, a]}\n", `inventory.yml:5: groups.eu: host "a" is listed twice`},
		{"group without hosts", head + "groups: {eu: {channel: beta}}\n", "inventory.yml:5: groups.eu: has no hosts (write hosts: [name, name])"},
		{"address for all", head + "defaults: {address: h}\n", "inventory.yml:5: defaults.address: belongs to a host; no two hosts share it"},
		{"no address", "version: 1\nhosts:\n  a: {port: 22}\n", "inventory.yml:3: hosts.a: has no address, and ssh_config has no HostName for it (write address: and a DNS name or an IP address)"},
		{"address with port", "version: 1\nhosts:\n  a: {address: \"h:22\"}\n", "inventory.yml:3: hosts.a.address: must not hold a port (write port: 22)"},
		{"address with user", "version: 1\nhosts:\n  a: {address: me@h}\n", "inventory.yml:3: hosts.a.address: must not hold a user (write the user under user)"},
		{"address as option", "version: 1\nhosts:\n  a: {address: -oProxyCommand=x}\n", "inventory.yml:3: hosts.a.address: must be a DNS name or an IP address"},
		{"octal port", head + "    port: 022\n", "inventory.yml:5: hosts.a.port: must be a number from 1 to 65535"},
		{"big port", head + "    port: 65536\n", "inventory.yml:5: hosts.a.port: must be a number from 1 to 65535"},
		{"list for port", head + "    port: [22]\n", "inventory.yml:5: hosts.a.port: must be a single value"},
		{"no value", head + "    user:\n", "inventory.yml:5: hosts.a.user: has no value"},
		{"user as option", head + "    user: -l\n", "inventory.yml:5: hosts.a.user: is not a user name"},
		{"plain sudo password", head + "    sudo: hunter2\n", "inventory.yml:5: hosts.a.sudo: is neither a way to become root nor a secret reference, and a password in plain text is refused (write none, nopasswd, env:NAME, file:PATH, command:…, keychain:SERVICE/ACCOUNT or prompt)"},
		{"plain token", head + "    registry: {password: hunter2}\n", "inventory.yml:5: hosts.a.registry.password: a secret in plain text is refused (write env:NAME, file:PATH, command:…, keychain:SERVICE/ACCOUNT or prompt)"},
		{"odd scheme", head + "    registry: {password: \"pass:hunter2\"}\n", "inventory.yml:5: hosts.a.registry.password: a secret in plain text is refused (write env:NAME, file:PATH, command:…, keychain:SERVICE/ACCOUNT or prompt)"},
		{"bad variable", head + "    sudo: \"env:hunter 2\"\n", "inventory.yml:5: hosts.a.sudo: is neither a way to become root nor a secret reference, and a password in plain text is refused (write none, nopasswd, env:NAME, file:PATH, command:…, keychain:SERVICE/ACCOUNT or prompt)"},
		{"secret key as recipient", head + "    backup: {recipients: [AGE-SECRET-KEY-1ABC]}\n", `inventory.yml:5: hosts.a.backup.recipients: is a secret key, and those never stand in an inventory (its public half, "age1…", stands in the file as a comment)`},
		{"no recipient", head + "    backup: {recipients: [me]}\n", `inventory.yml:5: hosts.a.backup.recipients: must be an age recipient, age1 and 58 letters and digits ("liftalot key --recovery" makes one)`},
		{"unknown backup key", head + "    backup: {to: x}\n", `inventory.yml:5: hosts.a.backup: unknown key "to" (known are recipients, folder, bucket, bucket_login, dump_timeout)`},
		{"bucket in plain text", head + "    backup: {bucket_login: AKABC:secret}\n", `inventory.yml:5: hosts.a.backup.bucket_login: a secret in plain text is refused (` + secretForms + `)`},
		{"bucket of another kind", head + "    backup: {bucket: gs://clients}\n", `inventory.yml:5: hosts.a.backup.bucket: must be a URL that starts with s3:// (` + bucketHint + `)`},
		{"unknown registry key", head + "    registry: {token: hunter2}\n", `inventory.yml:5: hosts.a.registry: unknown key "token" (known are address, username, password, token_host)`},
		{"registry URL", head + "    registry: {address: https://r.example}\n", "inventory.yml:5: hosts.a.registry.address: must be a host, or host:port, without a scheme (as in registry.example.com or registry.example.com:5000)"},
		{"token host URL", head + "    registry: {token_host: https://r.example/token}\n", "inventory.yml:5: hosts.a.registry.token_host: must be a host, or host:port, without a scheme (as in registry.example.com or registry.example.com:5000)"},
		{"digest without its kind", head + "    proxy_digests: [" + strings.Repeat("0", 64) + "]\n", `inventory.yml:5: hosts.a.proxy_digests: must be sha256: and 64 hex digits in lower case ("docker buildx imagetools inspect IMAGE" prints it)`},
		{"digest of a tag", head + "    proxy_digests: 0.3.0\n", `inventory.yml:5: hosts.a.proxy_digests: must be sha256: and 64 hex digits in lower case ("docker buildx imagetools inspect IMAGE" prints it)`},
		{"relative folder", head + "    compose_dir: chatalot\n", "inventory.yml:5: hosts.a.compose_dir: must be auto or an absolute path on the host"},
		{"channel", head + "    channel: stabel\n", `inventory.yml:5: hosts.a.channel: must be one of stable, beta, canary (did you mean "stable"?)`},
		{"channel and version", head + "    channel: beta\n    version: 0.24.6\n", "inventory.yml:6: hosts.a: has both channel and version; they exclude each other"},
		{"version as number", head + "    version: 0.24\n", "inventory.yml:5: hosts.a.version: must be three numbers with dots (as in version: 0.24.6)"},
		{"pin", head + "    pin: yes\n", "inventory.yml:5: hosts.a.pin: must be one of digest, tag"},
		{"bare dump timeout", head + "    backup: {dump_timeout: 4}\n", "inventory.yml:5: hosts.a.backup.dump_timeout: must be a duration with its unit (as in 4h or 90m)"},
		{"short dump timeout", head + "    backup: {dump_timeout: 1s}\n", "inventory.yml:5: hosts.a.backup.dump_timeout: must be between 1m and 168h"},
		{"bare duration", head + "    max_downtime: 60\n", "inventory.yml:5: hosts.a.max_downtime: must be a duration with its unit (as in 60s or 2m30s)"},
		{"negative duration", head + "    max_downtime: -60s\n", "inventory.yml:5: hosts.a.max_downtime: must be between 1s and 24h"},
		{"URL", head + "    public_url: chat.example\n", "inventory.yml:5: hosts.a.public_url: must be a URL that starts with https:// or http:// (as in https://chat.example.com)"},
		{"URL with password", head + "    public_url: https://u:hunter2@chat.example\n", "inventory.yml:5: hosts.a.public_url: must not hold a user or a password"},
		{"manifest without TLS", head + "    manifest_host: http://u.example\n", "inventory.yml:5: hosts.a.manifest_host: must be a URL that starts with https:// (as in https://chat.example.com)"},
		{"manifest with path", head + "    manifest_host: https://u.example/x\n", "inventory.yml:5: hosts.a.manifest_host: must be a URL without a path"},
		{"fingerprint", head + "    cosign_key_sha256: f1ff\n", "inventory.yml:5: hosts.a.cosign_key_sha256: must be the 64 hex digits of a SHA-256 (sha256sum of the key file prints them)"},
		{"bool", head + "    require_signature: yes\n", "inventory.yml:5: hosts.a.require_signature: must be true or false"},
		{"labels", head + "    labels: [x]\n", "inventory.yml:5: hosts.a.labels: must be a mapping of keys to values"},
		{"label text", head + "    labels: {x: \"a\\nb\"}\n", "inventory.yml:5: hosts.a.labels.x: must be one line of printable text"},
		{"decision", head + "    allow: [Anything]\n", "inventory.yml:5: hosts.a.allow: a decision is a word of lower case letters, digits and dashes"},
		{"decision twice", head + "    allow: [x, x]\n", `inventory.yml:5: hosts.a.allow: "x" is listed twice`},
		{"unknown hop", head + "    jump: bastoin\n", `inventory.yml:5: hosts.a.jump: "bastoin" is neither a host of this file nor an alias of ssh_config`},
		{"bad hop", head + "    jump: [\"h:99999\"]\n", `inventory.yml:5: hosts.a.jump: "h:99999" has no port from 1 to 65535 after the colon`},
		{"circle", "version: 1\nhosts:\n  a: {address: h, jump: b}\n  b: {address: h, jump: a}\n", "inventory.yml:4: hosts.b.jump: goes in a circle: a, b, a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parse(t, tt.text, "")
			if err == nil {
				t.Fatalf("no error, want %q", tt.want)
			}
			first, _, _ := strings.Cut(err.Error(), "\n")
			if got := strings.TrimPrefix(first, "/home/me/work/"); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if strings.Contains(err.Error(), "hunter") {
				t.Error("the error repeats the secret")
			}
		})
	}
}

func TestAllErrorsAreReported(t *testing.T) {
	_, err := parse(t, "version: 1\nhosts:\n  a: {port: 0, pin: x}\n  B: {address: h}\ngroups: {g: [c]}\n", "")
	var all Errors
	if !errors.As(err, &all) {
		t.Fatalf("error is %T, want Errors", err)
	}
	var lines []int
	for _, e := range all {
		lines = append(lines, e.Line)
	}
	if diff := cmp.Diff([]int{3, 3, 4, 5}, lines); diff != "" {
		t.Errorf("lines (-want +got):\n%s\n%v", diff, err)
	}
	var one *Error
	if !errors.As(err, &one) || one.Key != "hosts.a.port" {
		t.Errorf("errors.As found %v", one)
	}
}

func TestDecisionsAreChecked(t *testing.T) {
	text := "version: 1\nhosts: {a: {address: h, allow: [no-egres]}}\n"
	_, err := parse(t, text, "", WithDecisions("no-egress", "old-migrations"))
	if err == nil || !strings.Contains(err.Error(), `did you mean "no-egress"?`) {
		t.Errorf("got %v", err)
	}
	mustParse(t, text, "")
	overwrite := WithDecisions("old-migrations", "overwrite:", "drift:")
	for written, good := range map[string]bool{"old-migrations": true, "overwrite:chatalot.UPDATER_API_URL": true, "overwrite:": false, "overwrite": false,
		"drift:chatalot.environment.DB_PASSWORD": true, "drift:chatalot.volumes./app/data/files": true, "drift:chatalot.extra_hosts.a=::1": true, "drift:": false, "drift:a b": false, "old-migrations:x": false} {
		text := fmt.Sprintf("version: 1\nhosts: {a: {address: h, allow: [%q]}}\n", written)
		if _, err := parse(t, text, "", overwrite); (err == nil) != good {
			t.Errorf("%s: %v", written, err)
		}
	}
}

func TestAliasesStandForTheirAnchors(t *testing.T) {
	inv := mustParse(t, "version: 1\nhosts:\n  a: {address: h, labels: &l {client: x}}\n  b: {address: i, labels: *l}\n", "")
	if got := inv.Hosts()[1].Labels["client"]; got != "x" {
		t.Errorf("label is %q", got)
	}
}

func TestLoadWithoutFile(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "none.yml"))
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestTemplateLoads(t *testing.T) {
	hosts := mustParse(t, full, "").Hosts()
	hosts[0].Jump = nil
	proposals := make([]Proposal, len(hosts))
	for i, h := range hosts {
		proposals[i] = Proposal{Host: h, Notes: []string{"one line\nhosts: {}"}}
	}
	again := mustParse(t, string(Template(proposals, "web\n  evil: {address: h}")), "").Hosts()
	for i := range hosts {
		for _, h := range []*Host{&hosts[i], &again[i]} {
			// What the template leaves to a person, and what names lines.
			h.From, h.Groups, h.Allow, h.ProxyDigests = nil, nil, nil, nil
			h.Pin, h.MaxDowntime, h.RequireSignature, h.ManifestHost = "", 0, false, ""
		}
	}
	if diff := cmp.Diff(hosts, again); diff != "" {
		t.Errorf("after a round trip (-want +got):\n%s", diff)
	}
	if got := mustParse(t, string(Template(nil)), "").Hosts(); len(got) != 1 {
		t.Errorf("the bare template has %d hosts", len(got))
	}
}

// What the template shows of a host is accepted as it stands, but for what is cut short.
func TestTheTemplatesExamplesLoad(t *testing.T) {
	text, tail, ok := strings.Cut(string(Template(nil)), "# Everything a host can say:\n#\n")
	tail, _, ended := strings.Cut(tail, "#\n# Secrets")
	if !ok || !ended {
		t.Fatal("the template has another form")
	}
	text += strings.NewReplacer("#   acme:", "  shown:", "[bastion]", "[ops@gate:22]", "\n# ", "\n", "0123…", strings.Repeat("ab", 32)).Replace(tail)
	hosts := mustParse(t, text, "").Hosts()
	if len(hosts) != 2 || hosts[1].ManifestHost == "" || hosts[1].Backup.Folder == "" {
		t.Errorf("%+v\n%s", hosts, text)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(full)
	f.Add(string(Template(nil)))
	f.Add("version: 1\nhosts: {a: &x [*x]}\n")
	f.Add("a: b\n<<: {c: d}\n? [x]\n: !!binary y\n")
	f.Fuzz(func(t *testing.T, text string) {
		inv, err := Parse("i.yml", []byte(text), WithSSHConfig(), WithHome("/h"), WithLocalUser("u"))
		if err != nil {
			var all Errors
			if !errors.As(err, &all) || len(all) == 0 {
				t.Fatalf("error is %T", err)
			}
			return
		}
		if len(inv.Hosts()) == 0 {
			t.Fatal("loaded an inventory without a host")
		}
		for _, h := range inv.Hosts() {
			if checkName(h.Name) != nil || h.Address == "" || h.Port < 1 || h.Channel == "" {
				t.Fatalf("loaded a bad host: %+v", h)
			}
		}
	})
}
