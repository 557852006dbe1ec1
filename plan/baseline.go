package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// baselineOf takes the marks of what a plan is about to rest on.
func baselineOf(f *Facts, id string) Baseline {
	r := Baseline{Docker: f.Docker.Version, Compose: f.Compose, Migrations: migrationsHash(f.Database.Migrated), Migration: f.Database.Latest(), Config: ConfigDigests(f.Model, id)}
	for _, x := range f.Files {
		r.Files = append(r.Files, FileFingerprint{Path: x.Path, SHA256: x.SHA256, Mode: x.Mode, UID: x.UID, GID: x.GID})
	}
	server, _ := f.Server()
	hang := dependents(f, server.Name, "")
	r.Containers = slices.DeleteFunc(f.Marks(), func(m ContainerFingerprint) bool {
		// What is made anew with the server is held against the plan when it is recorded.
		c, _ := f.Container(m.Service)
		return slices.ContainsFunc(hang, func(d Dependent) bool { return d.Name == c.Name })
	})
	for _, s := range f.Secrets {
		r.Secrets = append(r.Secrets, SecretFingerprint{Path: s.Path, Size: s.Size, Mode: s.Mode, UID: s.UID, GID: s.GID})
	}
	return r
}

// Marks are the containers of the project that run, as they are.
func (f *Facts) Marks() (list []ContainerFingerprint) {
	for _, c := range f.Services {
		if c.Running() {
			list = append(list, ContainerFingerprint{Service: c.Service, ID: c.ID, ImageID: c.ImageID, Mounts: f.MountsOf(c.ID)})
		}
	}
	return list
}

func migrationsHash(all []Migration) string {
	h := sha256.New()
	for _, m := range all {
		fmt.Fprintf(h, "%d %v %s\n", m.Version, m.Success, m.Checksum)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Drift compares what a plan rests on with a fresh look, and says in sentences
// what is different. A step of the plan that is already done explains its own
// changes: an edited file may then also be as the plan leaves it.
func Drift(p *Plan, f *Facts, done func(step string) bool) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if f.Docker.Version != p.Baseline.Docker {
		say("docker is %s, it was %s", f.Docker.Version, p.Baseline.Docker)
	}
	if f.Compose != p.Baseline.Compose {
		say("compose is %s, it was %s", f.Compose, p.Baseline.Compose)
	}
	out = append(out, driftedFiles(p, f, done)...)
	out = append(out, driftedContainers(p, f, done)...)
	out = append(out, driftedConfig(p, f, done)...)
	if !anyStepDone(p, done, PartServer) && migrationsHash(f.Database.Migrated) != p.Baseline.Migrations {
		say("the database's migrations changed (at %d, was %d)", f.Database.Latest(), p.Baseline.Migration)
	}
	return append(out, driftedSecrets(p, f, done)...)
}

// RevertedEdits compares what a run has done with a fresh look, and says in sentences which
// of its edits are there no more, as after a snapshot of the machine was put back. What
// the run would go on from is not what its journal says.
func RevertedEdits(p *Plan, f *Facts, inEffect func(step string) bool) []string {
	var out []string
	for _, s := range p.Steps {
		e, ok := s.Op.(Edit)
		if !ok || !inEffect(s.ID) {
			continue
		}
		i := slices.IndexFunc(f.Files, func(x File) bool { return x.Path == e.Path })
		if i >= 0 && f.Files[i].SHA256 == e.Before {
			out = append(out, fmt.Sprintf("%s is as it was before this run edited it, as after a snapshot was put back", e.Path))
		}
	}
	return out
}

// anyStepDone reports whether a step that changes a part was begun or done.
func anyStepDone(p *Plan, done func(string) bool, part Part) bool {
	return slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Op.Describe().Part == part && done(s.ID) })
}

func driftedFiles(p *Plan, f *Facts, done func(string) bool) []string {
	var out []string
	for _, was := range p.Baseline.Files {
		i := slices.IndexFunc(f.Files, func(x File) bool { return x.Path == was.Path })
		if i < 0 || f.Files[i].Missing != (was.SHA256 == "") {
			out = append(out, fmt.Sprintf("%s appeared or went away", was.Path))
			continue
		}
		now := f.Files[i]
		if now.SHA256 != was.SHA256 && !isAsEdited(p, now, done) {
			out = append(out, fmt.Sprintf("%s was changed", was.Path))
		}
		if now.Mode != was.Mode || now.UID != was.UID || now.GID != was.GID {
			out = append(out, fmt.Sprintf("%s has another mode or owner", was.Path))
		}
	}
	return out
}

