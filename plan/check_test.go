package plan

import (
	"slices"
	"strings"
	"testing"

	"liftalot/plan/compose"
)

// checkCase is one named check, one level, and what brings it about.
type checkCase struct {
	check, want string // what the detail must say
	level       Level
	move        func(f *Facts, s *Settings, r *Release)
}

func checkCases(t testing.TB) []checkCase {
	changed := func(name string, value any, path ...string) *compose.Model {
		var f Facts
		remodel(t, &f, name, value, path...)
		return f.Model
	}
	return []checkCase{
		{"root", "root works", Pass, nil},
		{"root", "did not run as root (uid 1000)", Stop, func(f *Facts, _ *Settings, _ *Release) { f.Machine.UID = 1000 }},
		{"tools", "x86_64", Pass, nil},
		{"tools", "missing on the host: stat, od", Stop, func(f *Facts, _ *Settings, _ *Release) {
			delete(f.Machine.Tools, "stat")
			delete(f.Machine.Tools, "od")
		}},
		{"docker", "engine 26.1.5+dfsg1, compose 2.26.1-4", Pass, nil},
		{"docker", "did not answer: cannot connect", Stop, func(f *Facts, _ *Settings, _ *Release) { f.fails("docker", "cannot connect") }},
		{"docker", "did not answer", Stop, func(f *Facts, _ *Settings, _ *Release) { f.Docker.Version = "" }},
		{"docker", "has no compose plugin: unknown command", Stop, func(f *Facts, _ *Settings, _ *Release) {
			f.Compose = ""
			f.fails("compose", "unknown command")
		}},
		{"docker", "compose 2.19.1 is too old", Stop, func(f *Facts, _ *Settings, _ *Release) { f.Compose = "2.19.1" }},
		{"docker", "compose nonsense is too old", Stop, func(f *Facts, _ *Settings, _ *Release) { f.Compose = "nonsense" }},
		{"docker", "compose 5.1.2", Pass, func(f *Facts, _ *Settings, _ *Release) { f.Compose = "5.1.2" }},
		{"docker", "rootless", Stop, func(f *Facts, _ *Settings, _ *Release) { f.Docker.Security = []string{"name=rootless"} }},
		{"docker", "rootless docker or remapped", Stop, func(f *Facts, _ *Settings, _ *Release) { f.Docker.Security = []string{"name=userns"} }},
		{"project", `project "chatalot" in /srv/chatalot (docker-compose.yml)`, Pass, nil},
		{"project", `no container of a compose service "chatalot"`, Stop, func(f *Facts, _ *Settings, _ *Release) { f.Project = Project{Service: "chatalot"} }},
		{"project", "there is one in /opt/chat", Stop, func(f *Facts, _ *Settings, _ *Release) {
			f.Project, f.Others = Project{Service: "chatalot"}, []Project{{WorkingDir: "/opt/chat"}}
		}},
		{"project", "several \"chatalot\" stacks: /a, /b", Stop, func(f *Facts, _ *Settings, _ *Release) {
			f.Project, f.Others = Project{Service: "chatalot"}, []Project{{WorkingDir: "/a"}, {WorkingDir: "/b"}}
		}},
		{"compose files", "compose reads", Pass, nil},
		{"compose files", "docker-compose.yml is missing", Stop, func(f *Facts, _ *Settings, _ *Release) { f.Files[0].Missing = true }},
		{"compose files", "does not read the project's files: invalid project", Stop, func(f *Facts, _ *Settings, _ *Release) { f.fails("model", "invalid project") }},
		{"compose files", "docker-compose.override.yml lies beside", Warn, func(f *Facts, _ *Settings, _ *Release) { f.Project.Loose = []string{"docker-compose.override.yml"} }},
		{"variant", "unmanaged", Pass, nil},
		{"variant", "could not be read", Stop, func(f *Facts, _ *Settings, _ *Release) { f.Model = nil }},
		{"server", "container chatalot-server runs chatalot-chatalot", Pass, nil},
		{"server", "is exited, not running", Stop, func(f *Facts, _ *Settings, _ *Release) { service(f, "chatalot").State = "exited" }},
		{"server", "no container of service", Stop, func(f *Facts, _ *Settings, _ *Release) { service(f, "chatalot").Service = "x" }},
		{"server", "was restarted 4 times", Warn, func(f *Facts, _ *Settings, _ *Release) {
			service(f, "chatalot").Restarts, service(f, "chatalot").Health = 4, "unhealthy"
		}},
		{"health", "ok, it calls itself 0.17.0", Pass, nil},
		{"health", `HTTP 200, status "degraded", database healthy: false`, Stop, func(f *Facts, _ *Settings, _ *Release) { f.Health.Status, f.Health.DBHealthy = "degraded", false }},
		{"health", "database healthy: false", Warn, func(f *Facts, s *Settings, _ *Release) {
			f.Health.DBHealthy, s.Allow = false, []string{AllowDegraded}
		}},
		{"health", "did not answer inside its container: refused", Stop, func(f *Facts, _ *Settings, _ *Release) {
			f.Health = Health{}
			f.fails("health", "refused")
		}},
		{"database", "chatalot in container chatalot-db, PostgreSQL 17", Pass, nil},
		{"database", "DATABASE_URL is missing", Stop, func(f *Facts, _ *Settings, _ *Release) { f.Database.Host = "" }},
		{"database", `"db.example.com" is no container`, Stop, func(f *Facts, _ *Settings, _ *Release) { f.Database.Host, f.Database.Container = "db.example.com", "" }},
		{"database", "carries no password", Stop, func(f *Facts, _ *Settings, _ *Release) { f.Database.HasPassword = false }},
		{"database", "mean something in a URL", Stop, func(f *Facts, _ *Settings, _ *Release) { f.Database.PlainPassword = false }},
		{"database", "did not answer: role does not exist", Stop, func(f *Facts, _ *Settings, _ *Release) {
			f.Database.Version = 0
			f.fails("dbfacts", "role does not exist")
		}},
		{"database login", "chatalot may not make a database and rename this one", Warn, func(f *Facts, _ *Settings, _ *Release) { f.Database.LacksCreateDB = true }},
		{"migrations", "at 51 (0.23.0)", Pass, nil},
		{"migrations", "no migration is known: relation", Stop, func(f *Facts, _ *Settings, _ *Release) {
			f.Database.Migrated = nil
			f.fails("migrations", "relation does not exist")
		}},
		{"migrations", "migration 7 is marked as failed", Stop, func(f *Facts, _ *Settings, _ *Release) { f.Database.Migrated[6].Success = false }},
		{"migrations", "migration 39 (0.16 to 0.18.35) is older", Stop, func(f *Facts, _ *Settings, _ *Release) { f.Database.Migrated = f.Database.Migrated[:39] }},
		{"migrations", "at 39", Warn, func(f *Facts, s *Settings, _ *Release) {
			f.Database.Migrated, s.Allow = f.Database.Migrated[:39], []string{AllowOldMigrations}
		}},
		{"secrets", "files", Pass, nil},
		{"cosign_pub", "holds another key", Stop, func(f *Facts, _ *Settings, _ *Release) { f.keeps(Secret{Name: "cosign_pub", SHA256: "f1ff"}) }},
		{"updater_token", "is not 64 hexadecimal digits", Stop, func(f *Facts, _ *Settings, _ *Release) { f.keeps(Secret{Name: "updater_token", Size: 12}) }},
		{"db_password", "ends with a line end", Stop, func(f *Facts, _ *Settings, _ *Release) { f.keeps(Secret{Name: "db_password", Size: 12, Newline: true}) }},
		{"totp key", "without a TOTP_ENCRYPTION_KEY", Stop, func(f *Facts, _ *Settings, _ *Release) { delete(service(f, "chatalot").Env, "TOTP_ENCRYPTION_KEY") }},
		{"linked secrets", "/srv/chatalot/secrets/jwt is a link that leads nowhere", Stop, func(f *Facts, _ *Settings, _ *Release) {
			f.keeps(Secret{Name: "jwt", Link: true, Broken: true, Blank: true})
		}},
		{"linked secrets", "/srv/chatalot/secrets is a link, and what it leads to would have to be closed (0700)", Stop, func(f *Facts, _ *Settings, _ *Release) {
			f.secretsFolder(Secret{Mode: 0o755, Link: true})
		}},
		{"linked secrets", "/srv/chatalot/secrets/db_password is a link, and what it leads to would have to be opened (0644)", Stop, func(f *Facts, _ *Settings, _ *Release) {
			f.keeps(Secret{Name: "db_password", Size: 12, Mode: 0o600, Link: true})
		}},
		{"linked secrets", "/srv/chatalot/secrets/updater_token is a link, and what it leads to would have to be filled", Stop, func(f *Facts, _ *Settings, _ *Release) {
			f.keeps(Secret{Name: "updater_token", Blank: true, Mode: 0o644, Link: true})
		}},
		{"linked secrets", "/etc/certs is a folder outside of /srv/chatalot/secrets: no backup takes it", Warn, func(f *Facts, _ *Settings, _ *Release) {
			f.Secrets = append(f.Secrets, Secret{Name: "certs", Path: "/etc/certs", Dir: true})
		}},
		{"open folder", "/srv/chatalot/db_password has to be readable", Stop, func(f *Facts, _ *Settings, _ *Release) {
			f.Model = changed("staged", "/srv/chatalot/db_password", "secrets", "db_password", "file")
			f.Secrets = append(f.Secrets, Secret{Name: "db_password", Path: "/srv/chatalot/db_password", Mode: 0o600, Size: 32})
			f.Exposed = []string{"/srv/chatalot/db_password"}
		}},
		{"open folder", "/etc/chatalot/token has to be readable", Stop, func(f *Facts, _ *Settings, _ *Release) {
			f.Model = changed("staged", "/etc/chatalot/token", "secrets", "updater_token", "file")
			f.Exposed = []string{"/etc/chatalot/token"} // it is not there yet
		}},
		{"secret folder", "/etc/chatalot/token is to be written, and its folder is not there", Stop, func(f *Facts, _ *Settings, _ *Release) {
			f.Model = changed("staged", "/etc/chatalot/token", "secrets", "updater_token", "file")
			f.Unplaced = []string{"/etc/chatalot/token"}
		}},
		{"disk space", "enough", Pass, nil},
		{"disk space", "the backup and the final dump", Stop, func(f *Facts, _ *Settings, _ *Release) { f.disk(BackupRoot).Free = 1 << 20 }},
		{"disk space", "the new images", Stop, func(f *Facts, _ *Settings, _ *Release) { f.disk("/var/lib/docker").Free = 900 << 20 }},
		{"disk space", "/var/lib/containerd (/) has 900.0 MiB free, the new images need", Stop, func(f *Facts, _ *Settings, _ *Release) {
			f.Docker.Images = "/var/lib/containerd"
			f.Disks = append(f.Disks, Disk{Path: "/var/lib/containerd", Mount: "/", Free: 900 << 20, Inodes: -1})
		}},
		{"disk space", "999 inodes free", Stop, func(f *Facts, _ *Settings, _ *Release) { f.disk("/srv/chatalot").Inodes = 999 }},
		{"disk space", "not known for /var/backups: df is broken", Warn, func(f *Facts, _ *Settings, _ *Release) {
			f.disk(BackupRoot).Path = "/elsewhere"
			f.fails("disks", "df is broken")
		}},
		{"drift", "are what compose would make", Pass, nil},
		{"drift", "did not say what it would recreate", Warn, func(f *Facts, _ *Settings, _ *Release) { f.Hashes = nil }},
		{"drift", "are what compose would make", Pass, func(f *Facts, _ *Settings, _ *Release) { f.Hashes["chatalot"] = "of another version" }},
		{"drift", "are what compose would make", Pass, func(f *Facts, _ *Settings, _ *Release) {
			f.Model = changed("public", nil, "services", "chatalot", "container_name")
			service(f, "chatalot").Name = "chatalot_chatalot_1"
		}},
		{"drift", `"docker compose up" would recreate it`, Warn, func(f *Facts, _ *Settings, _ *Release) {
			f.Model = changed("public", "postgres:18", "services", "postgres", "image")
		}},
		{"drift", "service postgres is not what compose would make of the files now: read_only: what runs has none, the files say true", Warn, func(f *Facts, _ *Settings, _ *Release) {
			f.Model = changed("public", true, "services", "postgres", "read_only")
		}},
		{"drift", "whether it is what compose would make of the files is not known altogether", Warn, func(f *Facts, _ *Settings, _ *Release) {
			service(f, "chatalot").Inspect = nil
		}},
		{"drift", "not known altogether: gpus is not compared", Warn, func(f *Facts, _ *Settings, _ *Release) {
			f.Model = changed("public", []any{map[string]any{"driver": "nvidia"}}, "services", "chatalot", "gpus")
		}},
		{"drift", `service postgres: the name of its image, postgres:17, points elsewhere now; "docker compose up" would recreate it`, Warn,
			func(f *Facts, _ *Settings, _ *Release) { service(f, "postgres").Retagged = true }},
		{"drift", "volumes./app/data/files: what runs has volume chatalot_file_storage, the files say volume chatalot_files2", Stop, func(f *Facts, _ *Settings, _ *Release) {
			f.Model = changed("public", "chatalot_files2", "volumes", "file_storage", "name")
		}},
		{"drift", "volumes./app/data/files: what runs has volume chatalot_file_storage, the files say bind /srv/files", Stop, func(f *Facts, _ *Settings, _ *Release) {
			f.Model = changed("public", []any{map[string]any{"type": "bind", "source": "/srv/files", "target": "/app/data/files"}}, "services", "chatalot", "volumes")
		}},
		{"pending", "call the server's container chatalot, and it runs as chatalot-server", Stop, func(f *Facts, _ *Settings, _ *Release) {
			f.Model = changed("public", "chatalot", "services", "chatalot", "container_name")
		}},
		{"pending", "call the server's container chatalot-chatalot-1, and it runs as chatalot-server", Stop, func(f *Facts, _ *Settings, _ *Release) {
			f.Model = changed("public", nil, "services", "chatalot", "container_name")
		}},
		{"pending", "chatalot-chatalot-1, and it runs as chatalot_chatalot_1", Stop, func(f *Facts, _ *Settings, _ *Release) {
			f.Model = changed("public", nil, "services", "chatalot", "container_name")
			service(f, "chatalot").Name, f.Hashes["chatalot"] = "chatalot_chatalot_1", "of compose 2"
		}},
		{"git checkout", "is a git checkout", Warn, func(f *Facts, _ *Settings, _ *Release) { f.Project.Git = true }},
		{"release", "0.23.0 to 0.24.6, manifest verified", Pass, nil},
		{"release", "manifest not signed", Warn, func(_ *Facts, _ *Settings, r *Release) { r.Signature = "not signed" }},
		{"release", "an older key", Warn, func(_ *Facts, _ *Settings, r *Release) { r.Warnings = []string{"an older key"} }},
		{"release", "the server runs 0.25.0", Stop, func(f *Facts, _ *Settings, _ *Release) { f.Health.Version = "0.25.0" }},
	}
}

