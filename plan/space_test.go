package plan

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// withDatabase is a rollback that puts the database back.
func withDatabase(t *testing.T) RollbackInput {
	in := rollbackInput(t)
	in.WithDB = true
	in.Facts.Database.Migrated = append(slices.Clone(in.Facts.Database.Migrated), Migration{Version: 52, Success: true})
	return in
}

// Whatever puts a database back asks for the room first: a dump that fills the disk
// takes the live database down.
func TestNoRoomForAnotherDatabase(t *testing.T) {
	acts := map[string]func(f *Facts) ([]string, error){
		"restore": func(f *Facts) ([]string, error) {
			in := restorable(f)
			in.Backup.Size, in.Losses = 500<<20, nil
			p, err := BuildRestore(in)
			if err != nil {
				return nil, err
			}
			return p.Warnings, nil
		},
		"rollback": func(f *Facts) ([]string, error) {
			in := withDatabase(t)
			in.Facts.Disks, in.Facts.Database.Bytes, in.Facts.Services, in.Facts.Model = f.Disks, f.Database.Bytes, f.Services, f.Model
			p, err := BuildRollback(in)
			if err != nil {
				return nil, err
			}
			return p.Warnings, nil
		},
		"drill": func(f *Facts) ([]string, error) { return RoomForDrill(f, 500<<20) },
	}
	const docker = "/var/lib/docker"
	for name, tt := range map[string]struct {
		move func(f *Facts)
		says map[string]string // by act; "" is a plan without a word about the disk
		stop bool
	}{
		"enough": {func(*Facts) {}, map[string]string{"restore": "", "rollback": "", "drill": ""}, false},
		"no room to fill it": {func(f *Facts) { f.disk(docker).Free = 4 << 30 }, map[string]string{
			"restore":  "/var/lib/docker (/var/lib/docker) has 4.0 GiB free, but 5.1 GiB is needed: a fresh database beside the present one (5.0 GiB), and 128.0 MiB to spare",
			"rollback": "5.1 GiB is needed: a fresh database beside the present one (5.0 GiB)", "drill": "a throw-away database (5.0 GiB)",
		}, true},
		"no room for the dumps": {func(f *Facts) { f.disk(BackupRoot).Free = 1500 << 20 }, map[string]string{
			"restore": "1.6 GiB is needed: the dump (500.0 MiB), a last dump of the present database (1.0 GiB)", "rollback": "", "drill": "",
		}, true},
		"one file system for all": {func(f *Facts) {
			f.disk(BackupRoot).Mount, f.disk(docker).Mount = "/", "/"
			f.disk(BackupRoot).Free, f.disk(docker).Free = 5300<<20, 5300<<20
		}, map[string]string{"restore": "/var/backups and /var/lib/docker (/) has 5.2 GiB free", "rollback": "", "drill": "/var/backups and /var/lib/docker (/)"}, true},
		"it was emptied": {func(f *Facts) { f.Database.Bytes, f.disk(docker).Free = 8<<20, 900<<20 }, map[string]string{
			"restore": "a fresh database beside the present one (1000.0 MiB)", "rollback": "", "drill": "a throw-away database (1000.0 MiB)",
		}, true},
		"df was mute": {func(f *Facts) { f.Disks = nil }, map[string]string{
			"restore": "not known whether there is room for the dump (500.0 MiB), a last dump", "rollback": "not known whether there is room for a fresh database", "drill": "not known",
		}, false},
		"its files are in a folder of the host": {func(f *Facts) {
			f.disk(docker).Free = 5300 << 20
			f.Services = slices.Clone(f.Services)
			for k := range f.Services {
				if f.Services[k].Service == f.Database.Service {
					f.Services[k].Volumes = nil
				}
			}
		}, map[string]string{"restore": "not known whether there is room for a fresh database", "rollback": "not known whether there is room for a fresh database", "drill": ""}, false},
		"nobody knows its size": {func(f *Facts) { f.Database.Bytes = 0 }, map[string]string{
			"restore": "did not say how large it is", "rollback": "did not say how large it is", "drill": "did not say how large it is",
		}, false},
	} {
		for act, says := range tt.says {
			f := recorded(t, "public")
			f.Database.Bytes = 4 << 30
			tt.move(f)
			warnings, err := acts[act](f)
			got := strings.Join(warnings, "\n")
			var stop *RefusedError
			switch {
			case tt.stop && says != "":
				if !errors.As(err, &stop) || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "nothing was changed") || stop.Checks[0].Hint == "" {
					t.Errorf("%s, %s: %v", name, act, err)
				}
			case err != nil:
				t.Errorf("%s, %s: %v", name, act, err)
			case says == "" && strings.Contains(got, "disk space"), !strings.Contains(got, says):
				t.Errorf("%s, %s: %s", name, act, got)
			}
		}
	}
}

