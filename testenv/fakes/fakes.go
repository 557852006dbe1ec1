// Package fakes describes the programs that stand in for chatalot's own
// images on a throw-away server.
//
// The vendor's images cannot be pulled where tests run, and a test wants
// releases that fail on purpose. So one static program plays all of them,
// chosen by the name it is called by:
//
//   - chatalot-server, in package server: uid 999, real migrations, the API;
//   - chatalot-updater, in package updater: uid 1001, the sidecar's gates;
//   - docker-socket-proxy, in package socketproxy: the access list;
//   - curl, in package curl: what health checks and runbooks call.
//
// They keep the vendor's contract strictly and on purpose: what is merely
// unlikely to work on the real thing fails here, loudly and at start, so that
// a wrong upgrade cannot pass for a right one.
//
// # The settings of an image
//
// Everything that differs between two images of the same program is one file,
// [Path], baked into the image: a JSON object with exactly the fields of
// [Config]. An unknown field is an error. [ForVersion] knows what each real
// release reported and which migrations it carried.
package fakes

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"
)

// Path is where an image holds its settings.
const Path = "/etc/chatalot/standin.json"

// The users the vendor's images run as.
const (
	ServerUID  = 999
	UpdaterUID = 1001
)

// A Config says which release an image plays, and how it behaves.
type Config struct {
	// Version is the release, as the web build reports it.
	Version string `json:"version"`
	// HealthVersion is what /api/health reports, when it is not Version: most
	// public builds report an older one.
	HealthVersion string `json:"health_version,omitempty"`
	// Generation tells public builds from those with managed updates.
	Generation Generation `json:"generation"`
	// Migrations is the version of the newest migration the image carries.
	Migrations int64 `json:"migrations"`
	// Behaviour is how it goes; empty means [Healthy].
	Behaviour Behaviour `json:"behaviour,omitempty"`
	// Extra holds the numbers of a behaviour, by name, such as the "delay" of
	// [Slow].
	Extra map[string]string `json:"extra,omitempty"`
}

// A Generation is one of the two lines of chatalot releases.
type Generation string

// Public builds know nothing of an updater; Managed builds are 0.24 and later.
const (
	Public  Generation = "public"
	Managed Generation = "managed"
)

// A Behaviour is a way for a release to be good or bad.
//
// Those of the server set in after its migrations ran: a bad release has then
// already changed the database, which is the case worth testing.
type Behaviour string

const (
	// Healthy does what the vendor promises.
	Healthy Behaviour = "healthy"
	// Crash exits at once with status 1.
	Crash Behaviour = "crash"
	// Hang accepts connections and never answers.
	Hang Behaviour = "hang"
	// Degraded answers, and says that it cannot reach its database. The
	// server does so with status 200, as the real one does.
	Degraded Behaviour = "degraded"
	// Slow serves only after the time in "delay", 20s if not set.
	Slow Behaviour = "slow"
	// BadMigration carries one migration more, and that one fails.
	BadMigration Behaviour = "bad-migration"
	// DiesLater is healthy, and exits after the time in "after", 40s if not set.
	DiesLater Behaviour = "dies-later"
	// ErrorBody answers health checks with status 200 and an error.
	ErrorBody Behaviour = "error-body"
	// StrictV030 is for the socket proxy: like the public image of that
	// version it writes outside /tmp, so it cannot run read-only.
	StrictV030 Behaviour = "strict-v0.3.0"
)

// Behaviours returns all of them, for help texts and tests.
func Behaviours() []Behaviour {
	return []Behaviour{
		Healthy, Crash, Hang, Degraded, Slow, BadMigration, DiesLater, ErrorBody, StrictV030,
	}
}

// Parse reads the settings of an image.
func Parse(data []byte) (Config, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var c Config
	if err := dec.Decode(&c); err != nil {
		return Config{}, fmt.Errorf("stand-in settings: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Config{}, errors.New("stand-in settings: text after the object")
	}
	if c.Behaviour == "" {
		c.Behaviour = Healthy
	}
	if err := c.validate(); err != nil {
		return Config{}, fmt.Errorf("stand-in settings: %w", err)
	}
	return c, nil
}

// Load reads the settings from a file.
func Load(path string) (Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("stand-in settings: %w", err)
	}
	return Parse(data)
}

// JSON returns the settings as [Parse] reads them; the same settings give the
// same bytes, so that image digests are stable.
func (c Config) JSON() ([]byte, error) {
	if c.Behaviour == "" {
		c.Behaviour = Healthy
	}
	if err := c.validate(); err != nil {
		return nil, fmt.Errorf("stand-in settings: %w", err)
	}
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("stand-in settings: %w", err)
	}
	return append(data, '\n'), nil
}

// ReportedVersion is the version in the answer to a health check.
func (c Config) ReportedVersion() string {
	if c.HealthVersion != "" {
		return c.HealthVersion
	}
	return c.Version
}

// Duration returns the extra of that name, or the fallback when it is not set.
func (c Config) Duration(name string, fallback time.Duration) (time.Duration, error) {
	text, ok := c.Extra[name]
	if !ok {
		return fallback, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("stand-in settings: extra %q: %w", name, err)
	}
	return d, nil
}

func (c Config) validate() error {
	if c.Version == "" {
		return errors.New("no version")
	}
	if c.Generation != Public && c.Generation != Managed {
		return fmt.Errorf("unknown generation %q", c.Generation)
	}
	if c.Migrations < 0 {
		return fmt.Errorf("negative migration %d", c.Migrations)
	}
	for _, b := range Behaviours() {
		if c.Behaviour == b {
			return nil
		}
	}
	return fmt.Errorf("unknown behaviour %q", c.Behaviour)
}

// A Process is what a stand-in sees of the world it runs in, so that a test
// can put it in another one.
type Process struct {
	Config Config
	Args   []string // without the program's name
	UID    int
	Getenv func(string) string
	Log    *slog.Logger
	Stdout io.Writer
}

// RequireUID refuses to run as anyone but the user the vendor's image runs as:
// what only root can read must not pass unnoticed.
func (p Process) RequireUID(program string, uid int) error {
	if p.UID != uid {
		return fmt.Errorf("%s must run as uid %d and runs as uid %d", program, uid, p.UID)
	}
	return nil
}
