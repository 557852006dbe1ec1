package plan

import (
	"strings"
	"testing"
)

func nothing(string) bool { return false }

// begun are steps that an earlier start of the run has begun.
func begun(steps ...string) func(string) bool {
	return func(id string) bool {
		for _, s := range steps {
			if s == id {
				return true
			}
		}
		return false
	}
}

func TestNothingMovedOnAHostAsItWasPlanned(t *testing.T) {
	for _, s := range shapes() {
		in := s.in(t)
		p, _, err := Build(in)
		if err != nil {
			continue
		}
		if moved := Drift(p, in.Facts, nothing); len(moved) > 0 {
			t.Errorf("%s: %q", s.name, moved)
		}
	}
}

func service(f *Facts, name string) *Container {
	for i := range f.Services {
		if f.Services[i].Service == name {
			return &f.Services[i]
		}
	}
	return nil
}

func secretFile(f *Facts, name string) *Secret {
	for i := range f.Secrets {
		if f.Secrets[i].Name == name {
			return &f.Secrets[i]
		}
	}
	return nil
}

// Each kind of movement gives one sentence, and a step that was begun explains
// its own and no other.
func TestMoved(t *testing.T) {
	for _, tt := range []struct {
		name     string
		move     func(f *Facts)
		want     string
		explains string // the step that may have done it, "" for none
	}{
		{"docker", func(f *Facts) { f.Docker.Version = "27.0.1" }, "docker is 27.0.1, it was 26.1.5+dfsg1", ""},
		{"compose", func(f *Facts) { f.Compose = "2.40.3" }, "compose is 2.40.3, it was 2.26.1-4", ""},
		{"file changed", func(f *Facts) { f.Files[0].setData("services: {}\n") }, "docker-compose.yml was changed", ""},
		{".env changed", func(f *Facts) { f.Files[1].setData("A=1\n") }, "/srv/chatalot/.env was changed", ""},
		{"file gone", func(f *Facts) { f.Files[0].Missing, f.Files[0].SHA256 = true, "" }, "docker-compose.yml appeared or went away", ""},
		{"file not among them", func(f *Facts) { f.Files = f.Files[:1] }, ".env appeared or went away", ""},
		{"file mode", func(f *Facts) { f.Files[0].Mode = 0o600 }, "docker-compose.yml has another mode or owner", ""},
		{"file owner", func(f *Facts) { f.Files[0].UID = 1000 }, "docker-compose.yml has another mode or owner", ""},
		{"server gone", func(f *Facts) { service(f, "chatalot").Service = "x" }, "the container of service chatalot is gone", "swap"},
		{"server recreated", func(f *Facts) { service(f, "chatalot").ID = "new" }, "service chatalot has a new container", "swap"},
		{"server's image", func(f *Facts) { service(f, "chatalot").ImageID = "sha256:other" }, "service chatalot runs another image", "swap"},
		{"database recreated", func(f *Facts) { service(f, "postgres").ID = "new" }, "service postgres has a new container", ""},
		{"migrations", func(f *Facts) {
			f.Database.Migrated = append(f.Database.Migrated, Migration{Version: 52, Success: true})
		},
			"the database's migrations changed (at 52, was 51)", "swap"},
		{"a migration fails", func(f *Facts) { f.Database.Migrated[50].Success = false }, "the database's migrations changed", "swap"},
		{"a migration's checksum", func(f *Facts) { f.Database.Migrated[3].Checksum = "00" }, "the database's migrations changed", "swap"},
		{"an env_file changed", func(f *Facts) { remodel(t, f, "public", "other", "services", "chatalot", "environment", "RUST_LOG") }, "what compose makes of service chatalot changed", "edit"},
		{"compose says nothing of a service", func(f *Facts) { remodel(t, f, "public", nil, "services", "coturn") }, "what compose makes of service coturn changed", "edit"},
		{"secret gone", func(f *Facts) { secretFile(f, "jwt_public.pem").Path = "/x" }, "jwt_public.pem went away", ""},
		{"secret's size", func(f *Facts) { secretFile(f, "jwt_public.pem").Size++ }, "jwt_public.pem has another size, mode or owner", ""},
		{"secret's mode", func(f *Facts) { secretFile(f, "jwt_public.pem").Mode = 0o600 }, "jwt_public.pem has another size, mode or owner", ""},
		{"a secret that the plan makes", func(f *Facts) {
			f.Secrets = append(f.Secrets, Secret{Name: "updater_token", Path: "/srv/chatalot/secrets/updater_token", Size: 64, Mode: 0o600})
		}, "/srv/chatalot/secrets/updater_token appeared", "secret-updater_token"},
		{"secrets folder", func(f *Facts) { secretFile(f, "secrets").Mode = 0o700 }, "/srv/chatalot/secrets has another size, mode or owner", "secrets-folder"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := inputFor(t, recorded(t, "public"))
			p, _ := build(t, in)
			now := recorded(t, "public")
			tt.move(now)
			moved := Drift(p, now, nothing)
			if len(moved) != 1 || !strings.Contains(moved[0], tt.want) {
				t.Fatalf("%q; want one sentence with %q", moved, tt.want)
			}
			for _, s := range p.Steps {
				explained := len(Drift(p, now, begun(s.ID))) == 0
				if s.ID == tt.explains && !explained {
					t.Errorf("step %s was begun and does not explain it", s.ID)
				}
				if tt.explains == "" && explained {
					t.Errorf("step %s explains what it cannot have done", s.ID)
				}
			}
		})
	}
}

