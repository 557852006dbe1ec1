package fakes

import (
	"fmt"

	"github.com/Masterminds/semver/v3"
)

// NewestMigration is the version of the newest migration any release carries.
const NewestMigration = 55

// ForVersion returns the settings of a healthy server of that release: its
// generation, the version its health check reports, its newest migration.
func ForVersion(version string) (Config, error) {
	v, err := semver.StrictNewVersion(version)
	if err != nil {
		return Config{}, fmt.Errorf("version %q: %w", version, err)
	}
	c := Config{Version: version, Generation: Public, Behaviour: Healthy}
	if !v.LessThan(semver.New(0, 24, 0, "", "")) {
		c.Generation = Managed
	}
	if r := lookup(reported(), v); r.value != "" && r.value != version {
		c.HealthVersion = r.value
	}
	c.Migrations = lookup(newestMigrations(), v).value
	return c, nil
}

// A since is a value that holds from a version on, until the next one.
type since[T any] struct {
	from  *semver.Version
	value T
}

// lookup returns the last entry that is not newer than v. The lists are in
// ascending order.
func lookup[T any](list []since[T], v *semver.Version) since[T] {
	var found since[T]
	for _, s := range list {
		if v.LessThan(s.from) {
			break
		}
		found = s
	}
	return found
}

// reported lists what /api/health says: the version of the Rust workspace,
// which was rarely that of the release. Empty means the release's own.
func reported() []since[string] {
	return []since[string]{
		{semver.New(0, 1, 0, "", ""), "0.1.0"},
		{semver.New(0, 10, 0, "", ""), "0.9.0"},
		{semver.New(0, 11, 0, "", ""), "0.10.0"},
		{semver.New(0, 12, 0, "", ""), "0.11.0"},
		{semver.New(0, 13, 0, "", ""), "0.12.0"},
		{semver.New(0, 13, 1, "", ""), ""},
		{semver.New(0, 13, 8, "", ""), "0.13.7"},
		{semver.New(0, 14, 1, "", ""), ""},
		{semver.New(0, 17, 1, "", ""), "0.17.0"},
		{semver.New(0, 24, 0, "", ""), ""},
	}
}

// newestMigrations lists the newest migration by release. Up to 0.23.0 the
// numbers are those of the public builds. Later ones are not public: here
// 0.24.0 to 0.24.6 bring none and 0.24.7 brings four, so that there are
// upgrades of both kinds.
func newestMigrations() []since[int64] {
	return []since[int64]{
		{semver.New(0, 1, 0, "", ""), 18},
		{semver.New(0, 2, 0, "", ""), 23},
		{semver.New(0, 10, 0, "", ""), 24},
		{semver.New(0, 11, 0, "", ""), 34},
		{semver.New(0, 13, 4, "", ""), 35},
		{semver.New(0, 13, 8, "", ""), 36},
		{semver.New(0, 14, 1, "", ""), 37},
		{semver.New(0, 15, 0, "", ""), 38},
		{semver.New(0, 16, 0, "", ""), 39},
		{semver.New(0, 18, 36, "", ""), 40},
		{semver.New(0, 18, 42, "", ""), 41},
		{semver.New(0, 18, 44, "", ""), 42},
		{semver.New(0, 18, 46, "", ""), 46},
		{semver.New(0, 18, 50, "", ""), 47},
		{semver.New(0, 18, 69, "", ""), 48},
		{semver.New(0, 19, 0, "", ""), 49},
		{semver.New(0, 23, 0, "", ""), 51},
		{semver.New(0, 24, 7, "", ""), NewestMigration},
	}
}
