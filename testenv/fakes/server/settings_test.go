package server

import (
	"os"
	"strings"
	"testing"
)

func TestSettings(t *testing.T) {
	set := func(key, value string) func(*testing.T, map[string]string) {
		return func(_ *testing.T, env map[string]string) { env[key] = value }
	}
	content := func(key, value string) func(*testing.T, map[string]string) {
		return func(t *testing.T, env map[string]string) {
			if err := os.WriteFile(env[key], []byte(value), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	tests := []struct {
		name    string
		version string
		change  func(*testing.T, map[string]string)
		want    string // part of the error; empty is none
	}{
		{"managed", "0.24.6", func(*testing.T, map[string]string) {}, ""},
		{"no database", "0.24.6", set("DATABASE_URL", ""), "DATABASE_URL must be set"},
		{"no private key", "0.24.6", set("JWT_PRIVATE_KEY_PATH", ""), "JWT_PRIVATE_KEY_PATH must be set"},
		{"missing private key", "0.24.6", set("JWT_PRIVATE_KEY_PATH", "/nowhere"), "no such file"},
		{"keys swapped", "0.24.6", func(_ *testing.T, env map[string]string) {
			env["JWT_PRIVATE_KEY_PATH"] = env["JWT_PUBLIC_KEY_PATH"]
		}, `no PEM block "PRIVATE KEY"`},
		{"public key is no key", "0.24.6", content("JWT_PUBLIC_KEY_PATH", "hello"), "no PEM block"},
		{"S7: managed refuses an empty TOTP key", "0.24.6", set("TOTP_ENCRYPTION_KEY", ""), "TOTP_ENCRYPTION_KEY must be set"},
		{"S7: public takes an empty TOTP key", "0.23.0", set("TOTP_ENCRYPTION_KEY", ""), ""},
		{"TOTP key from a file", "0.24.6", func(_ *testing.T, env map[string]string) {
			env["TOTP_ENCRYPTION_KEY"], env["TOTP_ENCRYPTION_KEY_FILE"] = "", env["UPDATER_API_TOKEN_FILE"]
		}, ""},
		{"managed without an updater", "0.24.6", func(_ *testing.T, env map[string]string) {
			env["UPDATER_API_URL"], env["UPDATER_API_TOKEN_FILE"], env["UPDATE_CHANNEL"] = "", "", ""
		}, ""},
		{"updater URL without a token file", "0.24.6", set("UPDATER_API_TOKEN_FILE", ""), "UPDATER_API_TOKEN_FILE is not"},
		{"zero-byte token", "0.24.6", content("UPDATER_API_TOKEN_FILE", ""), "is empty"},
		{"token of other length", "0.24.6", content("UPDATER_API_TOKEN_FILE", "abc"), "64 hex characters"},
		{"unknown channel", "0.24.6", set("UPDATE_CHANNEL", "nightly"), "not stable, beta or canary"},
		{"manifest host without TLS", "0.24.6", set("UPDATE_MANIFEST_HOST", "http://updates.seglamater.app"), "not an https URL"},
		{"public ignores the updater", "0.23.0", set("UPDATE_CHANNEL", "nightly"), ""},
		{"uploads cannot be stored", "0.24.6", set("FILE_STORAGE_PATH", "/proc/files"), "FILE_STORAGE_PATH"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			env := world(t)
			tt.change(t, env)
			_, err := readSettings(process(t, tt.version, env))
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