// Compose's own hash means something else in each version: it is no move, unless the plan
// is one of before and rests on it.
func TestComposesOwnHashIsNoMove(t *testing.T) {
	p, _ := build(t, inputFor(t, recorded(t, "public")))
	now := recorded(t, "public")
	now.Hashes["chatalot"] = "of another version"
	if moved := Drift(p, now, nothing); len(moved) > 0 {
		t.Errorf("%q", moved)
	}
	p.Baseline.Config = recorded(t, "public").Hashes
	if moved := Drift(p, now, nothing); len(moved) != 1 || !strings.Contains(moved[0], "service chatalot changed") {
		t.Errorf("a plan of before: %q", moved)
	}
}

// A file of the client's own beside the secrets is nothing to the plan.
func TestAnotherFileAmongTheSecretsIsNoMove(t *testing.T) {
	p, _ := build(t, inputFor(t, recorded(t, "public")))
	now := recorded(t, "public")
	now.Secrets = append(now.Secrets, Secret{Name: "theirs", Path: "/srv/chatalot/secrets/theirs", Size: 1})
	if moved := Drift(p, now, nothing); len(moved) > 0 {
		t.Errorf("%q", moved)
	}
}

// Only the edit of a file explains its change, and only the change it makes.
func TestAnEditExplainsExactlyItsOwnBytes(t *testing.T) {
	in := inputFor(t, recorded(t, "public"))
	p, edited := build(t, in)
	now := recorded(t, "public")
	now.Files[0].setData(string(edited[0].Result.After))
	if moved := Drift(p, now, begun("edit")); len(moved) > 0 {
		t.Errorf("the file as the edit leaves it: %q", moved)
	}
	if moved := Drift(p, now, begun("swap")); len(moved) != 1 {
		t.Errorf("edited before the edit was begun: %q", moved)
	}
	now.Files[0].setData(string(edited[0].Result.After) + "# and a line of the client's\n")
	if moved := Drift(p, now, begun("edit", "swap")); len(moved) != 1 {
		t.Errorf("edited and then changed: %q", moved)
	}
}

// After the edits, what compose makes of the project is what the plan was shown to make of
// it: an env_file that is changed between the edit and the swap is noticed.
func TestAnEnvFileChangedAfterTheEdit(t *testing.T) {
	p, edited := build(t, inputFor(t, recorded(t, "public")))
	now := recorded(t, "public")
	remodel(t, now, "public", "as the edit leaves it", "services", "chatalot", "environment", "RUST_LOG")
	p.Baseline.Edited = ConfigDigests(now.Model, p.ID)
	now.Files[0].setData(string(edited[0].Result.After))
	if moved := Drift(p, now, begun("edit", "sidecar")); len(moved) > 0 {
		t.Errorf("nothing was changed: %q", moved)
	}
	remodel(t, now, "public", "changed since", "services", "chatalot", "environment", "RUST_LOG")
	if moved := Drift(p, now, begun("edit", "sidecar")); len(moved) != 1 || !strings.Contains(moved[0], "service chatalot changed") {
		t.Errorf("an env_file was changed: %q", moved)
	}
}

// A sidecar that ran before and is recreated by the plan's own step is explained
// by that step.
func TestTheSidecarIsExplainedByItsStep(t *testing.T) {
	in := inputFor(t, recorded(t, "incomplete"))
	p, _ := build(t, in)
	now := recorded(t, "incomplete")
	service(now, ProxyService).ID = "new"
	if moved := Drift(p, now, nothing); len(moved) != 1 {
		t.Errorf("%q", moved)
	}
	if moved := Drift(p, now, begun("sidecar")); len(moved) > 0 {
		t.Errorf("begun: %q", moved)
	}
}

// A snapshot of the machine that was put back takes away what a run has done.
func TestTakenAway(t *testing.T) {
	in := inputFor(t, recorded(t, "public"))
	p, _ := build(t, in)
	if got := RevertedEdits(p, in.Facts, nothing); got != nil {
		t.Errorf("before anything was done: %q", got)
	}
	if got := RevertedEdits(p, in.Facts, begun("edit")); len(got) != 1 || !strings.Contains(got[0], "as it was before this run edited it") {
		t.Errorf("put back: %q", got)
	}
	for _, x := range p.Steps {
		if e, ok := x.Op.(Edit); ok {
			in.Facts.Files[0].SHA256 = e.After
		}
	}
	if got := RevertedEdits(p, in.Facts, begun("edit")); got != nil {
		t.Errorf("as the run left it: %q", got)
	}
}
