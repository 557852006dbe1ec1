package plan

import (
	"slices"
	"strings"
	"testing"

	"liftalot/plan/compose"
)

// theirs is a container that has nothing to do with the project.
func (f *Facts) theirs(c HostContainer) {
	if c.ID == "" {
		c.ID = "id-of-" + c.Name
	}
	if c.State == "" {
		c.State = "running"
	}
	f.Everyone = append(f.Everyone, c)
}

// ours is the project's own container of a service, as the whole host sees it.
func (f *Facts) ours(service string, c HostContainer) {
	k, _ := f.Container(service)
	c.ID, c.Name, c.State, c.Project, c.Service = k.ID, k.Name, k.State, f.Project.Name, service
	f.Everyone = append(f.Everyone, c)
}

func published(ip, port string) map[string][]HostPort {
	return map[string][]HostPort{"8080/tcp": {{HostIP: ip, HostPort: port}}}
}

const namelessVolume = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func placeCases(t testing.TB) []checkCase {
	remodelled := func(f *Facts, value any, path ...string) { remodel(t, f, "public", value, path...) }
	port := []any{map[string]any{"target": 8080, "published": "9999", "host_ip": "127.0.0.1", "protocol": "tcp"}}
	return []checkCase{
		{"docker", "compose 2.26.1-4 cannot speak to engine 26.1.5+dfsg1 (API 1.45): Error response from daemon: client version 1.43 is too old", Stop, func(f *Facts, _ *Settings, _ *Release) {
			f.fails("compose-engine", "Error response from daemon: client version 1.43 is too old. Minimum supported API version is 1.44")
		}},
		{"names", `a container "chatalot-updater", and container chatalot-updater of project teamchat has that name`, Stop, func(f *Facts, _ *Settings, _ *Release) {
			f.theirs(HostContainer{Name: UpdaterService, Project: "teamchat", Service: UpdaterService})
		}},
		{"names", `a container "chatalot-socket-proxy", and container chatalot-socket-proxy (made without compose) has that name`, Stop, func(f *Facts, _ *Settings, _ *Release) {
			f.theirs(HostContainer{Name: ProxyService, State: "exited"})
		}},
		{"names", `container chatalot-socket-proxy of project chatalot has that name`, Stop, func(f *Facts, _ *Settings, _ *Release) {
			f.theirs(HostContainer{Name: ProxyService, Project: "chatalot", Service: "monitoring"})
		}},
		{"names", "not known who else is on this host: broken", Warn, func(f *Facts, _ *Settings, _ *Release) { f.fails("everyone", "broken") }},
		{"networks", `a network "chatalot_updater_internal", and there is one of that name, which compose did not make`, Stop, func(f *Facts, _ *Settings, _ *Release) {
			f.Networks = append(f.Networks, Network{Name: "chatalot_updater_internal"})
		}},
		{"networks", "made for internal of project chatalot_updater", Stop, func(f *Facts, _ *Settings, _ *Release) {
			f.Networks = append(f.Networks, Network{Name: "chatalot_updater_internal", Project: "chatalot_updater", Key: "internal"})
		}},
		{"volumes", `a volume "chatalot_updater_data", and there is one of that name, made for updater_data of project other`, Stop, func(f *Facts, _ *Settings, _ *Release) {
			f.Resources.Volumes = []HostVolume{{Name: "chatalot_updater_data", Project: "other", Key: "updater_data"}}
		}},
		{"volumes", `a volume "chatalot_chatalot_backups", and there is one of that name, which compose did not make`, Stop, func(f *Facts, _ *Settings, _ *Release) {
			f.Resources.Volumes = []HostVolume{{Name: "chatalot_chatalot_backups"}}
		}},
		{"ports", "service chatalot publishes port 127.0.0.1:9999/tcp of the host, and container web of project shop has it", Stop, func(f *Facts, _ *Settings, _ *Release) {
			remodelled(f, port, "services", "chatalot", "ports")
			f.theirs(HostContainer{Name: "web", Project: "shop", Ports: published("", "9999")})
		}},
		{"ports", "a process of the host (ss -lnp", Stop, func(f *Facts, _ *Settings, _ *Release) {
			remodelled(f, port, "services", "chatalot", "ports")
			f.Resources.Listening = []Socket{{Protocol: "tcp", IP: "0.0.0.0", Port: 9999}}
		}},
		{"database files", "(/var/lib/postgresql/data in chatalot-db) are in a nameless volume: recreating its container loses them", Warn, func(f *Facts, _ *Settings, _ *Release) {
			f.ours("postgres", HostContainer{Mounts: []HostMount{{Type: "volume", Name: namelessVolume, Destination: "/var/lib/postgresql/data"}}})
		}},
		{"database files", "(/var/lib/postgresql/18/docker in chatalot-db) are in a nameless volume", Warn, func(f *Facts, _ *Settings, _ *Release) {
			service(f, "postgres").Env["PGDATA"] = "/var/lib/postgresql/18/docker"
			f.ours("postgres", HostContainer{Mounts: []HostMount{
				{Type: "volume", Name: namelessVolume, Destination: "/var/lib/postgresql"},
				{Type: "volume", Name: "chatalot_postgres_data", Destination: "/var/lib/postgresql/data"},
			}})
		}},
		{"database files", "are in no volume at all: recreating its container loses them", Warn, func(f *Facts, _ *Settings, _ *Release) {
			service(f, "postgres").Env["PGDATA"] = "/pgdata"
			f.ours("postgres", HostContainer{Mounts: []HostMount{{Type: "volume", Name: "chatalot_postgres_data", Destination: "/var/lib/postgresql/data"}}})
		}},
		{"database files", "are in memory", Warn, func(f *Facts, _ *Settings, _ *Release) {
			f.ours("postgres", HostContainer{Mounts: []HostMount{{Type: "tmpfs", Destination: "/var/lib/postgresql/data"}}})
		}},
	}
}

