package plan

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// A decision by name replaces a value, but never one that may hold a password:
// the plan keeps what it takes out.
func TestC13APasswordIsNotReplacedByName(t *testing.T) {
	f := recorded(t, "staged", "postgres://chatalot:__DB_PASSWORD__@postgres:5432/chatalot", "postgres://chatalot:canary@postgres:5432/chatalot")
	in := inputFor(t, f)
	in.Settings.Allow = []string{AllowOverwrite + UpdaterService + ".DATABASE_URL"}
	_, _, err := Build(in)
	var refused *RefusedError
	if !errors.As(err, &refused) || strings.Contains(err.Error(), "canary") {
		t.Fatalf("got %v, want a refusal without the value", err)
	}
	if hint := refused.Checks[0].Hint; !strings.Contains(hint, "by hand") {
		t.Errorf("hint %q", hint)
	}
}

// The decision is carried out in the file whose value counts.
func TestAValueIsReplacedWhereItIsSet(t *testing.T) {
	const (
		base     = "/srv/chatalot/docker-compose.yml"
		override = "/srv/chatalot/docker-compose.override.yml"
		key      = "UPDATE_CHANNEL"
		line     = "      UPDATE_CHANNEL: stable\n"
	)
	for _, tt := range []struct {
		name, over string
		without    bool // the base file does not set it
		path, want string
		stop       string
	}{
		{name: "in an override file", over: "services:\n  chatalot:\n    environment:\n      UPDATE_CHANNEL: beta\n", path: override, want: "      UPDATE_CHANNEL: stable\n"},
		{name: "in a list", over: "services:\n  chatalot:\n    environment:\n      - UPDATE_CHANNEL=beta\n", without: true, path: override, want: "      - UPDATE_CHANNEL=stable\n"},
		{name: "from the shell", over: "services:\n  chatalot:\n    environment:\n      - UPDATE_CHANNEL\n", path: override, want: "      - UPDATE_CHANNEL=stable\n"},
		{name: "in an env_file", over: "services:\n  chatalot:\n    env_file: chat.env\n", without: true, path: base, want: line},
		{name: "in what an override extends", over: "services:\n  chatalot:\n    extends: {file: other.yml, service: chat}\n", stop: "change it by hand where it is set"},
	} {
		in := inputFor(t, recorded(t, "managed"))
		f := in.Facts
		if tt.without {
			f.Files[0].setData(strings.Replace(string(f.Files[0].Data), line, "", 1))
		}
		over := File{Path: override, Real: override, Mode: 0o644}
		over.setData(tt.over)
		f.Files = slices.Insert(f.Files, 1, over)
		f.Project.Files = append(f.Project.Files, override)
		remodel(t, f, "managed", "beta", "services", "chatalot", "environment", key)
		in.Settings.Allow = []string{AllowOverwrite + "chatalot." + key}
		p, edited, err := Build(in)
		var refused *RefusedError
		switch {
		case tt.stop != "":
			if !errors.As(err, &refused) || !strings.Contains(refused.Checks[0].Hint, tt.stop) || !strings.Contains(err.Error(), "UPDATE_CHANNEL is set to \"stable\" there") {
				t.Errorf("%s: %v", tt.name, err)
			}
		case err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case len(edited) != 1 || edited[0].Path != tt.path || !strings.Contains(string(edited[0].Result.After), tt.want) || position(p, "swap") < 0:
			t.Errorf("%s: %d files edited, steps %q", tt.name, len(edited), ids(p.Steps))
		default:
			if _, err := Guard("web1", f.Model, recorded(t, "managed").Model, edited); err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
		}
	}
}

// A file that says already what is wanted is held against the merged model as one that
// is edited is: another may say otherwise.
func TestTheGuardAsksForWhatAFileSaysAlready(t *testing.T) {
	const override = "/srv/chatalot/docker-compose.override.yml"
	lost := []string{`"UPDATER_API_URL": "http://chatalot-updater:8081",`, ""} // from the model
	in := inputFor(t, recorded(t, "managed", append(lost, `"UPDATE_CHANNEL": "stable"`, `"UPDATE_CHANNEL": "beta"`)...))
	in.Settings.Allow = []string{AllowOverwrite + "chatalot.UPDATE_CHANNEL"}
	over := File{Path: override, Real: override, Mode: 0o644}
	over.setData("services:\n  chatalot:\n    environment:\n      UPDATER_API_URL: !reset null\n      UPDATE_CHANNEL: beta\n")
	in.Facts.Files = slices.Insert(in.Facts.Files, 1, over)
	in.Facts.Project.Files = append(in.Facts.Project.Files, override)
	_, edited := build(t, in)
	if len(edited) != 1 || edited[0].Path != override {
		t.Fatalf("%d files edited", len(edited))
	}
	if _, err := Guard("web1", in.Facts.Model, recorded(t, "managed").Model, edited); err != nil {
		t.Error(err)
	}
	if _, err := Guard("web1", in.Facts.Model, recorded(t, "managed", lost...).Model, edited); err == nil || !strings.Contains(err.Error(), "UPDATER_API_URL") {
		t.Errorf("a variable that is still missing passes: %v", err)
	}
}
