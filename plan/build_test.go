package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

// hostShape is a server as it may be found, and what is wanted of it.
type hostShape struct {
	name string
	in   func(t *testing.T) BuildInput
}

func shapes() []hostShape {
	of := func(name string, pairs ...string) func(*testing.T) BuildInput {
		return func(t *testing.T) BuildInput { return inputFor(t, recorded(t, name, pairs...)) }
	}
	with := func(name string, change func(t *testing.T, in *BuildInput)) func(*testing.T) BuildInput {
		return func(t *testing.T) BuildInput {
			in := inputFor(t, recorded(t, name))
			change(t, &in)
			return in
		}
	}
	return []hostShape{
		{"unmanaged-public", of("public")},
		{"unmanaged-chatalot-net", with("chatalot-net", func(_ *testing.T, in *BuildInput) { in.Settings.Allow = []string{AllowOldMigrations} })},
		{"unmanaged-ipv6", with("public", func(_ *testing.T, in *BuildInput) { in.Facts.Machine.IPv6Off = false })},
		{"unmanaged-credentials", with("public", func(_ *testing.T, in *BuildInput) { in.Settings.Credentials = true })},
		{"unmanaged-tag-pin", with("public", func(_ *testing.T, in *BuildInput) { in.Settings.Pin = PinTag })},
		{"unmanaged-decisions", with("public", func(_ *testing.T, in *BuildInput) {
			in.Settings.Allow = []string{AllowWritableProxy, AllowNoFinalDump}
			in.Settings.MaxDowntime, in.Settings.PublicURL = 0, ""
		})},
		{"unmanaged-other-names", of("public",
			"@postgres:5432", "@db:5433", `"postgres": {`, `"db": {`, `"host": "postgres"`, `"host": "db"`, `"port": 5432`, `"port": 5433`,
			`"service": "postgres"`, `"service": "db"`, "  postgres:\n    image", "  db:\n    image", "      postgres:\n", "      db:\n",
			"\"chatalot-db\",\n                        \"postgres\"", "\"chatalot-db\",\n                        \"db\"",
			"chatalot-server", "talk")},
		{"unmanaged-no-healthcheck", with("public", func(t *testing.T, in *BuildInput) {
			remodel(t, in.Facts, "public", nil, "services", "postgres", "healthcheck")
		})},
		{"unmanaged-no-container-name", of("public", "    container_name: chatalot-server\n", "",
			`"container_name": "chatalot-server",`, "", `"name": "chatalot-server"`, `"name": "chatalot-chatalot-1"`)},
		{"unmanaged-override", of("traefik")},
		{"unmanaged-image-override", with("public", imageOverride)},
		{"staged", of("staged")},
		{"incomplete", of("incomplete")},
		{"managed", of("managed")},

		{"refused-external-db", with("public", func(_ *testing.T, in *BuildInput) {
			in.Facts.Database.Host, in.Facts.Database.Container, in.Facts.Database.Service = "db.example.com", "", ""
		})},
		{"refused-url-specials", with("public", func(_ *testing.T, in *BuildInput) { in.Facts.Database.PlainPassword = false })},
		{"refused-partial", with("managed", func(t *testing.T, in *BuildInput) {
			remodel(t, in.Facts, "managed", nil, "services", ProxyService)
		})},
		{"refused-old-migrations", of("chatalot-net")},
		{"refused-conflict", of("incomplete", "UPDATER_API_URL: http://chatalot-updater:8081", "UPDATER_API_URL: http://elsewhere",
			`"UPDATER_API_URL": "http://chatalot-updater:8081"`, `"UPDATER_API_URL": "http://elsewhere"`)},
	}
}

// imageOverride is the file install.sh writes on ARM: its image beats a pin in
// the base file.
func imageOverride(t *testing.T, in *BuildInput) {
	const image, path = "images.example.com/chatalot/chatalot:latest", "/srv/chatalot/docker-compose.override.yml"
	f := in.Facts
	over := File{Path: path, Real: path, Mode: 0o644}
	over.setData("services:\n  chatalot:\n    image: " + image + "\n")
	f.Files = []File{f.Files[0], over, f.Files[1]}
	f.Project.Files = append(f.Project.Files, path)
	for i := range f.Services {
		if f.Services[i].Service == f.Project.Service {
			f.Services[i].Image = image
		}
	}
	remodel(t, f, "public", image, "services", "chatalot", "image")
}

// wholePlans are the shapes whose plan file is kept byte for byte; of the others
// what a reader sees is enough.
var wholePlans = []string{"unmanaged-public", "unmanaged-override", "staged", "incomplete", "managed"}

// Each shape has golden files: the plan as one would tell it, or the refusal.
func TestBuild(t *testing.T) {
	for _, s := range shapes() {
		t.Run(s.name, func(t *testing.T) {
			p, _, err := Build(s.in(t))
			if err != nil {
				if !strings.HasPrefix(s.name, "refused") {
					t.Fatal(err)
				}
				golden(t, s.name+".txt", refusal(t, err))
				return
			}
			if slices.Contains(wholePlans, s.name) {
				golden(t, s.name+".json", encode(t, p))
			}
			golden(t, s.name+".txt", readable(p))
		})
	}
}

func refusal(t *testing.T, err error) []byte {
	t.Helper()
	var refused *RefusedError
	if !errors.As(err, &refused) {
		t.Fatalf("not refused by a check: %v", err)
	}
	var b bytes.Buffer
	fmt.Fprintln(&b, err)
	for _, c := range refused.Checks {
		fmt.Fprintf(&b, "%s: %s\n  hint: %s\n", c.Name, c.Detail, c.Hint)
	}
	return b.Bytes()
}

