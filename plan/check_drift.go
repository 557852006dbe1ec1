package plan

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"liftalot/plan/compose"
	"liftalot/plan/drift"
)

// drift compares what runs with what compose would make of the files now. For the server,
// and for the updater and its proxy where they run, the upgrade would carry a difference
// out, as a stranger's edit that comes along: it stops, unless a person accepts it by
// name. What the upgrade leaves alone is only told.
func (c *checker) drift() {
	if c.f.Model == nil {
		return
	}
	before := len(c.out)
	if len(c.f.Hashes) == 0 {
		fail, _ := c.failureOf("hashes")
		c.add("drift", Warn, "", "compose did not say what it would recreate: %s", fail.Detail)
	}
	for _, k := range c.f.Services {
		if c.f.Model.HasService(k.Service) {
			c.driftOf(k)
		}
	}
	if len(c.out) == before {
		c.add("drift", Pass, "", "containers are what compose would make of the files")
	}
}

// driftOf tells the drift of one container.
func (c *checker) driftOf(k Container) {
	found, unknown := driftOf(c.f, k)
	var known []string
	if len(found) > 0 {
		known = c.f.secretValues()
	}
	declared := c.declared(k.Service)
	var news, accepted, names []string
	for _, d := range found {
		if makes, ok := declared[d.Field]; ok && (makes == d.Makes || strings.HasPrefix(d.Field, "environment.")) {
			continue // the upgrade writes it anyway, or says itself that it cannot
		}
		if text := d.Show(known); c.s.acceptsDrift(k.Service, d.Field) {
			accepted = append(accepted, text)
		} else {
			news, names = append(news, text), append(names, AllowDrift+k.Service+"."+nameable(d.Field))
		}
	}
	recreated := c.recreates(k)
	if len(news) > 0 && recreated {
		c.add("drift", Stop, c.driftRemedies(k.Service, names), "service %s is not what compose would make of the files now, and the upgrade would carry that out: %s", k.Service, joinSentences(news))
	}
	if left := slices.Concat(news, accepted); len(left) > 0 && !recreated {
		c.add("drift", Warn, "\"docker compose up\" would recreate it; this tool leaves it alone",
			"service %s is not what compose would make of the files now: %s", k.Service, joinSentences(left))
	}
	if len(accepted) > 0 && recreated {
		c.add("drift", Warn, "accepted by name in the inventory", "the upgrade carries out what has changed in service %s: %s", k.Service, joinSentences(accepted))
	}
	if len(unknown) > 0 {
		c.add("drift", Warn, "look at it yourself", "service %s: whether it is what compose would make of the files is not known altogether: %s", k.Service, strings.Join(unknown, "; "))
	}
	c.driftOfImage(k)
}

// writable matches the names that the inventory takes.
var writable = regexp.MustCompile(`^[A-Za-z0-9._/=:@+-]+$`)

// nameable is a field as an inventory can name it: one with a blank in it, say, goes by
// its key.
func nameable(field string) string {
	if writable.MatchString(field) {
		return field
	}
	key, _, _ := strings.Cut(field, ".")
	return key
}

// joinSentences joins differences, no more than people read.
func joinSentences(all []string) string {
	const most = 25
	if rest := len(all) - most; rest > 0 {
		all = append(slices.Clone(all[:most]), fmt.Sprintf("and %d more", rest))
	}
	return strings.Join(all, "; ")
}

// driftRemedies names what a person can do about drift.
func (c *checker) driftRemedies(service string, names []string) string {
	var quoted []string
	for _, n := range slices.Compact(names) {
		quoted = append(quoted, fmt.Sprintf("%q", n))
	}
	return fmt.Sprintf("take the change out of the files again; or carry it out first and look at the server: docker compose up -d %s; or let the upgrade carry it out, by name: allow: [%s]",
		service, strings.Join(quoted, ", "))
}

// driftOfImage tells of another image than the container's behind the name that the files
// have. The server's is replaced by the upgrade, and see canRestartServer.
func (c *checker) driftOfImage(k Container) {
	server := k.Service == c.f.Project.Service
	name := c.f.ImageOf(k.Service)
	image, _ := c.f.ImageByID(k.ImageID)
	switch same := name == k.Image || slices.Contains(image.Tags, name) || slices.Contains(image.Digests, name); {
	case k.Retagged && server:
		c.add("drift", Warn, "the upgrade replaces it by the release, and going back gives the name to the image that runs now",
			"service %s: the name of its image, %s, points elsewhere now; \"docker compose up\" would recreate it", k.Service, k.Image)
	case k.Retagged:
		c.add("drift", Warn, "this tool leaves it alone",
			"service %s: the name of its image, %s, points elsewhere now; \"docker compose up\" would recreate it", k.Service, k.Image)
	case !server && name != "" && !same && !c.recreates(k):
		c.add("drift", Warn, "this tool leaves it alone",
			"service %s: the files name the image %s, and %s runs %s; \"docker compose up\" would recreate it", k.Service, name, k.Name, k.Image)
	}
}

