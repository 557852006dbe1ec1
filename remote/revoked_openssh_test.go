package remote_test

import (
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"liftalot/remote"
)

// A revocation is one way to revoke a key, and what becomes of a login.
type revocation struct {
	name   string
	user   string // UserKnownHostsFile; HOST, KEY, CA and OTHER stand for what they say
	global string // GlobalKnownHostsFile
	list   string // RevokedHostKeys, as text
	krl    string // as what ssh-keygen makes a key revocation list of
	ca     bool   // the serials of krl are those of the authority
	file   func(t *testing.T, file string)
	want   remote.HostKeyProblem
	ours   bool // we are stricter than ssh
}

const (
	known     = "HOST KEY\n"
	authority = "@cert-authority HOST CA\n"
)

// plainRevocations are tried on a server that shows a key alone.
func plainRevocations() []revocation {
	return []revocation{
		{name: "known", user: known},
		{name: "known to nobody", want: remote.HostKeyUnknown},
		{name: "known to the machine", global: known},
		{name: "changed to the machine", global: "HOST OTHER\n", want: remote.HostKeyChanged},
		{name: "an authority is no host", user: "@cert-authority * KEY\n", want: remote.HostKeyUnknown},
		{name: "a bad line of the machine", global: "HOST ssh-ed25519 odd\nodd\n" + known},
		{name: "revoked by the user", user: known + "@revoked * KEY\n", want: remote.HostKeyRevoked},
		{name: "revoked by name", user: known + "@revoked HOST KEY\n", want: remote.HostKeyRevoked},
		{name: "revoked by the user, known to the machine", user: "@revoked * KEY\n", global: known, want: remote.HostKeyRevoked},
		{name: "revoked by the machine", user: known, global: "@revoked * KEY\n", want: remote.HostKeyRevoked},
		{name: "revoked and never known", global: "@revoked * KEY\n", want: remote.HostKeyRevoked},
		{name: "another key is revoked", user: known, global: "@revoked * OTHER\n"},
		{name: "revoked for another host", user: known + "@revoked example.org KEY\n", want: remote.HostKeyRevoked, ours: true},
		{name: "in the list", user: known, list: "# gone\n\n \tKEY a comment\n", want: remote.HostKeyRevoked},
		{name: "in the list with ends of Windows", user: known, list: "OTHER c\r\nKEY c\r\n", want: remote.HostKeyRevoked},
		{name: "in the list, known to the machine", global: known, list: "OTHER\nKEY\n", want: remote.HostKeyRevoked},
		{name: "in the list and never known", list: "KEY\n", want: remote.HostKeyRevoked},
		{name: "not in the list", user: known, list: "OTHER\n"},
		{name: "an empty list", user: known, list: "# nothing\n"},
		{name: "a line that is no key", user: known, list: "OTHER\nKEI\n", want: remote.HostKeyUnchecked},
		{name: "a line of authorized_keys", user: known, list: "restrict OTHER\n", want: remote.HostKeyUnchecked},
		{name: "a list that is not there", user: known, want: remote.HostKeyUnchecked, file: func(*testing.T, string) {}},
		{name: "a folder", user: known, want: remote.HostKeyUnchecked, file: func(t *testing.T, file string) { must(t, os.Mkdir(file, 0o700)) }},
		{name: "in the KRL", user: known, krl: "KEY\n", want: remote.HostKeyRevoked},
		{name: "in the KRL by SHA-1", user: known, krl: "sha1: KEY\n", want: remote.HostKeyRevoked},
		{name: "in the KRL by SHA-256", user: known, krl: "sha256: KEY\n", want: remote.HostKeyRevoked},
		{name: "in the KRL by its fingerprint", user: known, krl: "hash: FINGERPRINT\n", want: remote.HostKeyRevoked},
		{name: "not in the KRL", user: known, krl: "OTHER\nsha256: OTHER\nsha1: OTHER\n"},
		{name: "serials are of certificates", user: known, krl: "serial: 1-9\n", ca: true},
		{name: "a KRL that breaks off", user: known, want: remote.HostKeyUnchecked, file: func(t *testing.T, file string) {
			must(t, os.WriteFile(file, []byte("SSHKRL\n\x00\x00\x00\x00\x01\x00"), 0o600))
		}},
	}
}

