// Package verify looks again and compares with what a plan promised.
//
// [Host] answers the runbook's verification and more, as named checks over a fresh look and
// one read-only script. It changes nothing. What it expects is in an [Expectation], made from
// the plan that was carried out ([ExpectUpgrade]) or rolled back ([ExpectRollback]), or
// [ExpectUnknown] on a host this machine knows no run of. [ExpectAfterRun] is what a run
// itself holds the host against at its end.
//
// What should run now is not only what the last run left. A later release is what the
// updater was installed for, and a client may stop and start the stack, which makes other
// containers: neither is a fault. A server that runs less than it was seen to run is one,
// see [Highest].
package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"liftalot/plan"
	"liftalot/remote"
)

// A Runner runs a command on a host; [remote.Client] is one.
type Runner interface {
	Run(ctx context.Context, cmd remote.Command) (remote.Result, error)
}

// Expectation is what a host should look like.
type Expectation struct {
	Version   string                      // "" accepts any
	Image     string                      // by digest, "" accepts any
	ImageID   string                      // of a server that was rolled back
	Base      string                      // a release above it was installed since, and is no fault
	Updater   bool                        // the sidecar must run
	NoUpdater bool                        // the sidecar must be gone
	Running   []string                    // services that ran before and must run again
	Untouched []plan.ContainerFingerprint // containers that the run leaves alone
	Same      bool                        // they are the very same ones: the run is just over
	Files     []plan.FileFingerprint      // files that must be as they were
	Highest   *Highest                    // what it was seen to run, nil for nothing

	Dependents []string // containers that hang on the server's and must not be left behind
}

// ExpectUpgrade is what a host looks like after its plan was carried out.
func ExpectUpgrade(p *plan.Plan) Expectation {
	return Expectation{Version: p.To, Image: p.Release.Server.ByDigest(), Base: p.To, Updater: true, Untouched: marks(p), Dependents: dependents(p)}
}

// dependents are the containers that a plan makes anew together with the server's.
func dependents(p *plan.Plan) (names []string) {
	swap, _ := plan.Find[plan.Swap](p.Steps)
	for _, d := range swap.Dependents {
		names = append(names, d.Name)
	}
	return names
}

// ExpectRollback is what a host looks like after the plan was rolled back again.
func ExpectRollback(p *plan.Plan) Expectation {
	w := Expectation{Base: p.From, Untouched: marks(p), Files: p.Baseline.Files, NoUpdater: true, Dependents: dependents(p)}
	for _, c := range p.Baseline.Containers {
		switch c.Service {
		case p.Project.Service:
			w.ImageID = c.ImageID
		case plan.UpdaterService, plan.ProxyService:
			w.NoUpdater = false
			w.Running = append(w.Running, c.Service)
		}
	}
	return w
}

// ExpectAfterRun is what a host looks like right after a run of p, which carried out or rolled back
// was. Nobody else has touched its other containers since the run was planned, unless it
// was interrupted and is resumed.
func ExpectAfterRun(p, was *plan.Plan, resumed bool) Expectation {
	w := ExpectUpgrade(was)
	if p.Kind != plan.Upgrade {
		w = ExpectRollback(was) // after a restore too, all is as it was seen
		w.Base, w.Untouched = "", marks(p)
	}
	w.Same = !resumed
	return w
}

// ExpectUnknown is what can be asked of a host without knowing its history.
func ExpectUnknown(f *plan.Facts) Expectation {
	_, has := f.Container(plan.UpdaterService)
	return Expectation{Updater: has}
}

// Host verifies a host by a fresh look and by asking inside its containers.
func Host(ctx context.Context, host Runner, f *plan.Facts, w Expectation) []plan.Check {
	v := &verifier{ctx: ctx, host: host, f: f, w: w}
	v.server()
	v.image()
	v.checkLowered()
	v.checkUntouched()
	v.files()
	for _, service := range w.Running {
		c, ok := f.Container(service)
		v.add("sidecar", ok && c.Running(), "docker logs "+service, "service %s ran before: %s", service, stateOf(c, ok))
	}
	v.dependents()
	switch {
	case w.Updater:
		v.updater()
		v.panel()
	case w.NoUpdater:
		v.missingServer()
	}
	return v.out
}