// recreates reports whether the upgrade puts another container in a service's place. One
// that only runs beside it, or does not run, loses nothing; nor does a server that is
// replaced by nothing.
func (c *checker) recreates(k Container) bool {
	if c.rel != nil && VariantOf(c.f, c.rel) == Managed && runsRelease(c.f, c.rel, c.s.Pin) && !c.edits {
		return false
	}
	switch k.Service {
	case c.f.Project.Service:
		return true
	case UpdaterService, ProxyService:
		return k.Running()
	}
	return false
}

// declared are the fields that the upgrade writes into the files itself, with what they
// become: an earlier attempt may have written them, and never carried out.
func (c *checker) declared(service string) map[string]string {
	out := map[string]string{}
	variables := func(all []variable) {
		for _, v := range all {
			out["environment."+v.key] = fmt.Sprintf("%q", unescapeDollar(v.value))
		}
	}
	secret := func(names ...string) {
		for _, name := range names {
			if file := c.f.Model.SecretFile(name); file != "" {
				out["volumes./run/secrets/"+name] = "bind " + file + " read-only"
			}
		}
	}
	if service == c.f.Project.Service {
		variables(serverEnvironment(c.s))
		secret("updater_token")
		return out
	}
	if c.rel == nil || service != UpdaterService && service != ProxyService {
		return out
	}
	a, bad := deploymentOf(BuildInput{Facts: c.f, Settings: c.s, Release: *c.rel})
	if len(bad) > 0 {
		return out
	}
	out["networks."+updaterNetwork], out["networks."+updaterNetwork+".aliases"] = "joined", service
	if service == ProxyService {
		variables(a.proxyEnvironment())
		return out
	}
	variables(a.environment())
	secret(updaterSecrets...)
	for _, n := range a.networks {
		out["networks."+n], out["networks."+n+".aliases"] = "joined", service
	}
	for _, v := range updaterVolumes {
		out["volumes."+v.value] = "volume " + c.f.Model.VolumeID(v.key)
	}
	return out
}

// driftOf compares one container with its service, and says in words what could not be
// compared.
func driftOf(f *Facts, k Container) ([]drift.Difference, []string) {
	image, _ := f.ImageByID(k.ImageID)
	in := drift.Input{Model: f.Model, Service: k.Service, Container: k.Inspect, Image: image.Inspect, Services: map[string]string{}, Names: map[string]string{}}
	for _, other := range f.Services {
		in.Services[other.ID] = other.Service
	}
	for _, other := range f.Everyone {
		in.Names[other.Name] = other.ID
	}
	report, err := drift.Compare(in)
	if err != nil {
		return nil, []string{err.Error()}
	}
	return report.Differences, report.Unknown
}

// acceptsDrift reports whether a person lets the upgrade carry a difference out: of a
// field, of all entries of a key, or of a service.
func (s Settings) acceptsDrift(service, field string) bool {
	key, _, _ := strings.Cut(field, ".")
	for _, name := range []string{service + "." + field, service + "." + key, service} {
		if s.Allows(AllowDrift + name) {
			return true
		}
	}
	return false
}

// secretValues are the values that may be secrets in the client's files, and among the
// variables of what runs.
func (f *Facts) secretValues() []string {
	out := f.FileSecrets()
	for _, k := range f.Services {
		var doc struct{ Config struct{ Env []string } }
		if json.Unmarshal(k.Inspect, &doc) == nil {
			out = append(out, compose.Secrets([]byte(strings.Join(doc.Config.Env, "\n")))...)
		}
	}
	return slices.Sorted(maps.Keys(toSet(out)))
}

func toSet(all []string) map[string]bool {
	out := map[string]bool{}
	for _, v := range all {
		out[v] = true
	}
	return out
}

// driftChecks are those of a host that is changed, though its server runs the release.
func driftChecks(f *Facts, s Settings, rel *Release) []Check {
	c := &checker{f: f, s: s, rel: rel, edits: true}
	c.drift()
	return c.out
}