// Only what is known to lie under docker's folder is held against the room there:
// stopped for want of room on a disk that the database is not on, a host has no rollback.
func TestWhereTheDatabaseIs(t *testing.T) {
	const docker = "/var/lib/docker"
	volume := func(source, target string) string {
		return `{"type": "volume", "source": "` + source + `", "target": "` + target + `"}`
	}
	bind := func(target string) string {
		return `{"type": "bind", "source": "/mnt/data/pg", "target": "` + target + `"}`
	}
	nameless := strings.Repeat("a1", 32)
	for _, tt := range []struct {
		name    string
		mounts  string   // of the service in the merged model
		volume  string   // its definition there
		has     []string // the volumes of the container
		pgdata  string
		unknown bool
	}{
		{name: "a volume", mounts: volume("v", "/var/lib/postgresql/data"), has: []string{"chat_v"}},
		{name: "a volume above it", mounts: volume("v", "/var/lib/postgresql"), has: []string{"chat_v"}, pgdata: "/var/lib/postgresql/18/docker"},
		{name: "and scripts from the host", mounts: volume("v", "/var/lib/postgresql/data") + "," + bind("/docker-entrypoint-initdb.d"), has: []string{"chat_v"}},
		{name: "a folder of the host", mounts: bind("/var/lib/postgresql/data"), unknown: true},
		{name: "beside the image's nameless volume", mounts: bind("/pgdata"), has: []string{nameless}, pgdata: "/pgdata", unknown: true},
		{name: "beside a volume for something else", mounts: bind("/var/lib/postgresql/data") + "," + volume("v", "/backups"), has: []string{"chat_v"}, unknown: true},
		{name: "below the volume", mounts: volume("v", "/var/lib/postgresql") + "," + bind("/var/lib/postgresql/data"), has: []string{"chat_v"}, unknown: true},
		{name: "the volume stands empty", mounts: volume("v", "/var/lib/postgresql/data") + "," + bind("/pgdata"), has: []string{"chat_v"}, pgdata: "/pgdata", unknown: true},
		{name: "a volume that is such a folder", mounts: volume("v", "/var/lib/postgresql/data"), volume: `"driver": "local", "driver_opts": {"type": "none", "o": "bind", "device": "/mnt/data/pg"}, `, has: []string{"chat_v"}, unknown: true},
		{name: "the nameless volume alone", has: []string{nameless}, unknown: true},
		{name: "the files changed since it was started", mounts: volume("v", "/var/lib/postgresql/data"), has: []string{"chat_old"}, unknown: true},
	} {
		f := &Facts{Docker: Docker{Root: docker}, Database: Database{Service: "db"}, Services: []Container{{Service: "db", Volumes: tt.has}}}
		f.Model = model(t, `{"services": {"db": {"environment": {"PGDATA": "`+tt.pgdata+`"}, "volumes": [`+tt.mounts+`]}}, "volumes": {"v": {`+tt.volume+`"name": "chat_v"}}}`)
		if got := databasePlace(f); (got == "") != tt.unknown || got != "" && got != docker {
			t.Errorf("%s: %q", tt.name, got)
		}
	}
	if got := databasePlace(&Facts{Docker: Docker{Root: docker}}); got != "" {
		t.Errorf("a look without the compose model: %q", got)
	}
}
