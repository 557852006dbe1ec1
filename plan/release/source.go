package release

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"

	"github.com/Masterminds/semver/v3"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// The vendor's own places, used where a [Source] says nothing else.
const (
	DefaultManifestHost = "https://updates.seglamater.app"
	DefaultRegistry     = "registry.seglamater.app"
	DefaultChannel      = "stable"
	DefaultPlatform     = "linux/amd64"

	// PinnedKeySHA256 is the SHA-256 of the key file that the vendor's
	// runbook names as the anchor of trust.
	PinnedKeySHA256 = "f1ff3f7ff3a1a7fe53620bbd8db0e362e55dcf622780e271740bc27d1850d082"

	// Lowest is the first release that knows managed updates.
	Lowest = "0.24.5"
)

// What the product's images are called in their repositories.
const (
	product     = "chatalot"
	updaterName = "chatalot-updater"
	proxyName   = "docker-socket-proxy"
	proxyTag    = "0.3.0"
)

// A Source says which release is wanted and whom to ask. Its zero value is
// the vendor's stable channel.
type Source struct {
	ManifestHost string // an https URL without a path
	ManifestFile string // read this file instead, with its signature beside it
	Channel      string
	Version      string // exactly this version; "" is what the channel offers

	Registry    string // host, and port if need be
	Credentials Credentials
	Platform    string // such as linux/arm64

	TokenHost string // the one other host that may be given the login for a token, if any

	KeyPEM           []byte // the vendor's key file; nil fetches it
	KeySHA256        string // what its SHA-256 must be
	RequireSignature bool   // stop where a signature is missing
	Accepts          Acceptance

	Memory *Memory // what was learned before; nil is nothing
}

// Credentials asks for the registry's login. It is called at most once for
// each [Client.Resolve], and only when the registry is about to be asked. Nil
// means no login.
type Credentials func(context.Context) (user string, password []byte, err error)

// complete fills in what is missing and refuses what can not be meant.
func (s Source) complete() (Source, error) {
	for _, f := range []struct {
		field *string
		value string
	}{
		{&s.ManifestHost, DefaultManifestHost}, {&s.Registry, DefaultRegistry},
		{&s.Channel, DefaultChannel}, {&s.Platform, DefaultPlatform}, {&s.KeySHA256, PinnedKeySHA256},
	} {
		if *f.field == "" {
			*f.field = f.value
		}
	}
	if s.Memory == nil {
		s.Memory = new(Memory)
	}
	s.ManifestHost = strings.TrimRight(s.ManifestHost, "/")
	s.KeySHA256 = strings.ToLower(strings.TrimPrefix(s.KeySHA256, "sha256:"))
	return s, s.check()
}

func (s Source) check() error {
	u, err := url.Parse(s.ManifestHost)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.Path != "" || u.User != nil || u.RawQuery != "" {
		// Not quoted: it may hold a login, which is one of the mistakes.
		return &SourceError{Reason: "the manifest host is not of the form https://host, without a login or a path"}
	}
	if !isWord(s.Channel) {
		return sourceError("%q is not a channel's name", s.Channel)
	}
	if _, err := name.NewRegistry(s.Registry, name.StrictValidation); err != nil {
		return sourceError("%q is not a registry's host", s.Registry)
	}
	if p, err := v1.ParsePlatform(s.Platform); err != nil || p.OS == "" || p.Architecture == "" {
		return sourceError("%q is not a platform such as linux/amd64", s.Platform)
	}
	if sum, err := hex.DecodeString(s.KeySHA256); err != nil || len(sum) != 32 {
		return sourceError("the key fingerprint %q is not a SHA-256", s.KeySHA256)
	}
	if _, err := name.NewRegistry(s.TokenHost, name.StrictValidation); err != nil && s.TokenHost != "" {
		return sourceError("%q is not the host of a token service", s.TokenHost)
	}
	if s.Version == "" {
		return nil
	}
	_, err = targetVersion(s.Version)
	return err
}

func sourceError(format, value string) error {
	return &SourceError{Reason: fmt.Sprintf(format, value)}
}

// isWord holds a channel's name to what can stand in a path unescaped.
func isWord(s string) bool {
	for _, r := range s {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '-', r == '_':
		default:
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// targetVersion reads a version and refuses what no server can be lifted to.
func targetVersion(s string) (*semver.Version, error) {
	v, err := semver.StrictNewVersion(s)
	if err != nil {
		return nil, &VersionError{Version: s, Reason: "it is not a version such as 0.24.6"}
	}
	if v.LessThan(semver.MustParse(Lowest)) {
		return nil, &VersionError{Version: s, Reason: "managed updates need at least " + Lowest}
	}
	return v, nil
}
