package plan

import (
	"slices"
	"strings"
	"testing"
)

// lies puts the project's compose file somewhere else, there or not.
func (f *Facts) lies(file string, missing bool) {
	f.Files = slices.Clone(f.Files)
	f.Files[0].Path, f.Files[0].Missing, f.Project.Files = file, missing, []string{file}
}

var portainer = HostContainer{Name: "portainer", Image: "portainer/portainer-ce:2.21.5", Mounts: []HostMount{
	{Type: "bind", Source: "/var/run/docker.sock", Destination: "/var/run/docker.sock"},
	{Type: "volume", Name: "portainer_data", Source: "/var/lib/docker/volumes/portainer_data/_data", Destination: "/data"},
}}

func panelCases() []checkCase {
	return []checkCase{
		{"compose files", "docker-compose.yml is missing", Stop, func(f *Facts, _ *Settings, _ *Release) { f.Files[0].Missing = true; f.theirs(portainer) }},
		{"compose files", "belongs to Portainer (container portainer), which keeps its compose file where the host has none: /data/compose/12/docker-compose.yml", Stop, func(f *Facts, _ *Settings, _ *Release) {
			f.theirs(portainer)
			f.lies("/data/compose/12/docker-compose.yml", true)
		}},
		{"compose files", "belongs to Portainer, which keeps", Stop, func(f *Facts, _ *Settings, _ *Release) { f.lies("/data/compose/12/docker-compose.yml", true) }},
		{"compose files", "belongs to container my-panel, which keeps", Stop, func(f *Facts, _ *Settings, _ *Release) {
			f.theirs(HostContainer{Name: "my-panel", Image: "example/panel", Mounts: []HostMount{
				{Type: "bind", Source: "/run/docker.sock", Destination: "/var/run/docker.sock"},
				{Type: "bind", Source: "/opt/panel", Destination: "/stacks"},
			}})
			f.lies("/stacks/chat/compose.yaml", true)
		}},
		{"compose files", "was started from standard input (-)", Stop, func(f *Facts, _ *Settings, _ *Release) { f.lies("-", true) }},
		{"compose files", "was started from standard input (/dev/fd/63)", Stop, func(f *Facts, _ *Settings, _ *Release) { f.lies("/dev/fd/63", true) }},
	}
}

// Where a panel keeps the file and the host has it too, the edit may be written over.
func TestPanelsThatMayWriteOverTheEdit(t *testing.T) {
	dockge := HostContainer{Name: "dockge", Image: "louislam/dockge:1", Mounts: []HostMount{{Type: "bind", Source: "/srv", Destination: "/srv"}}}
	for _, tt := range []struct {
		file  string
		other HostContainer
		says  string // "" for no word
	}{
		{"/data/coolify/services/abc/docker-compose.yml", HostContainer{Name: "coolify", Image: "ghcr.io/coollabsio/coolify:4.0"}, "Coolify (container coolify)"},
		{"/etc/dokploy/compose/chat-x1/code/docker-compose.yml", HostContainer{}, "Dokploy"},
		{"/var/lib/casaos/apps/chatalot/docker-compose.yml", HostContainer{}, "CasaOS"},
		{"/opt/1panel/apps/chatalot/docker-compose.yml", HostContainer{}, "1Panel"},
		{"/etc/komodo/stacks/chat/compose.yaml", HostContainer{}, "Komodo"},
		{"/opt/stacks/chat/compose.yaml", HostContainer{Name: "dockge", Image: "louislam/dockge:1"}, "Dockge (container dockge)"},
		{"/opt/stacks/chat/compose.yaml", HostContainer{}, ""},
		{"/srv/chatalot/docker-compose.yml", dockge, "Dockge (container dockge)"},
		{"/srv/chatalot/docker-compose.yml", portainer, ""},
		{"/srv/chatalot/docker-compose.yml", HostContainer{Name: "agent", Image: "portainer/portainer-ee", Mounts: []HostMount{{Type: "bind", Source: "/", Destination: "/host"}}}, ""},
		{"/data/chat/docker-compose.yml", portainer, ""}, // a folder of the host that only has the name
	} {
		f := recorded(t, "public")
		f.lies(tt.file, false)
		if tt.other.Name != "" {
			f.theirs(tt.other)
		}
		said := ""
		for _, c := range Checks(f, Settings{}, nil) {
			if c.Name == "panel" {
				said += c.Detail
				if c.Level != Warn || c.Hint == "" {
					t.Errorf("%s: %+v", tt.file, c)
				}
			}
		}
		if (said == "") != (tt.says == "") || !strings.Contains(said, tt.says) {
			t.Errorf("%s beside %q: %q", tt.file, tt.other.Name, said)
		}
	}
}

// Nobody is told to put a file back that a panel does not read (case 15).
func TestAPanelsFileIsNotToBePutBack(t *testing.T) {
	f := recorded(t, "public")
	f.theirs(portainer)
	f.lies("/data/compose/12/docker-compose.yml", true)
	for _, c := range Stopped(Checks(f, Settings{}, nil)) {
		if c.Name != "compose files" {
			continue
		}
		for _, want := range []string{"Portainer", "Stacks", "docker cp portainer:/data/compose/12", "docker compose -p chatalot up -d"} {
			if !strings.Contains(c.Hint, want) {
				t.Errorf("no %q in %q", want, c.Hint)
			}
		}
		if strings.Contains(c.Hint, "put it back") {
			t.Errorf("%q", c.Hint)
		}
		return
	}
	t.Error("nothing is said of the files")
}