// What is there and in nobody's way must not stop an upgrade.
func TestPlacesThatAreFree(t *testing.T) {
	port := []any{map[string]any{"target": 8080, "published": "8080", "host_ip": "127.0.0.1", "protocol": "tcp"}}
	for name, move := range map[string]func(f *Facts){
		"the server's own port": func(f *Facts) {
			remodel(t, f, "public", port, "services", "chatalot", "ports")
			f.ours("chatalot", HostContainer{Ports: published("127.0.0.1", "8080")})
			f.Resources.Listening = []Socket{{Protocol: "tcp", IP: "127.0.0.1", Port: 8080}}
		},
		"the port on another address": func(f *Facts) {
			remodel(t, f, "public", port, "services", "chatalot", "ports")
			f.theirs(HostContainer{Name: "web", Ports: published("192.168.1.2", "8080")})
			f.Resources.Listening = []Socket{{Protocol: "tcp", IP: "192.168.1.2", Port: 8080}, {Protocol: "udp", IP: "0.0.0.0", Port: 8080}}
		},
		"the port of a stopped container": func(f *Facts) {
			remodel(t, f, "public", port, "services", "chatalot", "ports")
			f.theirs(HostContainer{Name: "web", State: "exited", Ports: published("", "8080")})
		},
		"a port that the engine picks": func(f *Facts) {
			remodel(t, f, "public", []any{map[string]any{"target": 8080, "protocol": "tcp"}}, "services", "chatalot", "ports")
			f.theirs(HostContainer{Name: "web", Ports: published("", "")})
		},
		"what a former upgrade left": func(f *Facts) {
			f.Networks = append(f.Networks, Network{Name: "chatalot_updater_internal", Project: "chatalot", Key: "updater_internal"})
			f.Resources.Volumes = []HostVolume{{Name: "chatalot_updater_data", Project: "chatalot", Key: "updater_data"}, {Name: "chatalot_chatalot_backups", Project: "chatalot", Key: "chatalot_backups"}}
		},
		"another stack's own": func(f *Facts) {
			f.theirs(HostContainer{Name: "teamchat-chatalot-updater-1", Project: "teamchat", Service: UpdaterService})
			f.Networks = append(f.Networks, Network{Name: "teamchat_updater_internal", Project: "teamchat", Key: "updater_internal"})
			f.Resources.Volumes = []HostVolume{{Name: "teamchat_updater_data", Project: "teamchat", Key: "updater_data"}}
		},
		"the database in a volume with a name": func(f *Facts) {
			f.ours("postgres", HostContainer{Mounts: []HostMount{{Type: "volume", Name: "chatalot_postgres_data", Destination: "/var/lib/postgresql/data/"}}})
		},
		"the database in a folder of the host": func(f *Facts) {
			f.ours("postgres", HostContainer{Mounts: []HostMount{{Type: "bind", Source: "/mnt/pg", Destination: "/var/lib/postgresql"}, {Type: "volume", Name: namelessVolume, Destination: "/var/lib/other"}}})
		},
	} {
		f := recorded(t, "public")
		move(f)
		for _, c := range Checks(f, Settings{}, nil) {
			if c.Level != Pass && slices.Contains([]string{"names", "ports", "networks", "volumes", "database files"}, c.Name) {
				t.Errorf("%s: %+v", name, c)
			}
		}
	}
}

