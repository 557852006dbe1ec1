package inventory

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// reach is the part of a host that ssh_config has a say in, on one line.
func reach(h Host) string {
	var b strings.Builder
	for _, hop := range h.Jump {
		b.WriteString(hop.User + "@" + hop.Address + " > ")
	}
	b.WriteString(h.User + "@" + h.Address)
	for _, id := range h.Identities {
		b.WriteString(" " + id)
	}
	if h.IdentitiesOnly {
		b.WriteString(" only")
	}
	if h.Blocked != "" {
		b.WriteString(" blocked")
	}
	return b.String()
}

func TestSSHConfig(t *testing.T) {
	tests := []struct{ name, ssh, host, want string }{
		{"nothing said", "", "{address: h}", "me@h"},
		{"alias", "Host acme\n HostName 203.0.113.7\n User op\n", "{}", "op@203.0.113.7"},
		{"inventory wins", "Host acme\n HostName g\n User op\n", "{address: h, user: root}", "root@h"},
		{"first value wins", "Host acme\n HostName g\n HostName h\nHost *\n User op\n User no\n", "{}", "op@g"},
		{"files add up", "Host acme\n IdentityFile ~/a\nHost *\n IdentityFile %d/b\n IdentitiesOnly yes\n", "{address: h}", "me@h /home/me/a /home/me/b only"},
		{"identity replaces", "Host acme\n IdentityFile ~/a\n", "{address: h, identity: ~/b}", "me@h /home/me/b only"},
		{"no identity", "IdentityFile none\n", "{address: h}", "me@h"},
		{"tokens", "Host acme\n HostName %h.example.com\n User op\n IdentityFile ~/%r@%h-%p-%%\n", "{}", "op@acme.example.com /home/me/op@acme.example.com-22-%"},
		{"matches the address", "Host *.example.com\n User op\n", "{address: a.example.com}", "op@a.example.com"},
		{"excluded by address", "Host * !*.example.com\n User op\n", "{address: a.example.com}", "me@a.example.com"},
		{"equals and quotes", "Host=acme\n HostName = \"h\"\n User=\"op\" # him\n", "{}", "op@h"},
		{"tab between patterns", "Host x\tacme\n User op\n", "{address: h}", "op@h"},
		{"letter case", "HOST ACME\n hostname h\n", "{}", "me@h"},
		{"match all", "Host other\n User no\nMatch all\n User op\n", "{address: h}", "op@h"},
		{"match host is the HostName", "Host acme\n HostName h.example\nMatch host *.example\n User op\n", "{}", "op@h.example"},
		{"match host is the address", "Match host 203.0.113.*\n User op\n", "{address: 203.0.113.7}", "op@203.0.113.7"},
		{"match host list", "Match host x,acme\n User op\n", "{address: acme}", "op@acme"},
		{"match host with a second criterion", "Match originalhost acme host other\n User no\n", "{address: h}", "me@h"},
		{"second criterion is no pattern", "Match host other user acme\n User no\n", "{address: h}", "me@h"},
		{"match exec is not run", "Match exec \"touch /tmp/x\"\n User no\nHost acme\n User op\n", "{address: h}", "op@h blocked"},
		{"match exec after the answer", "User op\nMatch exec \"touch /tmp/x\"\n User no\n", "{address: h}", "op@h"},
		{"match exec of what the inventory says", "Match exec \"touch /tmp/x\"\n User no\n", "{address: h, user: op}", "op@h"},
		{"match exec by consent", "Match exec \"test %n-%h = acme-h\"\n User op\nMatch !exec true\n User no\n", "{address: h, ssh_commands: true}", "op@h"},
		{"match exec is asked last", "Match exec \"false\" host other\n User no\n", "{address: h}", "me@h"},
		{"match by user and tag", "User op\nTag t\nMatch user o* localuser me tagged t\n Port 23\n IdentityFile ~/k\n", "{address: h}", "op@h /home/me/k"},
		{"match by the inventory's user", "Match user op\n IdentityFile ~/k\n", "{address: h, user: op}", "op@h /home/me/k"},
		{"match by a network", "Match localnetwork 10.0.0.0/8\n HostName g\n", "{}", "me@ blocked"},
		{"match final", "Match final host g\n User op\nHost acme\n HostName g\nHost g\n IdentityFile ~/k\n", "{}", "op@g /home/me/k"},
		{"a user in quotes", "Host acme\n User 'op'\n IdentityFile '~/a b'\n IdentityFile ~/a\\ b#c\n", "{address: h}", "op@h /home/me/a b /home/me/a b#c"},
		{"a quote without its half", "Host acme\n User 'op\n", "{address: h}", "me@h blocked"},
		{"a block without its quote", "Host \"acme\n User op\n", "{address: h}", "me@h blocked"},
		{"a token that nobody knows", "IdentityFile ~/%C\n", "{address: h}", "me@h  blocked"},
		{"a command", "ProxyCommand nc %h %p\n", "{address: h}", "me@h blocked"},
		{"a command, and a jump", "ProxyCommand nc %h %p\n", "{address: h, jump: none}", "me@h"},
		{"a command that is a jump", "Host acme\n ProxyCommand exec ssh -q -W %h:%p -p 2200 -l op gate\nHost gate\n HostName g\n", "{address: h}", "op@g > me@h"},
		{"a command with keys of its own", "ProxyCommand ssh -i k -W %h:%p gate\n", "{address: h}", "me@h blocked"},
		{"a jump that is none", "ProxyJump a b\n", "{address: h}", "me@h blocked"},
		{"names looked up in another way", "CanonicalizeHostname yes\nHost acme\n HostName h\n", "{}", "me@h blocked"},
		{"bad port", "Host acme\n Port 0\n User op\n", "{address: h}", "op@h blocked"},
		{"user as option", "Host acme\n User -oX\n", "{address: h}", "me@h blocked"},
		{"jump", "Host acme\n ProxyJump b1,op@b2:2200\nHost b1\n HostName h1\n ProxyJump b0\nHost b0\n HostName h0\nHost b2\n HostName h2\n ProxyJump no\n", "{address: h}", "me@h0 > me@h1 > op@h2 > me@h"},
		{"jump for all, bastion too", "Host bastion\n HostName h1\nHost *\n ProxyJump op@bastion\n", "{address: h}", "op@h1 > me@h"},
		{"jump by a name for DNS", "Host acme\n ProxyJump gate\n", "{address: h}", "me@gate > me@h"},
		{"jump none", "Host acme\n ProxyJump none\nHost *\n ProxyJump b.example\n", "{address: h}", "me@h"},
		{"inventory jumps nowhere", "Host *\n ProxyJump b.example\n", "{address: h, jump: none}", "me@h"},
		{"hop by address", "", "{address: h, jump: \"op@[2001:db8::1]:22\"}", "op@2001:db8::1 > me@h"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inv, err := parse(t, "version: 1\nhosts: {acme: "+tt.host+"}\n", tt.ssh)
			if err != nil {
				t.Fatal(err)
			}
			if got := reach(inv.Hosts()[0]); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestDefaultJumpCoversTheBastionToo(t *testing.T) {
	inv := mustParse(t, "version: 1\ndefaults: {jump: [b1, b2]}\nhosts: {b1: {address: h1}, b2: {address: h2}, c: {address: h}}\n", "")
	var got []string
	for _, h := range inv.Hosts() {
		got = append(got, reach(h))
	}
	want := []string{"me@h1", "me@h1 > me@h2", "me@h1 > me@h2 > me@h"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSSHConfigOtherKeys(t *testing.T) {
	ssh := `Host acme
  CertificateFile ~/.ssh/acme-cert.pub
  UserKnownHostsFile ~/.ssh/known_hosts ~/.ssh/clients
  IdentityAgent ~/agent.sock
  HostKeyAlias chat-%h
`
	h := mustParse(t, "version: 1\nhosts: {acme: {address: h}}\n", ssh).Hosts()[0]
	got := []any{h.Certificates, h.KnownHosts, h.IdentityAgent, h.HostKeyAlias}
	want := []any{[]string{"/home/me/.ssh/acme-cert.pub"}, []string{"/home/me/.ssh/known_hosts", "/home/me/.ssh/clients"}, "/home/me/agent.sock", "chat-%h"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestIncludeStandsUnderItsHost(t *testing.T) {
	home := t.TempDir()
	dir := filepath.Join(home, ".ssh")
	files := map[string]string{
		"config":        "Host acme\n  Include conf.d/*.conf\n  User late\nInclude missing\nHost *\n  Port 2200\n",
		"conf.d/a":      "User no\n",
		"conf.d/a.conf": "IdentityFile ~/k\nHost globex\n  User no\n",
		"conf.d/b.conf": "User op\n",
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	inv, err := Parse("i.yml", []byte("version: 1\nhosts: {acme: {address: h}, globex: {address: g}}\n"),
		WithHome(home), WithLocalUser("me"), WithSSHConfig(filepath.Join(dir, "config")))
	if err != nil {
		t.Fatal(err)
	}
	acme, globex := inv.Hosts()[0], inv.Hosts()[1]
	if got, want := reach(acme), "op@h "+home+"/k"; got != want {
		t.Errorf("acme is %s, want %s", got, want)
	}
	if got := acme.From["user"]; got != "~/.ssh/conf.d/b.conf:1" {
		t.Errorf("user from %s", got)
	}
	if got := acme.From["port"]; got != "~/.ssh/config:6" {
		t.Errorf("port from %s", got)
	}
	if got := reach(globex); got != "me@g" {
		t.Errorf("globex is %s: the Include leaked out of its Host", got)
	}
}

func TestIncludeOfItselfEnds(t *testing.T) {
	path := write(t, "")
	if err := os.WriteFile(path, []byte("Include "+path+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Parse("i.yml", []byte("version: 1\nhosts: {a: {address: h}}\n"), WithSSHConfig(path))
	if err == nil || !strings.Contains(err.Error(), "one includes itself") {
		t.Errorf("got %v", err)
	}
}

func TestWhatBlocksAHost(t *testing.T) {
	ssh := "Match localnetwork 10.0.0.0/8\n Port 1\nHost acme\n ProxyCommand nc %h %p\n Port x\nHost globex\n Port 2\n"
	inv := mustParse(t, "version: 1\nhosts: {acme: {address: h}, globex: {address: g, port: 3}, initech: {address: i, jump: acme}}\n", ssh)
	acme, globex, initech := inv.Hosts()[0], inv.Hosts()[1], inv.Hosts()[2]
	for _, want := range []string{
		"config:4: proxycommand runs a program, which the inventory does not allow",
		"config:5: port must be a number from 1 to 65535",
		"config:2: port stands in a block that may apply: Match localnetwork cannot be decided here",
	} {
		if !strings.Contains(acme.Blocked, want) {
			t.Errorf("no %q in\n%s", want, acme.Blocked)
		}
	}
	if globex.Blocked != "" || len(inv.Warnings) != 0 || initech.Jump[0].Blocked != acme.Blocked {
		t.Errorf("globex is blocked by %q, warnings %q", globex.Blocked, inv.Warnings)
	}
}

func FuzzSSHConfig(f *testing.F) {
	f.Add("Host a\n HostName b\n")
	f.Add("Match host a,!b originalhost c\nProxyJump x,y@z:1\n")
	f.Add("Include /nowhere/*\nIdentityFile \"a b\" # c\n=\nHost\n")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(strings.ToLower(text), "include") {
			t.Skip("NOT RUN: a fuzzed Include would read files of this machine")
		}
		_, _ = parse(t, "version: 1\nhosts: {a: {address: h}, b: {address: i, jump: a}}\n", text)
	})
}

// What is read and what is revoked is named by files, and "none" is a word of its own:
// it leaves no file, and is told from a host that ssh_config says nothing about.
func TestKnownHostsAndRevokedKeys(t *testing.T) {
	t.Setenv("KEYS", "/srv/keys")
	for _, c := range []struct{ ssh, user, global, revoked string }{
		{"", "", "", ""},
		{"GlobalKnownHostsFile /a \"/b c\" '/d e' /f\\ g # no more\n", "", "/a|/b c|/d e|/f g", ""},
		{"GlobalKnownHostsFile \"/a\" \"/b\"\nUserKnownHostsFile \"~/k 1\" %d/k2\n", "/home/me/k 1|/home/me/k2", "/a|/b", ""},
		{"GlobalKnownHostsFile none\nUserKnownHostsFile none\nRevokedHostKeys none\n", "", "", ""},
		{"Host acme\n RevokedHostKeys /a\nHost *\n RevokedHostKeys /b\n", "", "", "/a"},
		{"RevokedHostKeys=\"/a b\"\n", "", "", "/a b"},
		{"RevokedHostKeys ~/gone-%h\nGlobalKnownHostsFile ${KEYS}/known\n", "", "/srv/keys/known", "/home/me/gone-h"},
		{"Host other\n RevokedHostKeys /a\n", "", "", ""},
		{"Match localnetwork 10.0.0.0/8\n RevokedHostKeys /a\n UserKnownHostsFile /u\nHost *\n RevokedHostKeys /b\n", "", "", "/b|/a"},
		{"Match host other exec true\n RevokedHostKeys /a\n", "", "", ""},
		{"Match exec true\n RevokedHostKeys /a\n", "", "", "/a"},
	} {
		h := mustParse(t, "version: 1\nhosts: {acme: {address: h, jump: gate.example}}\n", c.ssh).Hosts()[0]
		for from, list := range map[string][2]string{
			"known_hosts":        {strings.Join(h.KnownHosts, "|"), c.user},
			"global_known_hosts": {strings.Join(h.GlobalKnownHosts, "|"), c.global},
			"revoked_host_keys":  {strings.Join(h.RevokedHostKeys, "|"), c.revoked},
		} {
			if list[0] != list[1] {
				t.Errorf("%s: %q, want %q:\n%s", from, list[0], list[1], c.ssh)
			}
			if said := h.From[from] != ""; said != (list[1] != "" || strings.Contains(c.ssh, "none")) {
				t.Errorf("%s is from %q:\n%s", from, h.From[from], c.ssh)
			}
		}
		if strings.HasPrefix(c.ssh, "GlobalKnownHostsFile /a") && len(h.Jump[0].GlobalKnownHosts) != 4 {
			t.Errorf("the jump host has %q", h.Jump[0].GlobalKnownHosts)
		}
	}
}

// A command is not run, and what it would have said is missed.
func TestKnownHostsCommandIsTold(t *testing.T) {
	inv := mustParse(t, "version: 1\nhosts: {acme: {address: h}}\n", "KnownHostsCommand /bin/keys %H\n")
	if len(inv.Warnings) != 1 || !strings.Contains(inv.Warnings[0], "KnownHostsCommand is not supported") {
		t.Errorf("got %q", inv.Warnings)
	}
}