// isAsEdited reports whether a file is as a begun edit of this plan leaves it.
func isAsEdited(p *Plan, now File, done func(string) bool) bool {
	return slices.ContainsFunc(p.Steps, func(s Step) bool {
		d := s.Op.Describe()
		e, forth := s.Op.(Edit)
		return d.Part == PartFiles && d.Path == now.Path && (!forth || now.SHA256 == e.After) && done(s.ID)
	})
}

// leftAsPlanned reports whether the file of an edit is as the edit leaves it.
func leftAsPlanned(f *Facts, s Step) bool {
	e, ok := s.Op.(Edit)
	return ok && slices.ContainsFunc(f.Files, func(x File) bool { return x.Path == e.Path && x.SHA256 == e.After })
}

func driftedContainers(p *Plan, f *Facts, done func(string) bool) []string {
	var out []string
	for _, was := range p.Baseline.Containers {
		ours := was.Service == UpdaterService || was.Service == ProxyService
		if was.Service == p.Project.Service && anyStepDone(p, done, PartServer) || ours && anyStepDone(p, done, PartSidecar) {
			continue
		}
		now, ok := f.Container(was.Service)
		switch {
		case !ok:
			out = append(out, fmt.Sprintf("the container of service %s is gone", was.Service))
		case now.ID != was.ID:
			out = append(out, fmt.Sprintf("service %s has a new container", was.Service))
		case now.ImageID != was.ImageID:
			out = append(out, fmt.Sprintf("service %s runs another image", was.Service))
		}
	}
	return out
}

// driftedConfig compares what compose makes of the project with what it made of it before
// the plan's edits or, once all are done, of the edited files. What the marks of files
// tell is not told twice.
func driftedConfig(p *Plan, f *Facts, done func(string) bool) []string {
	config := p.Baseline.Config
	if anyStepDone(p, done, PartFiles) {
		config = p.Baseline.Edited
		if slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Op.Describe().Part == PartFiles && !leftAsPlanned(f, s) }) {
			return nil
		}
	} else if len(driftedFiles(p, f, done)) > 0 {
		return nil
	}
	var out []string
	now := ConfigDigests(f.Model, p.ID)
	for _, service := range slices.Sorted(maps.Keys(config)) {
		was := config[service]
		if !strings.HasPrefix(was, digestPrefix) { // a plan of before: Compose's own hash
			now[service] = f.Hashes[service]
		}
		if now[service] != was {
			out = append(out, fmt.Sprintf("what compose makes of service %s changed, as by a file that it reads", service))
		}
	}
	return out
}

// driftedSecrets looks at each file by itself: a step explains what it did to its own. A
// file that has appeared where the plan makes one is not ours to remove afterwards.
func driftedSecrets(p *Plan, f *Facts, done func(string) bool) []string {
	var out []string
	ours := func(path string, begun bool) bool {
		return slices.ContainsFunc(p.Steps, func(s Step) bool { return touchesSecret(s.Op, path) && (!begun || done(s.ID)) })
	}
	for _, now := range f.Secrets {
		known := slices.ContainsFunc(p.Baseline.Secrets, func(was SecretFingerprint) bool { return was.Path == now.Path })
		if !known && ours(now.Path, false) && !ours(now.Path, true) {
			out = append(out, fmt.Sprintf("%s appeared", now.Path))
		}
	}
	for _, was := range p.Baseline.Secrets {
		if ours(was.Path, true) {
			continue
		}
		i := slices.IndexFunc(f.Secrets, func(s Secret) bool { return s.Path == was.Path })
		if i < 0 {
			out = append(out, fmt.Sprintf("%s went away", was.Path))
			continue
		}
		now := f.Secrets[i]
		if now.Size != was.Size && !now.Dir || now.Mode != was.Mode || now.UID != was.UID || now.GID != was.GID {
			out = append(out, fmt.Sprintf("%s has another size, mode or owner", was.Path))
		}
	}
	return out
}

// touchesSecret reports whether an operation makes, removes or opens the file of a secret,
// or the folder they lie in.
func touchesSecret(op Op, path string) bool {
	d := op.Describe()
	return d.Part == PartSecrets && d.Path == path
}