func (f *Facts) fails(part, detail string) {
	f.Failures = append(f.Failures, Failure{Part: part, Code: 1, Detail: detail})
}

func (f *Facts) keeps(s Secret) {
	s.Path = f.Project.WorkingDir + "/secrets/" + s.Name
	f.Secrets = append(f.Secrets, s)
}

func (f *Facts) secretsFolder(s Secret) {
	s.Name, s.Path, s.Dir = "secrets", f.Project.WorkingDir+"/secrets", true
	f.Secrets = append(slices.DeleteFunc(f.Secrets, func(x Secret) bool { return x.Path == s.Path }), s)
}

// A link that nothing has to be done to is as good as a file, and so is a folder.
func TestLinksAreInNobodysWay(t *testing.T) {
	f := recorded(t, "public")
	f.secretsFolder(Secret{Mode: 0o700, Link: true})
	f.keeps(Secret{Name: "db_password", Size: 12, Mode: 0o644, Link: true})
	f.keeps(Secret{Name: "certs", Dir: true, Link: true})
	for _, c := range Checks(f, Settings{}, nil) {
		if c.Name == "linked secrets" {
			t.Errorf("%+v", c)
		}
	}
}

func (f *Facts) disk(path string) *Disk {
	for i := range f.Disks {
		if f.Disks[i].Path == path {
			return &f.Disks[i]
		}
	}
	return nil
}

