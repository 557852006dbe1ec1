package inventory

import (
	"net/netip"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"filippo.io/age"
	"github.com/Masterminds/semver/v3"
)

// Bounds of what a person writes. They keep error lines readable and folder
// names valid; nothing real comes near them.
const (
	maxName     = 64
	maxText     = 1024
	maxHops     = 8
	maxDowntime = 24 * time.Hour
)

// The forms of a few values. None of them needs to be exact: they keep out what
// would be misread later, as a path, an option or a second argument.
var (
	nameForm        = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*$`)
	deviceForm      = regexp.MustCompile(`^(con|prn|aux|nul|com[0-9]|lpt[0-9])$`)
	dnsForm         = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?$`)
	userForm        = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.@\\-]*\$?$`)
	fingerprintForm = regexp.MustCompile(`^[0-9A-Fa-f]{64}$`)
	digestForm      = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
	decisionForm    = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*(:[A-Za-z0-9._/=:@+-]+)?$`) // what, and of what
	envForm         = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

// checkName accepts what can name a folder on every system the program runs on.
func checkName(name string) error {
	switch {
	case len(name) > maxName:
		return fieldErrorf("a name is at most %d letters long", maxName)
	case !nameForm.MatchString(name):
		return fieldErrorf("%q is not a name: lower case letters, digits, dot, dash and underscore, the first a letter or digit", name)
	case strings.HasSuffix(name, "."), isDevice(name):
		return fieldErrorf("%q cannot be a folder name on Windows", name)
	}
	return nil
}

// isDevice reports whether Windows takes name for a device, as it does with or
// without an extension.
func isDevice(name string) bool {
	base, _, _ := strings.Cut(name, ".")
	return deviceForm.MatchString(base)
}

// parseRecipient accepts the public half of an age key. A secret half pasted by
// mistake is refused without being repeated.
func parseRecipient(_ *environment, text string) (string, error) {
	if r, err := age.ParseX25519Recipient(text); err == nil {
		return r.String(), nil
	}
	if strings.HasPrefix(strings.ToUpper(text), "AGE-SECRET-KEY-") {
		return "", badHint(`its public half, "age1…", stands in the file as a comment`, "is a secret key, and those never stand in an inventory")
	}
	return "", badHint(`"liftalot key --recovery" makes one`, "must be an age recipient, age1 and 58 letters and digits")
}

// parseText accepts one line of printable text.
func parseText(_ *environment, text string) (string, error) {
	switch {
	case text == "":
		return "", fieldErrorf("has no value")
	case len(text) > maxText:
		return "", fieldErrorf("is longer than %d bytes", maxText)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }):
		return "", fieldErrorf("must be one line of printable text")
	}
	return text, nil
}

func parseAddress(env *environment, text string) (string, error) {
	if user, rest, ok := strings.Cut(text, "@"); ok && user != "" && rest != "" {
		return "", badHint("write the user under user", "must not hold a user")
	}
	bare := strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
	if _, err := netip.ParseAddr(bare); err == nil {
		return bare, nil
	}
	if host, port, ok := strings.Cut(text, ":"); ok {
		if _, err := parsePort(env, port); err == nil && isDNSName(host) {
			return "", badHint("write port: "+port, "must not hold a port")
		}
	}
	if !isDNSName(text) {
		return "", fieldErrorf("must be a DNS name or an IP address")
	}
	return text, nil
}

// isDNSName is wide enough for the underscores that people give to machines.
func isDNSName(s string) bool {
	return len(s) <= 253 && dnsForm.MatchString(s)
}

// parsePort reads decimal digits only: to YAML 022 is eighteen.
func parsePort(_ *environment, text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 65535 || strconv.Itoa(n) != text {
		return 0, fieldErrorf("must be a number from 1 to 65535")
	}
	return n, nil
}

// parseUser refuses what ssh would take for an option or for a host.
func parseUser(_ *environment, text string) (string, error) {
	if len(text) > maxName || !userForm.MatchString(text) {
		return "", fieldErrorf("is not a user name")
	}
	return text, nil
}

// parsePath makes a path on the workstation absolute, so that it means the same
// wherever the program is started.
func parsePath(env *environment, text string) (string, error) {
	if _, err := parseText(env, text); err != nil {
		return "", err
	}
	return env.path(text), nil
}

func (s *environment) path(p string) string {
	switch {
	case p == "~":
		return s.home
	case strings.HasPrefix(p, "~/"):
		return filepath.Join(s.home, p[2:])
	case filepath.IsAbs(p):
		return filepath.Clean(p)
	}
	return filepath.Join(s.dir, p)
}

func parseSudo(env *environment, text string) (Sudo, error) {
	switch mode := SudoMode(text); mode {
	case SudoNone, SudoNoPasswd:
		return Sudo{Mode: mode}, nil
	}
	ref, err := parseSecretRef(env, text)
	if err != nil {
		return Sudo{}, badHint("write none, nopasswd, env:NAME, file:PATH, command:…, keychain:SERVICE/ACCOUNT or prompt",
			"is neither a way to become root nor a secret reference, and a password in plain text is refused")
	}
	return Sudo{Mode: SudoPassword, Password: ref}, nil
}

