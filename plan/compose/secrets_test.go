package compose

import (
	"encoding/base64"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestSecrets(t *testing.T) {
	for _, tt := range []struct {
		line string
		want []string
	}{
		{"DB_PASSWORD=hunter2-hunter2", []string{"hunter2-hunter2"}},
		{"export DB_PASSWORD='hunter2 # hunter2'", []string{"hunter2 # hunter2"}},
		{"DB_PASSWORD=\"hun\\\"ter2hunter2\"", []string{`hun\"ter2hunter2`, `hun"ter2hunter2`}},
		{"DB_PASSWORD=hunter2hunter2 # a note", []string{"hunter2hunter2 # a note", "hunter2hunter2"}},
		{"      - \"API_TOKEN=hunter2hunter2\"", []string{"hunter2hunter2\"", "hunter2hunter2"}},
		{"    environment: {A: a, JWT_SECRET: hunter2hunter2, B: b}", []string{"hunter2hunter2"}},
		{"      URL: postgres://chat:hunter%402hunter2@db/x", []string{"hunter%402hunter2", "hunter@2hunter2"}},
		{"DB_PASSWORD=${OTHER:-hunter2hunter2}", []string{"hunter2hunter2"}},
		{"      POSTGRES_PASSWORD: hunt$$er2hunter2", []string{"hunt$$er2hunter2", "hunt$er2hunter2"}},
		{"JWT_SECRET=0123456789abcdef0123456789abcdef", []string{"0123456789abcdef0123456789abcdef"}},
		{"TURN_SECRET=/k3Vb9xQ2pLm8Zr1WtYc7NdHs0fGjE4u", []string{"/k3Vb9xQ2pLm8Zr1WtYc7NdHs0fGjE4u"}},
		{"DB_PASSWORD=correcthorsebatterystaple", []string{"correcthorsebatterystaple"}},

		{"LOG_LEVEL=verbose-and-more-of-it", nil},
		{"DB_PASSWORD=hunter2", nil}, // too short
		{"DB_PASSWORD=chatalot", nil},
		{"DB_PASSWORD=Postgres", nil},
		{"DB_PASSWORD=PRODUCTION", nil},
		{"DB_PASSWORD=chatalot-server", nil},
		{"DB_PASSWORD=20261123", nil},
		{"API_TOKEN=2026-11-23T20:00:00Z", nil},
		{"JWT_SECRET=/run/secrets/jwt_secret1", nil},
		{"JWT_SECRET=${JWT_SECRET}", nil},
		{"JWT_SECRET_FILE=/run/secrets/jwt_secret1", nil},
		{"", nil},
	} {
		if got := Secrets([]byte(tt.line + "\n")); !slices.Equal(got, tt.want) {
			t.Errorf("%q: got %q, want %q", tt.line, got, tt.want)
		}
	}
	const key = "KEY: |\n  -----BEGIN PRIVATE KEY-----\n  hunter2hunter2\n  -----END PRIVATE KEY-----\n"
	if got := Secrets([]byte(key)); !slices.Equal(got, []string{"hunter2hunter2"}) {
		t.Errorf("a key: %q", got)
	}
}

// One in 64 values in base64 begins with a slash, and may hold more of them.
func TestAPathIsToldFromASecret(t *testing.T) {
	for _, path := range []string{
		"/run/secrets/jwt_secret1", "/etc/ssl/certs/ca-2024.pem", "/home/Bob/.config/ChatData2/Key.pem", "/mnt/HC_Volume_12345678/data",
		"/var/lib/docker/volumes/3f9ac1d4e5b60718293a4b5c6d7e8f90/_data", "/opt/LetsEncrypt/privkey.pem", "/srv/OAuth/TOKEN", "/data/PG17/x86_64",
		"/run/postgresql:/tmp", "/api/v1/tokens", "/tmp//a~",
	} {
		if !isPath(path) || distinctive(path) {
			t.Errorf("%s is taken for a secret", path)
		}
	}
	for _, secret := range []string{
		"/k3Vb9xQ2pLm8Zr1WtYc7NdHs0fGjE4u", "/Zk9/QmT4xW/7pLcV2nB8sYd1RfHg==", "/aGVsbG8gd29ybGQK", "/opt/k3Vb9xQ2pLm8Zr1W", "/hunter2+hunter2", "/hunter$2!hunter",
	} {
		if isPath(secret) || !distinctive(secret) {
			t.Errorf("%s is taken for a path", secret)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		b := make([]byte, 24+random.IntN(25))
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		if v := "/" + base64.StdEncoding.EncodeToString(b); !distinctive(v) {
			t.Errorf("%s is taken for a path", v)
		}
	}
}
