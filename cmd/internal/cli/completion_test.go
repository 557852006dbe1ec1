package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A shell gets what it can read: a word, a tab, what it means.
func TestCompletion(t *testing.T) {
	file := filepath.Join(t.TempDir(), "inventory.yml")
	must(t, os.WriteFile(file, []byte("version: 1\ngroups: {eu: [acme]}\nhosts:\n  acme: {address: 203.0.113.7}\n  globex: {address: 203.0.113.8}\n"), 0o600))
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"__complete", "ch"}, "check\tSay what stands in the way of an upgrade\n"},
		{[]string{"__complete", "-i", file, "check", ""}, "acme\nglobex\n@eu\n"},
		{[]string{"__complete", "-i", file, "backups", "verify", "acme", ""}, "globex\n@eu\n"},
		{[]string{"__complete", "-i", file + "none", "check", ""}, ":"},
	} {
		var out bytes.Buffer
		if code := Main(tt.args, Env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: new(bytes.Buffer), Getenv: func(string) string { return "" }}); code != 0 || !strings.HasPrefix(out.String(), tt.want) {
			t.Errorf("%q: %d, %q", tt.args, code, out.String())
		}
	}
}

func TestD8BackupsFollowTheHost(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "inventory.yml")
	must(t, os.WriteFile(file, []byte("version: 1\nhosts:\n  acme: {address: 203.0.113.7}\n  globex: {address: 203.0.113.8}\n"), 0o600))
	for _, id := range []string{"20261123T080855Z-42daf1", "20261124T080855Z-0a1b2c"} {
		folder := filepath.Join(dir, ".liftalot", "hosts", "acme", "backups", id)
		must(t, os.MkdirAll(folder, 0o700))
		must(t, os.WriteFile(filepath.Join(folder, "manifest.json"), []byte("{}"), 0o600))
	}
	for _, tt := range []struct{ line, want string }{
		{"restore", "acme\nglobex\n:"},
		{"restore acme", "20261124T080855Z-0a1b2c\n20261123T080855Z-42daf1\nlatest\n:"},
		{"restore globex", ":"},
		{"restore acme 20261123T080855Z-42daf1", ":"},
		{"unlock acme", ":"},
		{"forget acme", "globex\n:"},
	} {
		args := append([]string{"__complete", "-i", file}, strings.Fields(tt.line)...)
		if code, out, _ := typed(append(args, "")...); code != 0 || !strings.HasPrefix(out, tt.want) {
			t.Errorf("%s: %d, %q", tt.line, code, out)
		}
	}
}
