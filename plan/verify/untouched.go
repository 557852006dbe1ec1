package verify

import (
	"regexp"
	"slices"
	"strings"

	"liftalot/plan"
)

// checkUntouched holds the other containers of the project against what they were. While a run
// is under way they must be the very same ones. Later a client may have stopped and started
// the stack, which makes others: then what they are made of counts, and that they run.
func (v *verifier) checkUntouched() {
	for _, was := range v.w.Untouched {
		now, ok := v.f.Container(was.Service)
		hint := "if the client changed it, what runs now is taken as right by: liftalot verify --accept " + v.f.Host
		switch {
		case !ok || !now.Running():
			v.add("untouched", false, "docker logs "+now.Name, "service %s: %s; it ran before", was.Service, stateOf(now, ok))
		case now.ID == was.ID:
			v.add("untouched", true, "", "service %s: container %s, as it was", was.Service, short(now.ID))
		case v.w.Same:
			v.add("untouched", false, "", "service %s: container %s, it was %s", was.Service, short(now.ID), short(was.ID))
		case now.ImageID != was.ImageID:
			v.add("untouched", false, hint, "service %s: runs image %s, it was %s", was.Service, short(now.ImageID), short(was.ImageID))
		default:
			lost := subtract(v.mounts(was.Service, was.Mounts), v.mounts(was.Service, v.f.MountsOf(now.ID)))
			if was.Mounts == nil || v.f.Everyone == nil {
				lost = nil // one of them is not known
			}
			v.add("untouched", len(lost) == 0, hint, "service %s: %s", was.Service, recreated(lost))
		}
	}
}

func recreated(lost []string) string {
	if len(lost) > 0 {
		return "its container was made anew since, and does not mount any more: " + strings.Join(lost, ", ")
	}
	return "its container was made anew since, from the same image and with the same volumes"
}

var nameless = regexp.MustCompile(`^volume [0-9a-f]{64} `)

// mounts are a service's mounts as they can be compared. A volume without a name gets
// another one with each container: that is how such a service is meant, but a database
// in one is not there any more.
func (v *verifier) mounts(service string, all []string) []string {
	if service == v.f.Database.Service {
		return all
	}
	list := make([]string, len(all))
	for i, m := range all {
		list[i] = nameless.ReplaceAllString(m, "volume (nameless) ")
	}
	return list
}

// subtract returns the strings of one list that another one lacks.
func subtract(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(other, s) })
}

// marks are the containers that a plan rests on and leaves alone.
func marks(p *plan.Plan) []plan.ContainerFingerprint {
	return Others(p.Baseline.Containers, p.Project.Service)
}

// Others are the containers beside the server and its updater.
func Others(all []plan.ContainerFingerprint, server string) (list []plan.ContainerFingerprint) {
	for _, c := range all {
		if c.Service != server && c.Service != plan.UpdaterService && c.Service != plan.ProxyService {
			list = append(list, c)
		}
	}
	return list
}