// parseComposeDir returns "" for auto.
func parseComposeDir(env *environment, text string) (string, error) {
	if text == "auto" {
		return "", nil
	}
	if _, err := parseText(env, text); err != nil {
		return "", err
	}
	if !path.IsAbs(text) {
		return "", fieldErrorf("must be auto or an absolute path on the host")
	}
	return path.Clean(text), nil
}

func parseChannel(_ *environment, text string) (string, error) {
	return oneOf(text, "stable", "beta", "canary")
}

func parsePin(_ *environment, text string) (Pin, error) {
	v, err := oneOf(text, string(PinDigest), string(PinTag))
	return Pin(v), err
}

func oneOf(text string, known ...string) (string, error) {
	if !slices.Contains(known, text) {
		return "", badHint(didYouMean(text, known), "must be one of %s", strings.Join(known, ", "))
	}
	return text, nil
}

func parseVersion(_ *environment, text string) (string, error) {
	v, err := semver.StrictNewVersion(strings.TrimPrefix(text, "v"))
	if err != nil || v.Metadata() != "" {
		return "", badHint("as in version: 0.24.6", "must be three numbers with dots")
	}
	return v.String(), nil
}

func parseMaxDowntime(_ *environment, text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return 0, badHint("as in 60s or 2m30s", "must be a duration with its unit")
	case d < time.Second || d > maxDowntime:
		return 0, fieldErrorf("must be between 1s and 24h")
	}
	return d, nil
}

// maxDumpTimeout bounds how long a backup may keep a host busy.
const maxDumpTimeout = 7 * 24 * time.Hour

func parseDumpTimeout(_ *environment, text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return 0, badHint("as in 4h or 90m", "must be a duration with its unit")
	case d < time.Minute || d > maxDumpTimeout:
		return 0, fieldErrorf("must be between 1m and 168h")
	}
	return d, nil
}

func parsePublicURL(env *environment, text string) (string, error) {
	return parseURL(env, text, "https", "http")
}

// parseManifestHost insists on TLS: until the manifest's signature is checked,
// TLS is all that says whose manifest it is.
func parseManifestHost(env *environment, text string) (string, error) {
	s, err := parseURL(env, text, "https")
	if err != nil {
		return "", err
	}
	if u, _ := url.Parse(s); u.Path != "" {
		return "", fieldErrorf("must be a URL without a path")
	}
	return s, nil
}

// parseURL refuses user and password in a URL without repeating them.
func parseURL(env *environment, text string, schemes ...string) (string, error) {
	if _, err := parseText(env, text); err != nil {
		return "", err
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "" || !slices.Contains(schemes, u.Scheme):
		return "", badHint("as in https://chat.example.com", "must be a URL that starts with %s://", strings.Join(schemes, ":// or "))
	case u.User != nil:
		return "", fieldErrorf("must not hold a user or a password")
	case u.RawQuery != "" || u.Fragment != "":
		return "", fieldErrorf("must be a URL without query and fragment")
	}
	if _, err := parsePort(env, u.Port()); u.Port() != "" && err != nil {
		return "", fieldErrorf("has a port that is no number from 1 to 65535")
	}
	return strings.TrimSuffix(text, "/"), nil
}

func parseRegistryAddress(env *environment, text string) (string, error) {
	host, port, hasPort := strings.Cut(text, ":")
	if hasPort {
		if _, err := parsePort(env, port); err != nil {
			return "", badHint("as in registry.example.com or registry.example.com:5000", "must be a host, or host:port, without a scheme")
		}
	}
	if !isDNSName(host) {
		return "", badHint("as in registry.example.com or registry.example.com:5000", "must be a host, or host:port, without a scheme")
	}
	return text, nil
}

func parseFingerprint(_ *environment, text string) (string, error) {
	if !fingerprintForm.MatchString(text) {
		return "", badHint("sha256sum of the key file prints them", "must be the 64 hex digits of a SHA-256")
	}
	return strings.ToLower(text), nil
}

// parseDigest takes the one form that registries and docker write.
func parseDigest(_ *environment, text string) (string, error) {
	if !digestForm.MatchString(text) {
		return "", badHint(`"docker buildx imagetools inspect IMAGE" prints it`, "must be sha256: and 64 hex digits in lower case")
	}
	return text, nil
}

func parseDecision(env *environment, text string) (string, error) {
	switch {
	case len(text) > maxText || !decisionForm.MatchString(text):
		return "", fieldErrorf("a decision is a word of lower case letters, digits and dashes")
	case env.decisions != nil && !slices.ContainsFunc(env.decisions, func(d string) bool { return matchesDecision(d, text) }):
		return "", badHint(didYouMean(text, env.decisions), "%q is no decision this program asks for", text)
	}
	return text, nil
}

// matchesDecision reports whether a decision as the program asks for it is the one that was
// written. One that ends with a colon is taken of something, and names it.
func matchesDecision(decision, written string) bool {
	if strings.HasSuffix(decision, ":") {
		return len(written) > len(decision) && strings.HasPrefix(written, decision)
	}
	return decision == written
}
