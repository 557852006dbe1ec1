package plan

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
)

// secretSteps builds for a staged host whose secret files were changed, and
// gives the steps about one of them.
func secretStep(t *testing.T, name string, change func(s *Secret), more ...func(in *BuildInput)) (Step, bool) {
	t.Helper()
	in := inputFor(t, recorded(t, "staged"))
	change(secretFile(in.Facts, name))
	for _, m := range more {
		m(&in)
	}
	p, _ := build(t, in)
	return p.Step("secret-" + name)
}

func filled(size int64, mode fs.FileMode) func(*Secret) {
	return func(s *Secret) { s.Size, s.Blank, s.Mode, s.Hex64, s.SHA256 = size, false, mode, size == 64, "" }
}

func TestS1SecretsAreReadableForTheirUsers(t *testing.T) {
	for _, shape := range shapes() {
		in := shape.in(t)
		p, _, err := Build(in)
		if err != nil || p.Empty() {
			continue
		}
		b := builder{in: in}
		for _, name := range updaterSecrets {
			mode := fs.FileMode(0)
			s, there := b.lookUp(name)
			if there {
				mode = s.Mode
			}
			if step, ok := p.Step("secret-" + name); ok {
				mode = step.Op.(WriteSecret).Mode
			}
			if mode&0o004 == 0 && !(there && s.ReadableBy(updaterUID, updaterUID)) {
				t.Errorf("%s: secret %s ends with mode %04o, unreadable for uid %d", shape.name, name, mode, updaterUID)
			}
		}
	}
}

func TestS1AFileWithContentIsOnlyOpened(t *testing.T) {
	s, ok := secretStep(t, "db_password", filled(32, 0o600))
	if !ok || s.Op.(WriteSecret).Source != FromItself || s.Op.(WriteSecret).Mode != 0o644 || s.Undo.(RemoveSecret).Prior.Mode != 0o600 || s.Op.(WriteSecret).Body != nil {
		t.Errorf("%+v", s)
	}
	if s, ok := secretStep(t, "db_password", filled(32, 0o644)); ok {
		t.Errorf("a readable file is touched: %+v", s)
	}
}

func TestS1TheFolderIsClosedBeforeAFileIsOpened(t *testing.T) {
	p, _ := build(t, inputFor(t, recorded(t, "public")))
	folder := position(p, "secrets-folder")
	for i, s := range p.Steps {
		if Is[WriteSecret](s.Op) && i < folder {
			t.Errorf("step %s comes before the folder is closed", s.ID)
		}
	}
	if m := p.Steps[folder]; m.Op.(Mode).To != 0o700 || m.Undo.(Mode).To != 0o755 {
		t.Errorf("%+v, back %+v", m.Op.(Mode), m.Undo.(Mode))
	}
	closed := inputFor(t, recorded(t, "public"))
	secretFile(closed.Facts, "secrets").Mode = 0o700
	if p, _ := build(t, closed); position(p, "secrets-folder") >= 0 {
		t.Error("a closed folder is closed again")
	}
	missing := inputFor(t, recorded(t, "public"))
	missing.Facts.Secrets = slices.DeleteFunc(missing.Facts.Secrets, func(s Secret) bool { return s.Dir })
	if p, _ := build(t, missing); p.Steps[position(p, "secrets-folder")].Undo.(Mode).To != 0 {
		t.Error("a folder that was not there would stay")
	}
}

// The server's own secrets are readable for the user inside the new image too.
func TestS2ServerSecretsAreOpenedNeverClosed(t *testing.T) {
	p, _ := build(t, inputFor(t, recorded(t, "public")))
	for _, s := range p.Steps {
		if Is[WriteSecret](s.Op) && s.Op.(WriteSecret).Source == FromItself {
			t.Errorf("a working host's %s is touched", s.Op.(WriteSecret).Path)
		}
	}
	in := inputFor(t, recorded(t, "public"))
	key := secretFile(in.Facts, "jwt_private.pem")
	key.UID, key.GID = 1000, 1000 // mode 0600
	p, _ = build(t, in)
	s, ok := p.Step("secret-jwt_private.pem")
	if !ok || s.Op.(WriteSecret).Mode != 0o644 || s.Undo.(RemoveSecret).Prior.UID != 1000 {
		t.Errorf("%+v", p.Steps)
	}
}

func TestS3StagedCredentialsAreKept(t *testing.T) {
	with := func(in *BuildInput) { in.Settings.Credentials = true }
	if s, ok := secretStep(t, "registry_creds", filled(80, 0o644), with); ok {
		t.Errorf("staged credentials are replaced: %+v", s.Op)
	}
	if s, ok := secretStep(t, "registry_creds", func(*Secret) {}); ok {
		t.Errorf("an empty file is written again without credentials: %+v", s.Op)
	}
	s, ok := secretStep(t, "registry_creds", func(*Secret) {}, with)
	if !ok || s.Op.(WriteSecret).Source != FromCredentials || !s.Op.(WriteSecret).Prior.Blank || s.Op.(WriteSecret).Body != nil {
		t.Errorf("%+v", s)
	}
}

func TestS4ATokenWithContentIsKept(t *testing.T) {
	if s, ok := secretStep(t, "updater_token", filled(64, 0o644)); ok {
		t.Errorf("a token in use is replaced: %+v", s.Op)
	}
	s, ok := secretStep(t, "updater_token", filled(64, 0o600))
	if !ok || s.Op.(WriteSecret).Source != FromItself {
		t.Errorf("%+v", s)
	}
	s, ok = secretStep(t, "updater_token", func(*Secret) {})
	if !ok || s.Op.(WriteSecret).Source != FromRandom || s.Undo.(RemoveSecret).Copy == "" {
		t.Errorf("%+v", s)
	}
}