func TestChecks(t *testing.T) {
	for _, tt := range slices.Concat(checkCases(t), placeCases(t), panelCases(), shutOutCases(t)) {
		t.Run(tt.check+"/"+string(tt.level)+"/"+tt.want, func(t *testing.T) {
			in := inputFor(t, recorded(t, "public"))
			if tt.move != nil {
				tt.move(in.Facts, &in.Settings, &in.Release)
			}
			all := Checks(in.Facts, in.Settings, &in.Release)
			found := false
			for _, c := range all {
				found = found || c.Name == tt.check && c.Level == tt.level && strings.Contains(c.Detail, tt.want)
			}
			if !found {
				t.Fatalf("no check %q at level %q with %q among %+v", tt.check, tt.level, tt.want, all)
			}
			stop := tt.level == Stop
			if got := len(Stopped(all)) > 0; got != stop {
				t.Errorf("stops: %v, because of %+v", got, Stopped(all))
			}
			if _, _, err := Build(in); (err != nil) != stop {
				t.Errorf("the check says %s and Build says %v", tt.level, err)
			}
		})
	}
}

// A hint is what to do next: a check that stops and leaves one alone is no help.
func TestWhatStopsHasAHintOrANextQuestion(t *testing.T) {
	silent := map[string]bool{"root": false, "server": true, "variant": true, "database": true}
	for _, tt := range slices.Concat(checkCases(t), placeCases(t), panelCases(), shutOutCases(t)) {
		if tt.level != Stop {
			continue
		}
		in := inputFor(t, recorded(t, "public"))
		tt.move(in.Facts, &in.Settings, &in.Release)
		for _, c := range Stopped(Checks(in.Facts, in.Settings, &in.Release)) {
			if c.Hint == "" && !silent[c.Name] {
				t.Errorf("%s: %s: no hint", c.Name, c.Detail)
			}
		}
	}
}

