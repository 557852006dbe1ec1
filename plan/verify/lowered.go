package verify

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/Masterminds/semver/v3"

	"liftalot/plan"
	"liftalot/units"
)

// Highest is the highest release that a host was seen to run, well, and what belonged to
// it. A host that runs less than that was lowered: after an update from the admin panel
// the compose file still names the former release, and a plain "docker compose up -d"
// puts it back.
type Highest struct {
	Version   string    `json:"version"`
	Migration int64     `json:"migration,omitempty"` // the newest one then
	Image     string    `json:"image,omitempty"`     // by digest
	At        time.Time `json:"at"`
}

// HighestIn is what a look adds to what is known of a host, false where it adds nothing: a
// server without the updater gets no release from its panel, and one that is not well or
// does not say itself what it is tells nothing.
func HighestIn(f *plan.Facts, now time.Time) (Highest, bool) {
	version, source := plan.RunningVersion(f)
	_, updater := f.Container(plan.UpdaterService)
	if _, err := semver.StrictNewVersion(version); err != nil || !updater || !f.Health.OK() || source != "health" {
		return Highest{}, false
	}
	h := Highest{Version: version, Migration: f.Database.Latest(), At: now.UTC()}
	if s, ok := f.Server(); ok {
		h.Image = byDigest(f, s)
	}
	return h, true
}

// byDigest names the image that a container runs, "" where the host knows no name by
// digest for it.
func byDigest(f *plan.Facts, c plan.Container) string {
	image, _ := f.ImageByID(c.ImageID)
	repo, _, _ := strings.Cut(c.Image, "@")
	if i := strings.LastIndexByte(repo, ':'); i > strings.LastIndexByte(repo, '/') {
		repo = repo[:i]
	}
	for _, d := range image.Digests {
		if strings.HasPrefix(d, repo+"@") {
			return d
		}
	}
	return strings.Join(image.Digests[:min(1, len(image.Digests))], "")
}

// Below reports whether a release is lower than another one; a range or a guess is not.
func Below(a, b string) bool {
	x, errA := semver.StrictNewVersion(a)
	y, errB := semver.StrictNewVersion(b)
	return errA == nil && errB == nil && x.LessThan(y)
}

// checkLowered stops a server that runs less than it was seen to run, or a release that an
// unseen later one has migrated the database under.
func (v *verifier) checkLowered() {
	h := v.w.Highest
	if h == nil {
		return
	}
	runs, _ := plan.RunningVersion(v.f)
	if s, ok := v.f.Server(); ok && v.w.Image != "" {
		if image, _ := v.f.ImageByID(s.ImageID); slices.Contains(image.Digests, v.w.Image) {
			runs = v.w.Version // also where it does not answer
		}
	}
	again := fmt.Sprintf("install %s again, from the admin panel or by the image line of service %s", h.Version, v.f.Project.Service)
	if h.Image != "" {
		again += ": image: " + h.Image
	}
	onPurpose := "; if it was lowered on purpose: liftalot verify --accept " + v.f.Host
	switch top := v.f.Database.Latest(); {
	case Below(runs, h.Version):
		v.add("lowered", false, again+onPurpose, "the server runs %s, and it ran %s at %s: it was lowered, as by \"docker compose up -d\" after an update from its panel",
			runs, h.Version, units.Time(h.At))
	case runs == h.Version && h.Migration > 0 && top > h.Migration && v.sameImage(h.Image):
		v.add("lowered", false, fmt.Sprintf("install the release again that was there between, from the admin panel or by the image line of service %s%s", v.f.Project.Service, onPurpose),
			"the database is at migration %d, and %s had it at %d at %s: a later release ran meanwhile, and the server was lowered, as by \"docker compose up -d\" after an update from its panel",
			top, runs, h.Migration, units.Time(h.At))
	}
}

// sameImage reports whether the server runs an image; a name that is not known excludes
// nothing.
func (v *verifier) sameImage(ref string) bool {
	s, _ := v.f.Server()
	image, _ := v.f.ImageByID(s.ImageID)
	return ref == "" || slices.Contains(image.Digests, ref)
}
