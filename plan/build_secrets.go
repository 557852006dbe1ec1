package plan

import (
	"io/fs"
	"path"
	"slices"
	"strings"
)

// What a file must allow, at least, so that both users inside the containers
// can read it (trap S1). The folder above is what keeps others out.
const readableByAll fs.FileMode = 0o044

// secretFiles lays out the steps that make every secret readable and present:
// the folder is closed before any file in it is opened.
func (b *builder) secretFiles() []Step {
	var files []Step
	for _, name := range updaterSecrets {
		files = append(files, b.secretFile(name)...)
	}
	files = append(files, b.serverSecrets()...)
	return append(b.closeFolder(), files...)
}

// secretPath is where a secret lies: where the compose model says, else in the
// project's own folder.
func (b *builder) secretPath(name string) string {
	if p := b.in.Facts.Model.SecretFile(name); p != "" {
		return p
	}
	return path.Join(b.secretsDir(), name)
}

func (b *builder) lookUp(name string) (Secret, bool) {
	want := b.secretPath(name)
	i := slices.IndexFunc(b.in.Facts.Secrets, func(s Secret) bool { return s.Path == want && !s.Dir })
	if i < 0 {
		return Secret{}, false
	}
	return b.in.Facts.Secrets[i], true
}

func (b *builder) closeFolder() []Step {
	dir := b.secretsDir()
	op := Mode{Path: dir, To: 0o700}
	i := slices.IndexFunc(b.in.Facts.Secrets, func(s Secret) bool { return s.Dir && s.Path == dir })
	if i >= 0 {
		op.From = b.in.Facts.Secrets[i].Mode
	}
	if op.From == op.To {
		return nil
	}
	return []Step{{
		ID: "secrets-folder", Title: "close the secrets folder (0700)", Op: op, Undo: Mode{Path: dir, From: op.To, To: op.From},
		Reason: "its files must be readable for two users inside the containers; the folder keeps everybody else out",
	}}
}

// secretFile fills a missing or blank file. One with content is kept and, where
// a container's user could not read it, opened.
func (b *builder) secretFile(name string) []Step {
	s, there := b.lookUp(name)
	if there && !s.Blank {
		return b.open(s, name == "updater_token")
	}
	source, reason := b.sourceOf(name)
	if there && source == FromNothing {
		return b.open(s, false)
	}
	was := PriorState{Missing: true}
	if there {
		was = PriorState{Blank: true, Size: s.Size, Mode: s.Mode, UID: s.UID, GID: s.GID}
	}
	op := WriteSecret{Path: b.secretPath(name), Source: source, Mode: 0o644 | s.Mode, Prior: was}
	switch source {
	case FromKey:
		op.Body = b.in.Release.Key
	case FromDatabaseURL:
		server, _ := b.in.Facts.Server()
		op.Server = server.Name
	}
	return []Step{b.makeStep(name, "write "+b.shortPath(op.Path), reason, op)}
}

func (b *builder) sourceOf(name string) (Source, string) {
	switch name {
	case "updater_token":
		return FromRandom, "the updater and the server share it; it is made on the host and never seen here"
	case "cosign_pub":
		return FromKey, "the vendor's public key, checked here against the pinned fingerprint"
	case "db_password":
		return FromDatabaseURL, "the password the running server uses, without a line end; the database's own stays as it is"
	default:
		if b.in.Settings.Credentials {
			return FromCredentials, "the updater's own login for later pulls"
		}
		return FromNothing, "empty means anonymous pulls"
	}
}

// open adds what a container's user needs to read an existing file, and takes
// nothing away.
func (b *builder) open(s Secret, serverToo bool) []Step {
	if s.ReadableBy(updaterUID, updaterUID) && (!serverToo || s.ReadableBy(serverUID, serverUID)) {
		return nil
	}
	return []Step{b.openStep(s)}
}

// serverSecrets opens what the server reads already: the user inside the new
// image is fixed, the one inside the old one may have been another.
func (b *builder) serverSecrets() []Step {
	m := b.in.Facts.Model
	var out []Step
	for _, name := range m.Service(b.in.Facts.Project.Service).Secrets {
		if slices.Contains(updaterSecrets, name) {
			continue
		}
		if s, ok := b.lookUp(name); ok && !s.ReadableBy(serverUID, serverUID) {
			out = append(out, b.openStep(s))
		}
	}
	return out
}

func (b *builder) openStep(s Secret) Step {
	op := WriteSecret{Path: s.Path, Source: FromItself, Mode: s.Mode | readableByAll, Prior: PriorState{Size: s.Size, Mode: s.Mode, UID: s.UID, GID: s.GID}}
	return b.makeStep(s.Name, "open "+b.shortPath(s.Path)+" for the users inside the containers",
		"docker mounts a file secret with the host's mode and owner, whatever the compose file says", op)
}

// shortPath is the path of a secret for people: relative in the project's own folder.
func (b *builder) shortPath(file string) string {
	if isInside(file, b.secretsDir()) {
		return path.Join("secrets", strings.TrimPrefix(file, b.secretsDir()))
	}
	return file
}

func (b *builder) makeStep(name, title, reason string, op WriteSecret) Step {
	undo := RemoveSecret{Path: op.Path, Source: op.Source, Prior: op.Prior}
	if op.Prior.Blank && path.Dir(op.Path) == b.secretsDir() {
		undo.Copy = path.Join(b.backupDir(), "secrets", name)
	}
	return Step{ID: "secret-" + name, Title: title, Reason: reason, Op: op, Undo: undo}
}
