package plan

import (
	"fmt"
	"strings"
	"testing"
)

func bound(source string) []HostMount {
	return []HostMount{{Type: "bind", Source: source, Destination: "/in/there"}}
}

// openFolder is a secrets folder that the upgrade would close, owned by 1000:1000.
func (f *Facts) openFolder() { f.secretsFolder(Secret{Mode: 0o755, UID: 1000, GID: 1000}) }

func shutOutCases(t testing.TB) []checkCase {
	return []checkCase{
		{"shared secrets", "container grafana of project mon mounts /srv/chatalot/secrets at /in/there and runs as uid 472: it could not enter /srv/chatalot/secrets any more once the upgrade has closed that to 0700", Stop, func(f *Facts, _ *Settings, _ *Release) {
			f.openFolder()
			f.theirs(HostContainer{Name: "grafana", Project: "mon", User: "472", Mounts: bound("/srv/chatalot/secrets")})
		}},
		{"shared secrets", "runs as uid 472", Warn, func(f *Facts, s *Settings, _ *Release) {
			f.openFolder()
			s.Allow = []string{AllowClosedSecrets + "grafana"}
			f.theirs(HostContainer{Name: "grafana", User: "472", Mounts: bound("/srv/chatalot/secrets")})
		}},
		{"shared secrets", "mounts /srv/chatalot at", Stop, func(f *Facts, _ *Settings, _ *Release) {
			f.openFolder()
			f.ours("coturn", HostContainer{User: "1234:1234", Mounts: bound("/srv/chatalot")})
		}},
		{"shared secrets", `user "nobody", whose number only the image knows`, Stop, func(f *Facts, _ *Settings, _ *Release) {
			f.openFolder()
			f.theirs(HostContainer{Name: "x", User: "nobody", Mounts: bound("/srv")})
		}},
		{"shared secrets", "runs as uid 101", Stop, func(f *Facts, _ *Settings, _ *Release) { // its entrypoint gave root up
			f.openFolder()
			f.theirs(HostContainer{Name: "x", Mounts: bound("/srv/chatalot/secrets")})
			f.Resources.Users = map[string]HostUser{"id-of-x": {UID: 101, Groups: []int{101}}}
		}},
		{"shared secrets", "runs as uid 0", Stop, func(f *Facts, _ *Settings, _ *Release) { // root without its powers
			f.openFolder()
			f.theirs(HostContainer{Name: "x", Mounts: bound("/srv/chatalot/secrets")})
			f.Resources.Users = map[string]HostUser{"id-of-x": {Groups: []int{0}}}
		}},
		{"shared secrets", "mounts /data/chat at", Stop, func(f *Facts, _ *Settings, _ *Release) { // the same folder by another path
			f.openFolder()
			f.Resources.Real = map[string]string{"/data/chat": "/mnt/disk/chat", "/srv/chatalot/secrets": "/mnt/disk/chat/secrets"}
			f.theirs(HostContainer{Name: "x", User: "5", Mounts: bound("/data/chat")})
		}},
		{"shared secrets", "container chatalot-server of project chatalot mounts /srv/chatalot/secrets at /in/there and runs as uid 999", Stop, func(f *Facts, _ *Settings, _ *Release) { // the new image's user
			f.openFolder()
			f.ours("chatalot", HostContainer{User: "root", Mounts: bound("/srv/chatalot/secrets")})
		}},
		{"shared secrets", "runs as root: what gives root up in there", Warn, func(f *Facts, _ *Settings, _ *Release) {
			f.openFolder()
			f.theirs(HostContainer{Name: "x", Mounts: bound("/srv/chatalot/secrets")})
		}},
		{"shared secrets", "mounts / at", Warn, func(f *Facts, _ *Settings, _ *Release) { // the metrics of a host
			f.openFolder()
			f.theirs(HostContainer{Name: "node-exporter", User: "65534", Mounts: bound("/")})
		}},
		{"shared secrets", "mounts volume chatalot_keys at", Stop, func(f *Facts, _ *Settings, _ *Release) {
			f.openFolder()
			remodel(t, f, "public", map[string]any{"name": "chatalot_keys", "driver_opts": map[string]any{"device": "/srv/chatalot/secrets"}}, "volumes", "keys")
			f.theirs(HostContainer{Name: "x", User: "5", Mounts: []HostMount{{Type: "volume", Name: "chatalot_keys", Source: "/var/lib/docker/volumes/chatalot_keys/_data", Destination: "/keys"}}})
		}},
		{"shared secrets", "service coturn, which does not run now, mounts ./secrets as uid 7", Warn, func(f *Facts, _ *Settings, _ *Release) {
			f.openFolder()
			remodel(t, f, "public", map[string]any{"user": "7", "volumes": []any{map[string]any{"type": "bind", "source": "./secrets", "target": "/s"}}}, "services", "coturn")
			f.Resources.Real = map[string]string{"./secrets": "/srv/chatalot/secrets"}
		}},
	}
}

// Who loses nothing is in nobody's way.
func TestR5WhoKeepsTheSecretsFolder(t *testing.T) {
	for name, move := range map[string]func(f *Facts){
		"a file of it": func(f *Facts) {
			f.theirs(HostContainer{Name: "x", User: "472", Mounts: bound("/srv/chatalot/secrets/db_password")})
		},
		"a folder in it": func(f *Facts) {
			f.theirs(HostContainer{Name: "x", User: "472", Mounts: bound("/srv/chatalot/secrets/tls")})
		},
		"its owner": func(f *Facts) {
			f.theirs(HostContainer{Name: "x", User: "1000", Mounts: bound("/srv/chatalot/secrets")})
		},
		"a folder beside": func(f *Facts) {
			f.theirs(HostContainer{Name: "x", User: "472", Mounts: bound("/srv/chatalot/secrets2")})
		},
		"one that could not enter it before": func(f *Facts) {
			f.secretsFolder(Secret{Mode: 0o750, UID: 1000, GID: 1000})
			f.theirs(HostContainer{Name: "x", User: "472", Mounts: bound("/srv/chatalot/secrets")})
		},
		"a folder that is closed already": func(f *Facts) {
			f.secretsFolder(Secret{Mode: 0o700, UID: 1000, GID: 1000})
			f.theirs(HostContainer{Name: "x", User: "472", Mounts: bound("/srv/chatalot/secrets")})
		},
		"a folder that is not there yet": func(f *Facts) {
			f.Secrets = nil
			f.theirs(HostContainer{Name: "x", User: "472", Mounts: bound("/srv/chatalot")})
		},
	} {
		f := recorded(t, "public")
		f.openFolder()
		move(f)
		for _, c := range Checks(f, Settings{}, nil) {
			if c.Name == "shared secrets" {
				t.Errorf("%s: %+v", name, c)
			}
		}
	}
	// By its group, and by one that it has besides.
	for _, groups := range [][]int{{1000}, {5, 1000}} {
		f := recorded(t, "public")
		f.secretsFolder(Secret{Mode: 0o750, UID: 1, GID: 1000})
		f.theirs(HostContainer{Name: "x", User: "472", Mounts: bound("/srv/chatalot/secrets")})
		f.Resources.Users = map[string]HostUser{"id-of-x": {UID: 472, Groups: groups}}
		if said := fmt.Sprint(Stopped(Checks(f, Settings{}, nil))); !strings.Contains(said, "shared secrets") {
			t.Errorf("groups %v: %s", groups, said)
		}
	}
}
