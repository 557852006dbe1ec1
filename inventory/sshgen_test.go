package inventory

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A sshWriter writes ssh_config files by chance, in every way of writing that OpenSSH
// reads: quotes, escapes, comments, "=", letter case, Include, Host and Match.
type sshWriter struct {
	*rand.Rand
	dir  string
	user string
}

func pick1[T any](w *sshWriter, list ...T) T { return list[w.IntN(len(list))] }

// quoted writes a word in one of the ways that mean the same.
func (w *sshWriter) quoted(word string) string {
	escaped := strings.NewReplacer(`\`, `\\`, `"`, `\"`, `'`, `\'`).Replace(word)
	switch w.IntN(4) {
	case 0:
		return `"` + escaped + `"`
	case 1:
		return `'` + escaped + `'`
	case 2:
		cut := w.IntN(len(word))
		if !strings.ContainsAny(word, `\"' `) {
			return word[:cut] + `"` + word[cut:] + `"`
		}
	}
	if strings.HasPrefix(word, "#") {
		return `"` + escaped + `"`
	}
	return strings.ReplaceAll(escaped, " ", `\ `)
}

func (w *sshWriter) keyword(name string) string {
	if w.IntN(6) == 0 { // after which "=" would be part of the value
		return `"` + name + `" `
	}
	name = pick1(w, name, strings.ToLower(name), strings.ToUpper(name))
	return pick1(w, "", "  ", "\t") + name + pick1(w, " ", " ", "  ", "\t", "=", " = ")
}

func (w *sshWriter) end() string { return pick1(w, "", "", "", " ", " # more", "\t#more", "\r") + "\n" }

func (w *sshWriter) file() string {
	return pick1(w, "~/.ssh/id", "/k/id_%h", "%d/.ssh/a b", "/k/${LIFT_KEYS}/x", "/k/id#work", `/k/o'brien`, "/k/%r@%n-%p-%%", "/k/%u", "none", "/k/back\\slash", "~/.ssh/%k")
}

// setting writes one line that decides something.
func (w *sshWriter) setting() string {
	one := func(name, value string) string { return w.keyword(name) + w.quoted(value) + w.end() }
	switch w.IntN(14) {
	case 0, 1:
		return one("User", pick1(w, "op", "deploy", "o.p", "op-1"))
	case 2:
		return one("HostName", pick1(w, "192.0.2.9", "%h.example.com", "h1.example.com", "UPPER.example.com", "2001:db8::7"))
	case 3:
		return one("Port", pick1(w, "22", "2200", "02201", "ssh"))
	case 4, 5:
		return one("IdentityFile", w.file())
	case 6:
		return one("CertificateFile", strings.ReplaceAll(w.file(), "none", "/k/cert"))
	case 7:
		return one("IdentitiesOnly", pick1(w, "yes", "no", "true", "False"))
	case 8:
		return one("HostKeyAlias", pick1(w, "gate", "The-Gate", "chat-%h"))
	case 9:
		return one("IdentityAgent", pick1(w, "~/agent.sock", "${LIFT_KEYS}/sock", "%d/a b", "none", "SSH_AUTH_SOCK"))
	case 10:
		return w.keyword("UserKnownHostsFile") + w.quoted("~/known one") + " " + w.quoted("/k/%h") + w.end()
	case 11:
		return w.keyword(pick1(w, "GlobalKnownHostsFile", "RevokedHostKeys")) + w.quoted(pick1(w, "/etc/known one", "none", "/k/known")) + w.end()
	case 12:
		hops := pick1(w, "none", "b1", "op@b1:2200", "b1,op@b2", "ssh://op@b2:23", "b1 # no more")
		return "ProxyJump" + pick1(w, " ", "=", " = ") + hops + "\n"
	}
	return "ProxyCommand" + pick1(w, " ", "=", "  ") + pick1(w, "none", "nc %h %p", `nc "%h" '%p' # no comment`, "connect -u %r%%x %h") + "\n"
}

func (w *sshWriter) patterns(comma string) string {
	var list []string
	for range 1 + w.IntN(3) {
		list = append(list, pick1(w, "acme", "globex", "acm?", "*", "a*e", "*.example.com", "!globex", "!acme", "192.0.2.*", "h?.example.com", "b*", "**c**"))
	}
	return strings.Join(list, comma)
}

// head begins a block.
func (w *sshWriter) head() string {
	if w.IntN(2) == 0 {
		words := strings.Fields(w.patterns(" "))
		for i, word := range words {
			words[i] = pick1(w, word, `"`+word+`"`)
		}
		return w.keyword("Host") + strings.Join(words, pick1(w, " ", "  ", "\t")) + w.end()
	}
	var list []string
	for range 1 + w.IntN(2) {
		not := pick1(w, "", "", "", "!")
		switch w.IntN(8) {
		case 0, 1:
			list = append(list, not+pick1(w, "host", "Host")+pick1(w, " ", "=", " = ")+pick1(w, w.patterns(","), `"`+w.patterns(",")+`"`))
		case 2:
			list = append(list, not+"originalhost "+w.patterns(","))
		case 3:
			list = append(list, not+"user "+pick1(w, "op", "o*", w.user, "*,!op"))
		case 4:
			list = append(list, not+"localuser "+pick1(w, w.user, "nobody", "*"))
		case 5:
			list = append(list, not+"final")
		case 6:
			list = append(list, not+`exec "test %n = acme -a %r != op"`)
		default:
			if len(list) == 0 {
				return w.keyword("Match") + not + "all" + w.end()
			}
		}
	}
	if len(list) == 0 {
		list = []string{"canonical"}
	}
	return w.keyword("Match") + strings.Join(list, pick1(w, " ", "\t ")) + pick1(w, "", " # more") + "\n"
}

// text writes a file, with more files that it includes.
func (w *sshWriter) text(depth int) string {
	var b strings.Builder
	for range 2 + w.IntN(5) {
		if w.IntN(4) > 0 {
			b.WriteString(w.head())
		}
		for range 1 + w.IntN(4) {
			b.WriteString(w.setting())
		}
		if depth < 2 && w.IntN(5) == 0 {
			name := fmt.Sprintf("%s/part %d.conf", w.dir, w.Uint32())
			if os.WriteFile(name, []byte(w.text(depth+1)), 0o600) == nil {
				b.WriteString(w.keyword("Include") + w.quoted(strings.ReplaceAll(name, "part ", pick1(w, "part ", "p?rt ", "part* "))) + w.end())
			}
		}
		b.WriteString(pick1(w, "", "\n", "# a comment\n", "  #another\n"))
	}
	return b.String()
}

// TestGeneratedSameAsOpenSSH holds what is made of files written by chance against what the
// real ssh reports of them.
func TestGeneratedSameAsOpenSSH(t *testing.T) {
	ssh, err := exec.LookPath("ssh")
	if err != nil {
		t.Skip("NOT RUN: no ssh here to compare with")
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("LIFT_KEYS", "/srv/keys")
	t.Setenv("SHELL", "/bin/sh")
	files, blocked := 400, 0
	if testing.Short() {
		files = 60
	}
	for seed := range files {
		w := &sshWriter{rand.New(rand.NewPCG(uint64(seed), 1)), t.TempDir(), me.Username}
		broken := ""
		if seed%8 == 0 {
			broken = pick1(w, "User 'op\n", "User op deploy\n", "User \"\"\n", "HostName %x\n", "Port 0\n", "Port many\n", "IdentitiesOnly maybe\n",
				"Match user\n Port 1\n", "Match all host a\n Port 1\n", "Host \"acme\nUser op\n", "IdentityFile a b\n", "Match nothing x\n User a\n", "UserKnownHostsFile\n")
		}
		config := filepath.Join(w.dir, "config")
		text := broken + w.text(0)
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		name := pick1(w, "acme", "acme", "globex")
		h := resolvedHost(t, me, config, name)
		out, err := exec.Command(ssh, "-G", "-F", config, name).Output()
		if err != nil || broken != "" {
			if blocked++; err == nil || h.Blocked == "" {
				said := new(exec.ExitError)
				errors.As(err, &said)
				t.Errorf("seed %d: ssh says %v %s, and it is blocked by %q:\n%s", seed, err, said.Stderr, h.Blocked, text)
			}
			continue
		}
		if diff := cmp.Diff(asSSH(string(out), h, me), reported(h)); diff != "" || h.Blocked != "" {
			t.Errorf("seed %d: %s %s\n(-ssh +ours):\n%s\n%s", seed, name, h.Blocked, diff, text)
			parts, _ := filepath.Glob(w.dir + "/part*")
			for _, p := range parts {
				b, _ := os.ReadFile(p)
				t.Logf("%s:\n%s", p, b)
			}
		}
	}
	if blocked < files/16 || blocked > files/3 {
		t.Errorf("ssh refused %d of %d files", blocked, files)
	}
}

// resolvedHost is what is made of a host that the inventory says nothing of.
func resolvedHost(t *testing.T, me *user.User, config, name string) Host {
	t.Helper()
	opts := []Option{WithHome(me.HomeDir), WithLocalUser(me.Username), WithSSHConfig(config)}
	for _, address := range []string{"", "address: " + name + ", "} {
		inv, err := Parse("i.yml", []byte("version: 1\nhosts: {"+name+": {"+address+"ssh_commands: true}}\n"), opts...)
		if err == nil {
			return inv.Hosts()[0]
		}
		if address != "" || !strings.Contains(err.Error(), "has no address") {
			t.Fatal(err)
		}
	}
	panic("unreachable")
}

// reported is what both programs say of a host.
func reported(h Host) map[string][]string {
	m := map[string][]string{
		"user": {h.User}, "hostname": {h.Address}, "port": {fmt.Sprint(h.Port)}, "hostkeyalias": {h.HostKeyAlias},
		"identitiesonly": {fmt.Sprint(h.IdentitiesOnly)}, "identityagent": {h.IdentityAgent}, "proxycommand": {h.ProxyCommand},
		"identityfile": h.Identities, "certificatefile": h.Certificates, "revokedhostkeys": h.RevokedHostKeys,
		"userknownhostsfile": h.KnownHosts, "globalknownhostsfile": h.GlobalKnownHosts,
		"proxyjump": {fmt.Sprint(len(h.Jump) > 0)},
	}
	for key, values := range m {
		m[key] = slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "" })
		if len(m[key]) == 0 {
			delete(m, key)
		}
	}
	return m
}