// Nothing is known of a host whose probe failed early: no check may call it fit.
func TestNoFactsNeverPass(t *testing.T) {
	if len(Stopped(Checks(&Facts{}, Settings{}, nil))) == 0 {
		t.Error("a host nobody has seen passes")
	}
	f := recorded(t, "public")
	f.Hashes, f.Disks, f.Database, f.Health = nil, nil, Database{}, Health{}
	if len(Stopped(Checks(f, Settings{}, nil))) == 0 {
		t.Error("a host without an answer about database and health passes")
	}
}

func TestRunningVersion(t *testing.T) {
	rows := func(n int64) []Migration { return []Migration{{Version: n, Success: true}} }
	for _, tt := range []struct {
		name                  string
		health                Health
		migrated              []Migration
		wantVersion, wantFrom string
	}{
		{"health lies: web build", Health{Version: "0.17.0", WebVersion: "0.22.6"}, rows(49), "0.22.6", "web build"},
		{"health lies: migrations", Health{Version: "0.17.0"}, rows(51), "0.23.0", "migrations"},
		{"health tells: 0.17.0 itself", Health{Version: "0.17.0", WebVersion: "0.17.0"}, rows(39), "0.17.0", "health"},
		{"health tells", Health{Version: "0.24.6", WebVersion: "0.24.6"}, rows(54), "0.24.6", "health"},
		{"only the web build", Health{WebVersion: "0.9.0"}, rows(23), "0.9.0", "web build"},
		{"only migrations", Health{}, rows(47), "0.18.50", "migrations"},
		{"beyond the public line", Health{}, rows(60), "0.24 or later", "migrations"},
		{"nothing", Health{}, nil, "unknown", "nothing"},
	} {
		v, from := RunningVersion(&Facts{Health: tt.health, Database: Database{Migrated: tt.migrated}})
		if v != tt.wantVersion || from != tt.wantFrom {
			t.Errorf("%s: %q from %q; want %q from %q", tt.name, v, from, tt.wantVersion, tt.wantFrom)
		}
	}
}

func TestCompareVersions(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
		ok   bool
	}{
		{"0.24.6", "0.24.6", 0, true}, {"0.24.5", "0.24.6", -1, true}, {"0.25.0", "0.24.6", 1, true}, {"0.24.10", "0.24.9", 1, true},
		{"0.19.0 to 0.22.6", "0.24.6", 0, false}, {"0.10", "0.24.6", 0, false}, {"unknown", "0.24.6", 0, false}, {"0.24.6", "next", 0, false},
	} {
		if got, ok := compareVersions(tt.a, tt.b); got != tt.want || ok != tt.ok {
			t.Errorf("%q to %q: %d %v; want %d %v", tt.a, tt.b, got, ok, tt.want, tt.ok)
		}
	}
}