func TestS5TheKeyIsCheckedBeforeItIsPlacedAndNeverReplaced(t *testing.T) {
	s, ok := secretStep(t, "cosign_pub", func(*Secret) {})
	if !ok || s.Op.(WriteSecret).Source != FromKey || Hash(s.Op.(WriteSecret).Body) != release(t).KeySHA256 {
		t.Errorf("%+v", s)
	}
	in := inputFor(t, recorded(t, "staged"))
	filled(178, 0o644)(secretFile(in.Facts, "cosign_pub"))
	secretFile(in.Facts, "cosign_pub").SHA256 = "f1ff"
	if _, _, err := Build(in); err == nil {
		t.Error("another key is replaced")
	}
	same := func(s *Secret) { filled(178, 0o644)(s); s.SHA256 = release(t).KeySHA256 }
	if s, ok := secretStep(t, "cosign_pub", same); ok {
		t.Errorf("the right key is written again: %+v", s.Op)
	}
}

func TestS7WithoutATotpKeyThereIsNoPlan(t *testing.T) {
	in := inputFor(t, recorded(t, "public"))
	delete(service(in.Facts, "chatalot").Env, "TOTP_ENCRYPTION_KEY")
	if _, _, err := Build(in); err == nil {
		t.Error("a server that would not start on the new release passes")
	}
	p, _ := build(t, inputFor(t, recorded(t, "staged")))
	for _, s := range p.Steps {
		if Is[WriteSecret](s.Op) && s.ID == "secret-totp_encryption_key" && s.Op.(WriteSecret).Source != FromItself {
			t.Error("a new key is made; whoever has a second factor is locked out")
		}
	}
}

// A secret may lie where the compose file says, not where the runbook does.
func TestASecretStaysWhereTheComposeFileHasIt(t *testing.T) {
	in := inputFor(t, recorded(t, "staged"))
	for i := range in.Facts.Secrets {
		if in.Facts.Secrets[i].Name == "updater_token" {
			in.Facts.Secrets[i].Path = "/etc/chatalot/token"
		}
	}
	remodel(t, in.Facts, "staged", "/etc/chatalot/token", "secrets", "updater_token", "file")
	p, _ := build(t, in)
	s, ok := p.Step("secret-updater_token")
	if !ok || s.Op.(WriteSecret).Path != "/etc/chatalot/token" || s.Undo.(RemoveSecret).Copy != "" {
		t.Errorf("%+v", s)
	}
}

func TestReadableBy(t *testing.T) {
	for _, tt := range []struct {
		mode     fs.FileMode
		uid, gid int
		want     bool
	}{
		{0o600, 999, 999, true}, {0o600, 0, 0, false}, {0o640, 0, 999, true}, {0o644, 0, 0, true},
		{0o044, 999, 0, false}, // the owner's own bits count, as the kernel has it
		{0o604, 0, 999, false},
	} {
		if got := (Secret{Mode: tt.mode, UID: tt.uid, GID: tt.gid}).ReadableBy(999, 999); got != tt.want {
			t.Errorf("%04o of %d:%d for 999: %v", tt.mode, tt.uid, tt.gid, got)
		}
	}
}

// A file that is empty tells nobody anything, wherever it lies.
func TestAnEmptySecretInAnOpenFolderIsNoSecret(t *testing.T) {
	const place = "/srv/chatalot/registry_creds"
	for _, there := range []bool{false, true} {
		in := inputFor(t, recorded(t, "staged"))
		remodel(t, in.Facts, "staged", place, "secrets", "registry_creds", "file")
		in.Facts.Exposed = []string{place}
		if there {
			in.Facts.Secrets = append(in.Facts.Secrets, Secret{Name: "registry_creds", Path: place, Mode: 0o600, Blank: true})
		}
		p, _, err := Build(in)
		if err != nil {
			t.Fatalf("there %v: %v", there, err)
		}
		if step, ok := p.Step("secret-registry_creds"); !ok {
			t.Errorf("there %v: %+v", there, step)
		}
	}
}

// A secret outside of the closed folder is opened only where nobody but root gets at it,
// or where everybody reads it already; the steps name it by its whole path.
func TestS1ASecretElsewhereIsOpenedOnlyBehindAClosedFolder(t *testing.T) {
	const place = "/srv/chatalot/db_password"
	for _, tt := range []struct {
		name    string
		mode    fs.FileMode
		exposed bool
		want    string // the step's title, "" for none, "refused" for no plan
	}{
		{"a closed folder", 0o600, false, "open " + place + " for the users inside the containers"},
		{"an open folder", 0o600, true, "refused"},
		{"read by all already", 0o644, true, ""},
	} {
		in := inputFor(t, recorded(t, "staged"))
		s := secretFile(in.Facts, "db_password")
		s.Path, s.Mode, s.Blank, s.Size, s.UID, s.GID = place, tt.mode, false, 32, 0, 0
		remodel(t, in.Facts, "staged", place, "secrets", "db_password", "file")
		in.Settings.Allow = append(in.Settings.Allow, AllowDrift+"chatalot.volumes")
		if tt.exposed {
			in.Facts.Exposed = []string{place}
		}
		p, _, err := Build(in)
		var refused *RefusedError
		if errors.As(err, &refused) {
			if tt.want != "refused" || refused.Checks[0].Name != "open folder" || !strings.Contains(refused.Checks[0].Hint, "chmod o-x /srv/chatalot") {
				t.Errorf("%s: %+v", tt.name, refused.Checks)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if step, _ := p.Step("secret-db_password"); step.Title != tt.want {
			t.Errorf("%s: %q", tt.name, step.Title)
		}
	}
}