type verifier struct {
	ctx  context.Context
	host Runner
	f    *plan.Facts
	w    Expectation
	out  []plan.Check
}

func (v *verifier) add(name string, ok bool, hint, format string, args ...any) {
	c := plan.Check{Name: name, Level: plan.Pass, Detail: fmt.Sprintf(format, args...)}
	if !ok {
		c.Level, c.Hint = plan.Stop, hint
	}
	v.out = append(v.out, c)
}

func (v *verifier) server() {
	s, ok := v.f.Server()
	if !ok || !s.Running() {
		v.add("server", false, "look at its log", "the server's container does not run")
		return
	}
	h := v.f.Health
	v.add("health", h.OK(), "docker logs "+s.Name, "HTTP %d, status %q, database healthy: %v", h.Code, h.Status, h.DBHealthy)
	switch {
	case v.isNewer():
		v.updateFinding()
	case v.w.Version != "":
		v.add("version", h.Version == v.w.Version, "", "the server says %s, the plan says %s", h.Version, v.w.Version)
	}
	if s.Restarts > 0 {
		v.out = append(v.out, plan.Check{Name: "restarts", Level: plan.Warn, Detail: fmt.Sprintf("the server was restarted %d times", s.Restarts), Hint: "docker logs " + s.Name})
	}
}

// isNewer reports whether a healthy server runs a release above that of the last run: what
// the updater is for. That is no fault, and nothing to be rolled back.
func (v *verifier) isNewer() bool {
	now, _ := plan.RunningVersion(v.f)
	return v.w.Base != "" && v.f.Health.OK() && Below(v.w.Base, now)
}

// updateFinding names the release that was installed since, and what would put the former one
// back: the compose files are the client's, and an update leaves them alone.
func (v *verifier) updateFinding() {
	now, _ := plan.RunningVersion(v.f)
	v.add("version", true, "", "the server runs %s: it was updated from %s since, as from its admin panel", now, v.w.Base)
	if name := plan.FilesName(v.f); name != "" {
		s, _ := v.f.Server()
		hint := fmt.Sprintf("let the image line of service %s name what runs", v.f.Project.Service)
		if runs := byDigest(v.f, s); runs != "" {
			hint += ": image: " + runs
		}
		v.out = append(v.out, plan.Check{Name: "compose file", Level: plan.Warn, Hint: hint,
			Detail: fmt.Sprintf("it names %s, and a plain \"docker compose up -d\" puts the server back to that", name)})
	}
}

func (v *verifier) image() {
	s, _ := v.f.Server()
	if v.isNewer() {
		return
	}
	if v.w.ImageID != "" {
		v.add("image", s.ImageID == v.w.ImageID, "", "runs image %s, before the upgrade it was %s", short(s.ImageID), short(v.w.ImageID))
	}
	if v.w.Image != "" {
		image, _ := v.f.ImageByID(s.ImageID)
		v.add("image", slices.Contains(image.Digests, v.w.Image), "", "runs %s, known as %s", short(s.ImageID), strings.Join(image.Digests, ", "))
	}
}

func short(id string) string {
	id = strings.TrimPrefix(id, "sha256:")
	return id[:min(12, len(id))]
}

func (v *verifier) files() {
	for _, was := range v.w.Files {
		i := slices.IndexFunc(v.f.Files, func(x plan.File) bool { return x.Path == was.Path })
		switch {
		case i < 0:
			v.add("files", false, "", "%s is not among the project's files any more", was.Path)
		case v.f.Files[i].Missing:
			v.out = append(v.out, plan.Check{Name: "files", Level: plan.Warn, Detail: was.Path + " is gone: somebody else removed it; what runs does not need it, the next \"docker compose up\" does",
				Hint: "put it back, as from the backup: docs/backups.md says how one is opened"})
		case v.f.Files[i].SHA256 == was.SHA256:
			now := v.f.Files[i]
			v.add("files", now.Mode == was.Mode && now.UID == was.UID && now.GID == was.GID, "", "%s has its bytes; mode %04o, owner %d:%d", was.Path, now.Mode, now.UID, now.GID)
		default:
			// A client's later edits stay, so other bytes are no fault by themselves.
			v.out = append(v.out, plan.Check{Name: "files", Level: plan.Warn, Detail: was.Path + " is not byte for byte what it was: somebody else changed it too"})
		}
	}
}