// certifiedRevocations are tried on a server that shows a certificate: number 7000, "web1",
// for its address.
func certifiedRevocations() []revocation {
	return []revocation{
		{name: "signed by the authority", user: authority},
		{name: "signed by an authority of the machine", global: authority},
		{name: "signed by an authority for all hosts", global: "@cert-authority * CA\n"},
		{name: "signed by a stranger", user: "@cert-authority HOST OTHER\n", want: remote.HostKeyUnknown},
		{name: "signed by a stranger, the key known", user: known + "@cert-authority HOST OTHER\n"},
		{name: "the key alone known", user: known},
		{name: "the key revoked", user: authority + "@revoked * KEY\n", want: remote.HostKeyRevoked},
		{name: "the key revoked by the machine", user: authority, global: "@revoked * KEY\n", want: remote.HostKeyRevoked},
		{name: "the authority revoked", user: authority, global: "@revoked * CA\n", want: remote.HostKeyRevoked},
		{name: "the authority revoked, the key known", user: known + "@revoked * CA\n", want: remote.HostKeyRevoked},
		{name: "the key in the list", user: authority, list: "KEY\n", want: remote.HostKeyRevoked},
		{name: "the authority in the list", user: authority, list: "CA\n", want: remote.HostKeyRevoked},
		{name: "the authority in the list, the key known", user: known, list: "CA\n", want: remote.HostKeyRevoked},
		{name: "the authority in the KRL", user: authority, krl: "CA\n", want: remote.HostKeyRevoked},
		{name: "the key in the KRL", user: authority, krl: "sha256: KEY\n", want: remote.HostKeyRevoked},
		{name: "its number in the KRL", user: authority, krl: "serial: 7000\n", ca: true, want: remote.HostKeyRevoked},
		{name: "its number in a range", user: authority, krl: "serial: 6000-9000\n", ca: true, want: remote.HostKeyRevoked},
		{name: "its number among many", user: authority, krl: "serial: 6990\nserial: 6995\nserial: 7000\nserial: 7001\nserial: 7004\n", ca: true, want: remote.HostKeyRevoked},
		{name: "other numbers", user: authority, krl: "serial: 1-6999\nserial: 7001\nserial: 7003\nserial: 7005\nserial: 7007\nserial: 7010-90000\n", ca: true},
		{name: "its name in the KRL", user: authority, krl: "id: web1\n", ca: true, want: remote.HostKeyRevoked},
		{name: "another name", user: authority, krl: "id: web2\n", ca: true},
		{name: "its number revoked, the key known", user: known, krl: "serial: 7000\n", ca: true, want: remote.HostKeyRevoked},
	}
}

// TestRevokedAsOpenSSH holds what we make of known hosts and revoked keys against what the
// real ssh makes of the same files, on a real sshd.
func TestRevokedAsOpenSSH(t *testing.T) {
	plain := startSSHD(t)
	runRevocations(t, plain, newSigner(t, "").PublicKey(), plainRevocations())
	ca := ecdsaSigner(t)
	certified := startSSHDWith(t, func(s *sshd) {
		cert := &ssh.Certificate{
			Key: s.host.PublicKey(), CertType: ssh.HostCert, ValidPrincipals: []string{"127.0.0.1"}, KeyId: "web1", Serial: 7000,
			ValidBefore: uint64(time.Now().Add(time.Hour).Unix()),
		}
		must(t, cert.SignCert(rand.Reader, ca))
		must(t, os.WriteFile(filepath.Join(s.dir, "host_key-cert.pub"), ssh.MarshalAuthorizedKey(cert), 0o644))
	}, "HostCertificate %D/host_key-cert.pub")
	runRevocations(t, certified, ca.PublicKey(), certifiedRevocations())
}

