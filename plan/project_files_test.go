package plan

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// R12: every file that the project names, however deep, is asked for; what is out of reach
// is named.
func TestEveryFileOfTheProjectIsFound(t *testing.T) {
	files := map[string]string{
		"/srv/chat/.env": "DIR=/etc/chat\nEMPTY=\nQUOTED=\"q\"\n",
		"/srv/chat/compose.yml": `
include:
  - ./monitoring/compose.yml
  - path: [tools/a.yml, tools/b.yml]
    project_directory: ./tools/base
    env_file: tools/tools.env
  - oci://registry.example/app:1
  - https://github.com/me/app.git#main
  - ${NOWHERE}/x.yml
services:
  chatalot:
    extends: {file: ../common/base.yml, service: server}
    env_file: [a.env, {path: "${DIR}/b.env", required: false}, "${UNSET:-c}.env", "$QUOTED/${EMPTY:-d}.env"]
    label_file: ./labels
    security_opt: ["seccomp=./profile.json", "no-new-privileges:true"]
  db:
    image: postgres
    env_file: ~/.db.env
configs:
  nginx: {file: ./nginx.conf}
  text: {content: hello}
secrets:
  jwt: {file: ../keys/jwt}
`,
		"/srv/chat/monitoring/compose.yml":        "services:\n  p:\n    env_file: p.env\n    label_file: [l1]\nconfigs:\n  p: {file: p.conf}\ninclude: [deeper/compose.yml]\n",
		"/srv/chat/monitoring/.env":               "A=1\n",
		"/srv/chat/tools/a.yml":                   "services:\n  t:\n    env_file: t.env\n",
		"/srv/chat/tools/b.yml":                   "services:\n  t: {image: x}\n",
		"/srv/common/base.yml":                    "services:\n  server:\n    extends: root\n    env_file: base.env\n  root:\n    extends: {file: far/far.yml, service: x}\n    env_file: root.env\n  other:\n    env_file: other.env\n",
		"/srv/common/far/far.yml":                 "services: [not, a, mapping\n",
		"/srv/chat/monitoring/deeper/compose.yml": "include: [../compose.yml]\nservices:\n  d: {image: x}\n",
	}
	f := &Facts{Project: Project{Name: "chat", WorkingDir: "/srv/chat", Files: []string{"/srv/chat/compose.yml"}}}
	for _, name := range []string{"/srv/chat/compose.yml", "/srv/chat/.env"} {
		f.Files = append(f.Files, File{Path: name, Data: []byte(files[name])})
	}
	var got ProjectFiles
	for rounds := 0; ; rounds++ {
		if got = FilesOf(f); len(got.Unread) == 0 {
			break
		}
		if rounds > 5 {
			t.Fatalf("still unread: %q", got.Unread)
		}
		for _, name := range got.Unread {
			data, there := files[name]
			f.Included = append(f.Included, File{Path: name, Data: []byte(data), Missing: !there})
		}
	}
	want := strings.Fields(`/srv/chat/monitoring/compose.yml /srv/chat/monitoring/.env /srv/chat/monitoring/deeper/compose.yml
		/srv/chat/monitoring/p.env /srv/chat/monitoring/l1 /srv/chat/monitoring/p.conf
		/srv/chat/tools/a.yml /srv/chat/tools/base/t.env /srv/chat/tools/b.yml /srv/chat/tools/tools.env
		/srv/common/base.yml /srv/common/base.env /srv/common/root.env /srv/common/far/far.yml
		/srv/chat/a.env /etc/chat/b.env /srv/chat/c.env /srv/chat/q/d.env /srv/chat/labels /srv/chat/profile.json
		/srv/chat/nginx.conf /srv/keys/jwt`)
	slices.Sort(want)
	found := slices.Sorted(slices.Values(got.Files))
	if !slices.Equal(found, want) {
		t.Errorf("found\n%s\nwant\n%s", strings.Join(found, "\n"), strings.Join(want, "\n"))
	}
	var out []string
	for _, o := range got.Outside {
		out = append(out, o.Name)
	}
	slices.Sort(out)
	if want := []string{"${NOWHERE}/x.yml", "/srv/common/far/far.yml", "https://github.com/me/app.git#main", "oci://registry.example/app:1", "~/.db.env"}; !slices.Equal(out, want) {
		t.Errorf("outside: %q", got.Outside)
	}
}

// A file that was not looked into is no file that names nothing.
func TestABackupNamesWhatWasNotLookedInto(t *testing.T) {
	f := recorded(t, "public")
	const path = "/srv/chatalot/docker-compose.override.yml"
	over := File{Path: path, Real: path}
	over.setData("include: [more.yml, large.yml]\n")
	f.Files = append(f.Files, over)
	f.Project.Files = append(f.Project.Files, path)
	f.Included = append(f.Included, File{Path: "/srv/chatalot/large.yml"})
	b := BackupOf(f, "b1", "/b", 0)
	if !slices.Equal(b.EnvFiles, []string{"/srv/chatalot/more.yml", "/srv/chatalot/large.yml"}) || len(b.Outside) != 2 {
		t.Errorf("%q, %+v", b.EnvFiles, b.Outside)
	}
}

// R10: the time that a backup may take follows the database, or is what was asked for.
func TestTheTimeLimitFollowsTheDatabase(t *testing.T) {
	f := recorded(t, "public")
	for _, tt := range []struct {
		bytes int64
		asked time.Duration
		want  time.Duration
	}{
		{0, 0, 2 * time.Hour}, {100 << 20, 0, 2 * time.Hour}, {200 << 20, 0, 2*time.Hour + time.Minute}, {1 << 40, 0, 99*time.Hour + 5*time.Minute},
		{1 << 40, 4 * time.Hour, 4 * time.Hour}, {0, time.Minute, time.Minute},
	} {
		f.Database.Bytes = tt.bytes
		if got := BackupOf(f, "b1", "/b", tt.asked).TimeLimit(); got != tt.want {
			t.Errorf("%d bytes, asked for %v: %v, want %v", tt.bytes, tt.asked, got, tt.want)
		}
	}
	if got := (Backup{}).TimeLimit(); got != 2*time.Hour {
		t.Errorf("a plan of before: %v", got)
	}
}

// R4: roles are named with the command that makes them.
func TestMissingRolesAreNamedWithTheirCommand(t *testing.T) {
	f := recorded(t, "public")
	if err := RolesThere(f, nil); err != nil {
		t.Error(err)
	}
	err := RolesThere(f, []string{"grafana", `o'dd "one"`})
	refused, ok := err.(*RefusedError)
	if !ok || !strings.Contains(err.Error(), `"grafana", "o'dd ""one"""`) ||
		!strings.HasSuffix(refused.Checks[0].Hint, `-d template1 -c 'create role "grafana"; create role "o'\''dd ""one"""'`) {
		t.Errorf("%v, %+v", err, refused)
	}
}
