package updater

import (
	"maps"
	"os"
	"strings"
	"testing"
)

func TestSettings(t *testing.T) {
	content := func(key, value string) func(*testing.T, map[string]string) {
		return func(t *testing.T, env map[string]string) {
			if err := os.WriteFile(env[key], []byte(value), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	set := func(key, value string) func(*testing.T, map[string]string) {
		return func(_ *testing.T, env map[string]string) { env[key] = value }
	}
	const (
		token = "CHATALOT_UPDATER_API_TOKEN_FILE"
		key   = "CHATALOT_UPDATER_COSIGN_PUBKEY_PATH"
		creds = "CHATALOT_UPDATER_REGISTRY_CREDS_FILE"
	)
	tests := []struct {
		name   string
		change func(*testing.T, map[string]string)
		want   string // part of the error; empty is none
	}{
		{"as in the fragment", func(*testing.T, map[string]string) {}, ""},
		{"docker over a socket", set("DOCKER_HOST", "unix:///var/run/docker.sock"), "is not tcp://host:port"},
		{"zero-byte token", content(token, ""), "is empty"},
		{"no token file", set(token, "/nowhere"), "no such file"},
		{"key is a placeholder", content(key, "PASTE THE KEY HERE\n"), "no public key in PEM"},
		{"zero-byte key", content(key, ""), "no public key in PEM"},
		{"key of another kind", content(key, "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n"), "not hold an ECDSA P-256 key"},
		{"blank credentials", content(creds, " \n"), ""},
		{"whole credentials", content(creds, `{"username":"u","password":"p","serveraddress":"registry.seglamater.app"}`), ""},
		{"credentials in part", content(creds, `{"username":"u"}`), "lacks username, password or serveraddress"},
		{"credentials are no JSON", content(creds, "u:hunter2"), "is not JSON"},
		{"no password file", set("password", "/nowhere"), "DATABASE_URL"},
		{"empty password file", content("password", ""), "is empty"},
		{"snapshots cannot be stored", set("CHATALOT_SNAPSHOT_DIR", "/proc"), "CHATALOT_SNAPSHOT_DIR"},
		{"state cannot be stored", set("CHATALOT_UPDATER_SQLITE_PATH", "/nowhere/state.db"), "CHATALOT_UPDATER_SQLITE_PATH"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			env := world(t)
			tt.change(t, env)
			_, err := readSettings(func(key string) string { return env[key] }, env["password"])
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want %q", err, tt.want)
			case err != nil && strings.Contains(err.Error(), "hunter2"):
				t.Errorf("the error shows the credentials: %v", err)
			}
		})
	}
}

func TestEveryKeyOfTheFragmentIsRequired(t *testing.T) {
	whole := world(t)
	for key := range whole {
		if key == "password" {
			continue
		}
		env := maps.Clone(whole)
		delete(env, key)
		_, err := readSettings(func(key string) string { return env[key] }, env["password"])
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("without %s: %v", key, err)
		}
	}
}

func TestStateIsForItsOwnerOnly(t *testing.T) {
	env := world(t)
	if _, err := readSettings(func(key string) string { return env[key] }, env["password"]); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(env["CHATALOT_UPDATER_SQLITE_PATH"])
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}