// asSSH is what ssh -G says, in the same form. It reports some values as they were
// written, and those that are built in where nothing was.
func asSSH(out string, h Host, me *user.User) map[string][]string {
	ours := reported(h)
	m := map[string][]string{}
	tokens := strings.NewReplacer("%%", "%", "%d", me.HomeDir, "%h", h.Address, "%n", h.Name, "%p", fmt.Sprint(h.Port), "%r", h.User,
		"%u", me.Username, "%k", first(h.HostKeyAlias, h.Name), "${LIFT_KEYS}", "/srv/keys")
	for line := range strings.Lines(out) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch key {
		case "user", "hostname", "port", "hostkeyalias":
			m[key] = []string{value}
		case "identitiesonly":
			m[key] = []string{fmt.Sprint(value == "yes")}
		case "identityagent":
			m[key] = []string{strings.TrimPrefix(value, "SSH_AUTH_SOCK")}
		case "identityfile", "certificatefile":
			if h.From["identity"] == "" && key == "identityfile" || value == "none" {
				continue // the usual ones, which are no matter of ssh_config
			}
			value = tokens.Replace(value)
			if strings.HasPrefix(value, "~/") {
				value = me.HomeDir + value[1:]
			}
			m[key] = append(m[key], value)
		case "proxycommand":
			m[key] = []string{tokens.Replace(value)}
		case "proxyjump":
			m[key] = []string{fmt.Sprint(value != "none")}
		case "userknownhostsfile", "globalknownhostsfile", "revokedhostkeys":
			from := map[string]string{"userknownhostsfile": "known_hosts", "globalknownhostsfile": "global_known_hosts", "revokedhostkeys": "revoked_host_keys"}[key]
			if h.From[from] == "" || value == "none" {
				continue
			}
			m[key] = []string{value}
			if value == strings.Join(ours[key], " ") { // ssh writes no quotes around blanks
				m[key] = ours[key]
			}
		}
	}
	for key, values := range m {
		if len(values) == 1 && (values[0] == "" || key != "identityagent" && values[0] == "none") {
			delete(m, key)
		}
	}
	if m["proxyjump"] == nil {
		m["proxyjump"] = []string{"false"}
	}
	return m
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