// Of the edited files compose itself says the names.
func TestRow24OccupiedByTheEditedModel(t *testing.T) {
	f := recorded(t, "public")
	f.Resources.Volumes = []HostVolume{{Name: "named-by-the-client"}}
	f.theirs(HostContainer{Name: "their-updater"})
	after := model(t, `{"name": "chatalot", "services": {"chatalot": {}, "chatalot-updater": {"container_name": "their-updater"}, "chatalot-socket-proxy": {}},
		"volumes": {"updater_data": {"name": "named-by-the-client"}, "chatalot_backups": {"name": "elsewhere", "external": true}}}`)
	got := Occupied(f, after)
	if len(got) != 2 || got[0].Name != "names" || got[1].Name != "volumes" || !strings.Contains(got[1].Detail, `"named-by-the-client"`) {
		t.Errorf("%+v", got)
	}
	if got := Occupied(&Facts{}, (*compose.Model)(nil)); len(got) != 0 {
		t.Errorf("of a host nobody has seen: %+v", got)
	}
}

// The room for another database is asked for where the files of this one are.
func TestCase26PlaceOfADatabaseByItsMounts(t *testing.T) {
	volume := func(name, at string) HostMount { return HostMount{Type: "volume", Name: name, Destination: at} }
	for _, tt := range []struct {
		name, pgdata, device string
		version              int
		mounts               []HostMount
		known                bool
	}{
		{"18 in the volume above", "/var/lib/postgresql/18/docker", "", 180001, []HostMount{volume("chat_v", "/var/lib/postgresql")}, true},
		{"18 in a nameless one beside the old mount", "", "", 180001, []HostMount{volume(namelessVolume, "/var/lib/postgresql"), volume("chat_v", "/var/lib/postgresql/data")}, true},
		{"17", "", "", 170002, []HostMount{volume("chat_v", "/var/lib/postgresql/data")}, true},
		{"elsewhere, in a volume", "/pgdata/17", "", 170002, []HostMount{volume("chat_v", "/pgdata")}, true},
		{"in the container", "/pgdata", "", 170002, nil, true},
		{"a folder of the host", "", "", 170002, []HostMount{{Type: "bind", Source: "/mnt/pg", Destination: "/var/lib/postgresql/data"}}, false},
		{"a volume that is such a folder", "", `"driver_opts": {"device": "/mnt/pg"}, `, 170002, []HostMount{volume("chat_v", "/var/lib/postgresql/data")}, false},
		{"a volume that the files do not name", "", "", 170002, []HostMount{volume("chat_old", "/var/lib/postgresql/data")}, false},
	} {
		f := &Facts{Docker: Docker{Root: "/var/lib/docker"}, Database: Database{Service: "db", Version: tt.version}}
		f.Services = []Container{{ID: "d", Service: "db", Env: map[string]string{"PGDATA": tt.pgdata}}}
		f.Everyone = []HostContainer{{ID: "d", Mounts: tt.mounts}}
		f.Model = model(t, `{"services": {"db": {"volumes": [{"type": "volume", "source": "v", "target": "/x"}]}}, "volumes": {"v": {`+tt.device+`"name": "chat_v"}}}`)
		if got := databasePlace(f); got == "/var/lib/docker" != tt.known {
			t.Errorf("%s: %q", tt.name, got)
		}
	}
}