// readable is a plan as one would tell it.
func readable(p *Plan) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s: %s, %s (%s) to %s\n", p.Kind, p.Host, p.Variant, p.From, p.Source, p.To)
	for _, s := range p.Steps {
		fmt.Fprintf(&b, "\n%s [%s] %s\n  why: %s\n", s.ID, s.Op.Describe().Kind, s.Title, s.Reason)
		switch {
		case s.Undo != nil:
			fmt.Fprintf(&b, "  undo: %s\n", s.Undo.Describe().Kind)
		case s.NoUndo != "":
			fmt.Fprintf(&b, "  no undo: %s\n", s.NoUndo)
		}
	}
	for _, d := range p.Diffs {
		fmt.Fprintln(&b)
		for _, l := range d.Lines {
			fmt.Fprintln(&b, l)
		}
	}
	list(&b, "warning", p.Warnings)
	list(&b, "deviation", p.Deviations)
	list(&b, "follow-up", p.FollowUps)
	return b.Bytes()
}

func list(w io.Writer, what string, all []string) {
	for _, s := range all {
		fmt.Fprintf(w, "%s: %s\n", what, s)
	}
}

func TestSameInputSameBytes(t *testing.T) {
	for _, s := range shapes() {
		one, _, err1 := Build(s.in(t))
		two, _, err2 := Build(s.in(t))
		if (err1 == nil) != (err2 == nil) || err1 != nil && err1.Error() != err2.Error() {
			t.Errorf("%s: %v, then %v", s.name, err1, err2)
			continue
		}
		if err1 == nil && !bytes.Equal(encode(t, one), encode(t, two)) {
			t.Errorf("%s: two plans of the same input differ", s.name)
		}
	}
}

// Undo before do: every step that changes something fixes its inverse or says
// why it has none, and both are there before the first change.
func TestEveryStepHasItsUndoOrSaysWhyNot(t *testing.T) {
	looks := map[string]bool{"login": true, "gate": true, "verify": true}
	for _, s := range shapes() {
		p, _, err := Build(s.in(t))
		if err != nil {
			continue
		}
		seen := map[string]bool{}
		for _, st := range p.Steps {
			if seen[st.ID] || st.ID == "" || st.Reason == "" || st.Title == "" {
				t.Errorf("%s: step %q is there twice or lacks a name, title or reason", s.name, st.ID)
			}
			seen[st.ID] = true
			if way := st.Undo != nil || st.NoUndo != ""; way == looks[st.Op.Describe().Kind] {
				t.Errorf("%s: step %s (%s): undo %v, no undo %q", s.name, st.ID, st.Op.Describe().Kind, st.Undo, st.NoUndo)
			}
			if st.Undo != nil && st.Undo.Describe().AsUndo == "" {
				t.Errorf("%s: step %s: its inverse says nothing of itself", s.name, st.ID)
			}
		}
	}
}

// Build changes nothing of what it is given: the facts are used again.
func TestBuildLeavesItsInputAlone(t *testing.T) {
	for _, s := range shapes() {
		in := s.in(t)
		before, first := facts(t, in.Facts), string(in.Facts.Files[0].Data)
		_, _, _ = Build(in)
		if after := facts(t, in.Facts); after != before || string(in.Facts.Files[0].Data) != first {
			t.Errorf("%s: the facts are others after Build", s.name)
		}
	}
}

func facts(t *testing.T, f *Facts) string {
	t.Helper()
	data, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// What the compose model names as a secret is taken wherever it lies, and what is no
// folder's own is not taken twice.
func TestABackupTakesSecretsThatLieElsewhere(t *testing.T) {
	f := recorded(t, "public")
	before := BackupOf(f, "b1", "/b", 0)
	f.Secrets = append(f.Secrets, Secret{Name: "jwt", Path: "/etc/chat/jwt"}, Secret{Name: "certs", Path: "/etc/chat/certs", Dir: true},
		Secret{Name: "api", Path: "/srv/chatalot/secrets-old/api"}, Secret{Name: ".env", Path: "/srv/chatalot/.env"})
	got := BackupOf(f, "b1", "/b", 0)
	if want := append(before.Files, "/etc/chat/jwt", "/srv/chatalot/secrets-old/api"); !slices.Equal(got.Files, want) || got.Secrets == "" {
		t.Errorf("%q, %q", got.Files, got.Secrets)
	}
	// Without the folder its files would be in nothing.
	f.Secrets = slices.DeleteFunc(f.Secrets, func(s Secret) bool { return s.Dir })
	f.Secrets = append(f.Secrets, Secret{Name: "token", Path: "/srv/chatalot/secrets/token"})
	if got := BackupOf(f, "b1", "/b", 0); got.Secrets != "" || !slices.Contains(got.Files, "/srv/chatalot/secrets/token") {
		t.Errorf("%q, %q", got.Files, got.Secrets)
	}
}

// A backup takes what only the host knows, .env or not.
func TestABackupTakesTheFilesOfTheEnvironment(t *testing.T) {
	f := recorded(t, "public")
	const path = "/srv/chatalot/docker-compose.override.yml"
	over := File{Path: path, Real: path}
	over.setData("services:\n  chatalot:\n    env_file: [smtp.env, .env, {path: /etc/chat/extra.env, required: false}, \"${WHICH}.env\", smtp.env]\n  b:\n    env_file: ./b/b.env\n")
	f.Files = append(f.Files, over)
	f.Project.Files = append(f.Project.Files, path)
	f.Project.EnvFiles = []string{"/srv/chatalot/prod.env"}
	want := []string{"/srv/chatalot/prod.env", "/srv/chatalot/b/b.env", "/srv/chatalot/smtp.env", "/etc/chat/extra.env"}
	if got := BackupOf(f, "b1", "/b", 0).EnvFiles; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
