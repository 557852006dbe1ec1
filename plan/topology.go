package plan

import (
	"fmt"
	"slices"
	"strings"
)

// deploymentOf works out what the vendor's fragment must say on this host.
func deploymentOf(in BuildInput) (deployment, []Check) {
	f, m := in.Facts, in.Facts.Model
	server, _ := f.Server()
	a := deployment{
		updater:  in.Release.Updater.Pinned(in.Settings.Pin),
		proxy:    in.Release.Proxy.Pinned(in.Settings.Pin),
		server:   server.Name,
		database: f.Database,
		ipv6Off:  f.Machine.IPv6Off,
		writable: in.Settings.Allows(AllowWritableProxy),
	}
	if f.Database.Container != "" && f.Database.Service != "" {
		// Without a healthcheck "service_healthy" never comes true (trap C6).
		a.dependency = "service_started"
		if m.Service(f.Database.Service).HasHealthcheck {
			a.dependency = "service_healthy"
		}
	}
	var bad []Check
	a.networks, bad = updaterNetworks(in)
	return a, bad
}

// updaterNetworks picks the networks the updater joins besides its own: those
// the server shares with the database, and one with a way out to the vendor. On
// the newest public layout that gives the runbook's "internal" and "external";
// on the older ones, which have neither, "chatalot-net" (trap C1).
func updaterNetworks(in BuildInput) ([]string, []Check) {
	m := in.Facts.Model
	mine := m.Service(in.Facts.Project.Service).Networks
	theirs := m.Service(in.Facts.Database.Service).Networks
	var shared, open []string
	for _, n := range mine {
		if slices.Contains(theirs, n) {
			shared = append(shared, n)
		}
		if !m.NetworkInternal(n) {
			open = append(open, n)
		}
	}
	slices.Sort(shared)
	// A network that is not the project's own (a reverse proxy's, say) comes
	// last: the updater should not be seen there without need.
	slices.SortFunc(open, func(a, b string) int {
		if x, y := m.NetworkExternal(a), m.NetworkExternal(b); x != y {
			if x {
				return 1
			}
			return -1
		}
		return strings.Compare(a, b)
	})
	if len(shared) == 0 && in.Facts.Database.Container != "" {
		return nil, []Check{{Name: "networks", Level: Stop,
			Detail: fmt.Sprintf("server and database service %q share no network in the compose model", in.Facts.Database.Service),
			Hint:   "the updater needs one in which it reaches both"}}
	}
	out := slices.Clone(shared)
	if !slices.ContainsFunc(out, func(n string) bool { return !m.NetworkInternal(n) }) {
		if len(open) == 0 {
			return nil, []Check{{Name: "networks", Level: Stop,
				Detail: "no network of the server has a way out, so the updater could not reach the vendor",
				Hint:   "give the server one network that is not internal"}}
		}
		out = append(out, open[0])
	}
	return out, nil
}

// dependencies are the services that the server, and the updater through its
// database, depend on, and which of them drifted from their files or from the
// image that their reference names by now. Where none did, compose leaves them alone
// when it starts a service that depends on them; where one did it would recreate it,
// the database included (trap C9), and only --no-deps keeps it from that. That flag
// is not the rule, because compose 2.26 takes depends_on out of a service started
// with it and so marks it as changed: the client's next "up" would restart it for
// nothing. Whether compose would recreate one is compose's own decision, so its hash
// counts here, and what cannot be told counts as drift.
func dependencies(f *Facts) (all, drifted []string) {
	queue := append([]string{f.Database.Service}, f.Model.Service(f.Project.Service).DependsOn...)
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		if s == "" || slices.Contains(all, s) || s == f.Project.Service {
			continue
		}
		all = append(all, s)
		queue = append(queue, f.Model.Service(s).DependsOn...)
		c, ok := f.Container(s)
		if !ok || !c.Running() || c.ConfigHash != f.Hashes[s] || c.Retagged || c.Unsure {
			drifted = append(drifted, s)
		}
	}
	slices.Sort(all)
	slices.Sort(drifted)
	return all, drifted
}

// NotesManifests reports whether a version of compose notes on a container the digest of
// the platform's manifest, where the engine has one, instead of the image's ID.
func NotesManifests(compose string) bool { return atLeast(compose, 5, 5) }

// unescapeDollar undoes compose's escape, as its merged model does.
func unescapeDollar(s string) string { return strings.ReplaceAll(s, "$$", "$") }

// ImageOf is the name under which compose, with the files as they are, looks for
// the image of a service: for one that it builds and that has no name, its own.
func (f *Facts) ImageOf(service string) string {
	if f.Model == nil {
		return ""
	}
	s := f.Model.Service(service)
	if s.Image == "" && s.HasBuild {
		return f.Project.Name + "-" + s.Name
	}
	return s.Image
}

// composeImage is that of the server.
func composeImage(f *Facts) string { return f.ImageOf(f.Project.Service) }
