package drift

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"liftalot/plan/compose"
)

// open are variables whose values are shown: no secret belongs in them. All others are told
// apart only by whether they are set.
var open = []string{
	"ADMIN_USERNAME", "BASE_URL", "CHATALOT_UPDATER_SERVER_CONTAINER", "COMMUNITY_CREATION_MODE", "FILE_STORAGE_PATH", "JWT_PRIVATE_KEY_PATH",
	"JWT_PUBLIC_KEY_PATH", "LANG", "LISTEN_ADDR", "LOG_LEVEL", "MAX_FILE_SIZE_MB", "PATH", "POSTGRES_DB", "POSTGRES_USER", "PUBLIC_URL",
	"REGISTRATION_MODE", "RUST_LOG", "STATIC_FILES_PATH", "TOTP_ENCRYPTION_KEY_FILE", "TZ", "UPDATER_API_TOKEN_FILE", "UPDATER_API_URL",
	"UPDATE_CHANNEL", "UPDATE_MANIFEST_HOST",
}

// longest is how much of a value is shown.
const longest = 160

// Show says in words what runs and what Compose would make, without what may be a secret:
// values of variables that are not known to be harmless, what names itself a secret, what
// is so unlike ordinary text that it might be one, and the values given. Where all that
// differs is hidden it says so.
func (d Difference) Show(secrets []string) string {
	runs, makes := d.value(d.Runs, secrets), d.value(d.Makes, secrets)
	if runs == makes {
		return fmt.Sprintf("%s: what runs has another value than the files say (not shown: it may be secret)", escape(d.Field))
	}
	return fmt.Sprintf("%s: what runs has %s, the files say %s", escape(d.Field), runs, makes)
}

const hidden = "***"

// value is one side for people.
func (d Difference) value(v string, secrets []string) string {
	if v == unset {
		return "none"
	}
	kind, name, _ := strings.Cut(d.Field, ".")
	switch kind {
	case "environment":
		if !slices.Contains(open, name) {
			return hidden
		}
		v = compose.RedactWords(withoutLogin(name, v))
	case "volumes", "tmpfs", "networks", "ports", "ulimits", "devices", "network_mode", "pid", "ipc", "restart", "user", "working_dir", "volumes_from":
		v = withoutLogin("", v) // names, paths and numbers
	default:
		v = compose.RedactWords(withoutLogin(name, v))
	}
	v = compose.RedactValues(v, secrets)
	if len(v) > longest {
		v = strings.ToValidUTF8(v[:longest], "") + "…"
	}
	return escape(v)
}

// withoutLogin hides in a value what its name or an address in it marks as secret.
func withoutLogin(name, v string) string {
	if name == "" {
		return compose.RedactLine(v)
	}
	name += ": "
	line := compose.RedactLine(name + v)
	if rest, ok := strings.CutPrefix(line, name); ok {
		return rest
	}
	return hidden
}

// escape returns foreign text without what moves a cursor.
func escape(v string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, v)
}
