package sim

import (
	"slices"
	"strings"
)

// A Layout is a stack that was recorded, before an upgrade and after it.
type Layout struct {
	Before, After string // recordings
	Server        string // the server's container
	Version       string // that runs
	Reported      string // by its health, where it differs

	managed    bool // the version knows managed updates
	secretsUID int
	secrets    []secret
}

type secret struct {
	name, data string
	mode       uint32
	uid        int
}

// What every layout has.
const (
	Messages = 3400 // rows that must survive whatever happens
	OldImage = "chatalot-chatalot:latest"
	Database = "chatalot-db" // container

	seededMigration = 51
)

const (
	privateKey = "-----BEGIN PRIVATE KEY-----\ncanary0jwt0private0canary\n-----END PRIVATE KEY-----\n"
	publicKey  = "-----BEGIN PUBLIC KEY-----\nsimulated\n-----END PUBLIC KEY-----\n"
)

// Public is the newest public layout, without a thought of managed updates.
var Public = Layout{
	Before: "public", After: "upgraded", Server: "chatalot-server", Version: "0.23.0", Reported: "0.17.0",
	secrets: []secret{
		{"jwt_private.pem", privateKey, 0o600, 999},
		{"jwt_public.pem", publicKey, 0o644, 999},
	},
}

// Staged has the updater's services defined and never started, and its secrets
// touched and never filled, in the hands of the user who copied them there.
var Staged = Layout{
	Before: "staged", After: "staged-upgraded", Server: "chatalot", Version: "0.24.4", managed: true, secretsUID: 1000,
	secrets: []secret{
		{"jwt_private.pem", privateKey, 0o644, 1000},
		{"jwt_public.pem", publicKey, 0o644, 1000},
		{"db_password", "canary0db0password0canary0canary", 0o644, 1000},
		{"totp_encryption_key", "ca4a47ca4a47ca4a47ca4a47ca4a47ca4a47ca4a47ca4a47ca4a47ca4a47ca4a", 0o644, 1000},
		{"updater_token", "", 0o644, 1000},
		{"cosign_pub", "", 0o644, 1000},
		{"registry_creds", "", 0o644, 1000},
	},
}

// Secrets are texts that must not be seen anywhere but on the server: those of
// .env, and those that are in the secrets folder by now.
func (s *Server) Secrets() (all []string) {
	env, err := s.Machine.Lookup(Dir + "/.env")
	if err == nil {
		all = append(all, variable(env.Data, "DB_PASSWORD"), variable(env.Data, "TOTP_ENCRYPTION_KEY"))
	}
	for _, name := range []string{"jwt_private.pem", "totp_encryption_key", "updater_token"} {
		f, err := s.Machine.Lookup(Dir + "/secrets/" + name)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(f.Data)) {
			if line = strings.TrimSpace(line); !strings.HasPrefix(line, "-----") {
				all = append(all, line)
			}
		}
	}
	return slices.DeleteFunc(all, func(secret string) bool { return secret == "" })
}