// dependents looks for what shares a namespace of a container that is gone: it runs on, and
// nothing gets through to it or from it. Of one that did not depend on the server when the
// plan was made it is only told: somebody else left that behind.
func (v *verifier) dependents() {
	for _, x := range v.f.Stranded() {
		c := plan.Check{Name: "dependents", Level: plan.Warn, Hint: "make it anew, as by what started it",
			Detail: fmt.Sprintf("%s shares a namespace of a container that is gone", x.Name)}
		if slices.Contains(v.w.Dependents, x.Name) {
			c.Level = plan.Stop
		}
		v.out = append(v.out, c)
	}
}

func (v *verifier) updater() {
	for _, service := range []string{plan.UpdaterService, plan.ProxyService} {
		c, ok := v.f.Container(service)
		v.add(service, ok && c.Running() && c.Health != "unhealthy", "docker logs "+service, "%s %s", stateOf(c, ok), c.Health)
	}
	u, ok := v.f.Container(plan.UpdaterService)
	s, _ := v.f.Server()
	if ok {
		aim := u.Env["CHATALOT_UPDATER_SERVER_CONTAINER"]
		v.add("aim", aim == s.Name, "", "the updater looks after container %q, the server's is %q", aim, s.Name)
	}
}

func stateOf(c plan.Container, ok bool) string {
	if !ok {
		return "there is no container"
	}
	return c.State
}

// script asks what only the containers themselves can answer.
const script = `docker exec "$1" curl -fsS -m 10 http://` + plan.UpdaterService + `:8081/health >/dev/null </dev/null || { echo "the server does not reach the updater" >&2; exit 1; }
docker exec "$1" sh -c 'cat /run/secrets/updater_token >/dev/null' </dev/null || { echo "the server cannot read updater_token" >&2; exit 1; }
docker exec "$2" curl -fsS -m 10 "http://$3:2375/_ping" >/dev/null </dev/null || { echo "the updater does not reach the engine" >&2; exit 1; }`

func (v *verifier) panel() {
	// 401 alone proves little: an old server answers unknown paths with its page.
	v.add("admin panel", v.f.Health.Updates == "401 JSON", "the server lacks UPDATER_API_URL or the updater_token secret",
		"/api/admin/updates/status without a login: %s", cmp.Or(v.f.Health.Updates, "no answer"))
	s, ok1 := v.f.Server()
	u, ok2 := v.f.Container(plan.UpdaterService)
	if !ok1 || !ok2 {
		return
	}
	res, err := v.host.Run(v.ctx, remote.Command{Name: "ask inside the containers", Script: script, Root: true, Timeout: time.Minute,
		Args: []string{s.Name, u.Name, plan.ProxyService}})
	var exit *remote.ExitError
	switch {
	case errors.As(err, &exit):
		v.add("connections", false, "", "%s", lastLine(res.Stderr))
	case err != nil:
		v.add("connections", false, "", "%v", err)
	default:
		v.add("connections", true, "", "server, updater, socket proxy and engine reach each other")
	}
}

func lastLine(b []byte) string {
	all := strings.Split(strings.TrimSpace(string(b)), "\n")
	line := all[len(all)-1]
	return line[:min(300, len(line))]
}

func (v *verifier) missingServer() {
	var left []string
	for _, service := range []string{plan.UpdaterService, plan.ProxyService} {
		if _, ok := v.f.Container(service); ok {
			left = append(left, service)
		}
	}
	v.add("sidecar", len(left) == 0, "", "containers of the sidecar that are left: %d", len(left))
}

// Failed joins the checks that did not pass into one error, nil when all did.
func Failed(host string, checks []plan.Check) error {
	var bad []string
	for _, c := range plan.Stopped(checks) {
		bad = append(bad, c.Name+": "+c.Detail)
	}
	if len(bad) == 0 {
		return nil
	}
	return &Error{Host: host, Failed: bad}
}

// Error reports a host that is not as it should be.
type Error struct {
	Host   string
	Failed []string
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s: verification: %s", e.Host, strings.Join(e.Failed, "; "))
}

// Findings are the checks that did not pass, each in a sentence.
func (e *Error) Findings() []string { return e.Failed }
