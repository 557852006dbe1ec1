package plan

import (
	"fmt"
	"slices"
)

// RunningAfter is the release that runs on a host after a run, and where that is known
// from. The image is asked first: one that the run installed, or that ran before it,
// cannot be mistaken, also where the server does not answer. What neither of them is,
// somebody else has put there since, and says itself what it is.
func RunningAfter(was *Plan, f *Facts) (version, source string) {
	switch {
	case runsInstalled(was, f):
		return was.To, "image"
	case runsFormer(was, f):
		return was.From, was.Source
	}
	return RunningVersion(f)
}

// runsInstalled reports whether the server's container has the image of a run's release.
func runsInstalled(was *Plan, f *Facts) bool {
	s, ok := f.Server()
	if !ok || was.Release.Server.Digest == "" {
		return false
	}
	image, _ := f.ImageByID(s.ImageID)
	return slices.Contains(image.Digests, was.Release.Server.ByDigest())
}

// runsFormer reports whether the server's container has the image that ran when the run
// was planned.
func runsFormer(was *Plan, f *Facts) bool {
	s, ok := f.Server()
	if !ok || s.ImageID == "" {
		return false
	}
	return slices.ContainsFunc(was.Baseline.Containers, func(c ContainerFingerprint) bool {
		return c.Service == was.Project.Service && c.ImageID == s.ImageID
	})
}

// A LaterRunsError reports that the server was updated after the run that is to be taken
// back, as from its admin panel: the rollback then goes further than the run went forward.
type LaterRunsError struct {
	Host      string
	Running   string // "unknown" for an image that does not say what it is
	Installed string // by the run
	To        string // what the rollback leads to
	Database  bool   // it was migrated too
}

func (e *LaterRunsError) Error() string {
	runs := "runs " + e.Running
	if !isComparable(e.Running) {
		runs = fmt.Sprintf("runs another image, which calls itself %s", e.Running)
	}
	also := ""
	if e.Database {
		also = ", and the database was migrated since: it would go back too, to the dump of before the upgrade"
	}
	return fmt.Sprintf("%s: the server %s by now, and the upgrade to roll back installed %s: it was updated since, as from its admin panel, and would go back to %s%s",
		e.Host, runs, e.Installed, e.To, also)
}

// updatedSince reports whether the server runs a release later than the one that a run
// installed, or an image of which nobody can say that it is none.
func updatedSince(was *Plan, f *Facts) bool {
	if s, ok := f.Server(); !ok || s.ImageID == "" || runsInstalled(was, f) || runsFormer(was, f) {
		return false
	}
	now, _ := RunningVersion(f)
	order, known := compareVersions(now, was.To)
	return !known || order > 0
}

// isComparable reports whether a version can be compared with others.
func isComparable(version string) bool {
	_, ok := compareVersions(version, version)
	return ok
}

// FilesName is the image that the compose files name for the server, where that is not
// the one it runs: a plain "docker compose up -d" would replace it. "" says that both are
// the same, that it is built there, or that it is not known.
func FilesName(f *Facts) string {
	s, ok := f.Server()
	if !ok || f.Model == nil {
		return ""
	}
	name := composeImage(f)
	image, _ := f.ImageByID(s.ImageID)
	if name == s.Image || f.Model.Service(f.Project.Service).HasBuild || slices.Contains(image.Digests, name) || slices.Contains(image.Tags, name) {
		return ""
	}
	return name
}