func runRevocations(t *testing.T, s *sshd, ca ssh.PublicKey, cases []revocation) {
	line := func(key ssh.PublicKey) string { return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))) }
	words := strings.NewReplacer("HOST", "[127.0.0.1]:"+s.portText(), "KEY", line(s.host.PublicKey()), "CA", line(ca),
		"OTHER", line(newSigner(t, "").PublicKey()), "FINGERPRINT", ssh.FingerprintSHA256(s.host.PublicKey()))
	shown, err := remote.Scan(t.Context(), s.config("root"))
	must(t, err)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			write := func(name, text string) string {
				file := filepath.Join(dir, name)
				must(t, os.WriteFile(file, []byte(words.Replace(text)), 0o600))
				return file
			}
			cfg := s.config("root")
			cfg.KnownHosts = nil
			cfg.UserKnownHosts = []string{write("user", c.user)}
			cfg.GlobalKnownHosts = []string{filepath.Join(dir, "missing"), write("global", c.global)}
			switch file := filepath.Join(dir, "revoked"); {
			case c.file != nil:
				c.file(t, file)
				cfg.RevokedHostKeys = []string{file}
			case c.krl != "":
				args := []string{"-q", "-k", "-f", file}
				if c.ca {
					args = append(args, "-s", write("ca.pub", "CA\n"))
				}
				if out, err := exec.Command("ssh-keygen", append(args, write("krl.txt", c.krl))...).CombinedOutput(); err != nil {
					t.Fatalf("ssh-keygen: %v: %s", err, out)
				}
				cfg.RevokedHostKeys = []string{file}
			case c.list != "":
				cfg.RevokedHostKeys = []string{write("revoked", c.list)}
			}
			err := s.client(cfg).Connect(t.Context())
			var kind remote.HostKeyProblem
			bad, refused := errors.AsType[*remote.HostKeyError](err)
			if refused {
				kind = bad.Kind
			}
			if kind != c.want || !refused && err != nil {
				t.Errorf("got %v, want %q", err, c.want)
			}
			in, said := sshLogsIn(s, cfg)
			if in != (err == nil) && !c.ours {
				t.Errorf("ssh logs in: %t, we: %v\n%s", in, err, said)
			}
			if refused && (kind == remote.HostKeyRevoked || kind == remote.HostKeyUnchecked) {
				if !strings.Contains(err.Error(), dir) {
					t.Errorf("the file that revokes is not named: %v", err)
				}
				refusesTrust(t, cfg, shown, kind)
			}
		})
	}
}

// sshLogsIn does with the real ssh what a client of cfg does.
func sshLogsIn(s *sshd, cfg remote.Config) (bool, string) {
	args := []string{
		"-F", "none", "-i", s.keyFile, "-p", s.portText(), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes",
		"-o", "UserKnownHostsFile=" + strings.Join(cfg.UserKnownHosts, " "), "-o", "GlobalKnownHostsFile=" + strings.Join(cfg.GlobalKnownHosts, " "),
		"-o", "UpdateHostKeys=no",
	}
	for _, file := range cfg.RevokedHostKeys {
		args = append(args, "-o", "RevokedHostKeys="+file)
	}
	out, err := exec.Command("ssh", append(args, "root@127.0.0.1", "true")...).CombinedOutput()
	return err == nil, string(out)
}

// refusesTrust: what must not log in must not be remembered either.
func refusesTrust(t *testing.T, cfg remote.Config, shown []remote.HostKey, want remote.HostKeyProblem) {
	t.Helper()
	for _, k := range shown {
		err := remote.CheckRevoked(cfg, k)
		if bad, ok := errors.AsType[*remote.HostKeyError](err); !ok || bad.Kind != want {
			t.Errorf("to trust it: got %v, want %s", err, want)
		}
	}
}
