package remote

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// knownLine makes a key and its line for a host.
func knownLine(t testing.TB, host string) string {
	t.Helper()
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return host + " " + string(ssh.MarshalAuthorizedKey(key))
}

// What is remembered is forgotten when a file changes, comes or goes: a key that
// was just trusted counts, and one that was taken away does not.
func TestKnownFilesFollowTheFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "known_hosts")
	var known KnownHostsCache
	holds := func(host string) bool {
		t.Helper()
		keys, err := known.read(keyFileNames{own: []string{file}})
		if err != nil {
			t.Fatal(err)
		}
		return len(keys.HostKeys(host+":22")) > 0
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if holds("a") {
		t.Error("a file that is not there holds a key")
	}
	a := knownLine(t, "a")
	write(a)
	if !holds("a") || holds("b") {
		t.Error("the first line is not seen")
	}
	write(a + knownLine(t, "b"))
	if !holds("a") || !holds("b") {
		t.Error("the second line is not seen")
	}
	first, _ := known.read(keyFileNames{own: []string{file}})
	if again, _ := known.read(keyFileNames{own: []string{file}}); again != first {
		t.Error("a file that has not changed is read again")
	}
	if other, _ := known.read(keyFileNames{others: []string{file}}); other == first {
		t.Error("the user's file is taken for ours, in which every line must be readable")
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if holds("a") {
		t.Error("a file that is gone holds a key")
	}
	write("a no-key\n")
	if _, err := known.read(keyFileNames{own: []string{file}}); err == nil {
		t.Error("a bad line of ours is no error")
	}
}

// Each host of a thousand looks into a file of a thousand lines.
func BenchmarkKnownHosts(b *testing.B) {
	var text strings.Builder
	for i := range 1000 {
		text.WriteString(knownLine(b, fmt.Sprintf("h%d.example.com", i)))
	}
	file := filepath.Join(b.TempDir(), "known_hosts")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	for name, known := range map[string]*KnownHostsCache{"each": nil, "shared": new(KnownHostsCache)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := known.read(keyFileNames{own: []string{file}}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
