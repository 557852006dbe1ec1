package plan

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"liftalot/plan/compose"
	"liftalot/units"
)

// BuildInput is all that a plan depends on.
type BuildInput struct {
	Facts    *Facts
	Settings Settings
	Release  Release
	ID       string    // of the plan and its run: a UTC time stamp with a random tail
	Now      time.Time // when the plan is made
}

// RefusedError says why there is no plan: checks that say stop, with their hints.
type RefusedError struct {
	Host   string
	Checks []Check
}

func (e *RefusedError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: no plan: ", e.Host)
	for i, c := range e.Checks {
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%s: %s", c.Name, c.Detail)
	}
	return b.String()
}

// Build decides what lifts a host to the release. The error is a [*RefusedError] or,
// for a compose file that cannot be edited, a [*compose.RefusalError].
func Build(in BuildInput) (*Plan, []EditedFile, error) {
	refuse := func(checks []Check) (*Plan, []EditedFile, error) {
		return nil, nil, &RefusedError{Host: in.Facts.Host, Checks: checks}
	}
	if stop := Stopped(Checks(in.Facts, in.Settings, &in.Release)); len(stop) > 0 {
		return refuse(stop)
	}
	a, bad := deploymentOf(in)
	if len(bad) > 0 {
		return refuse(bad)
	}
	e, err := newEditor(in, a)
	if err != nil {
		return nil, nil, err
	}
	if err := e.gather(); err != nil {
		return nil, nil, err
	}
	edited, err := e.apply()
	if err != nil {
		return nil, nil, err
	}
	if len(e.reason) > 0 {
		return refuse(e.reason)
	}
	b := builder{in: in, target: a, edited: edited, notes: e.notes}
	b.settled, b.drifted = dependencies(in.Facts)
	b.noDeps = len(b.drifted) > 0
	if current, nothing := b.upToDate(); current && !nothing {
		if stop := Stopped(driftChecks(in.Facts, in.Settings, &in.Release)); len(stop) > 0 {
			return refuse(stop)
		}
	}
	return b.plan(), edited, nil
}

// builder lays the steps out.
type builder struct {
	in     BuildInput
	target deployment
	edited []EditedFile
	notes  []string
	steps  []Step

	settled []string // what the server and the updater depend on
	drifted []string // what of it compose would, or might, recreate
	noDeps  bool     // some of it drifted: compose must not look at it
}

func (b *builder) plan() *Plan {
	f := b.in.Facts
	from, source := RunningVersion(f)
	p := &Plan{
		Format: Format, ID: b.in.ID, Host: f.Host, Created: b.in.Now.UTC().Format(time.RFC3339), Kind: Upgrade,
		Variant: VariantOf(f, &b.in.Release), From: from, Source: source, To: b.in.Release.Version,
		Project: f.Project, Release: b.in.Release, Baseline: baselineOf(f, b.in.ID),
	}
	files := b.secretFiles()
	current, nothing := b.upToDate()
	checks := Checks(f, b.in.Settings, &b.in.Release)
	if current && !nothing {
		// The checks alone saw no reason for a swap.
		checks = append(slices.DeleteFunc(checks, func(c Check) bool { return c.Name == "drift" }), downtime(f, b.in.Settings)...)
		checks = append(checks, driftChecks(f, b.in.Settings, &b.in.Release)...)
	}
	for _, c := range checks {
		if c.Level == Warn {
			p.Warnings = append(p.Warnings, c.Name+": "+c.Detail)
		}
	}
	if nothing {
		return p
	}
	for _, out := range BackupOf(f, b.in.ID, b.backupDir(), 0).Outside {
		p.Warnings = append(p.Warnings, fmt.Sprintf("backup: it will be without %s: %s", out.Name, out.Why))
	}
	if p.Variant == Managed && p.From == p.To {
		p.Variant = Incomplete
	}
	b.backup()
	b.record()
	b.pull()
	b.tag()
	b.names()
	b.steps = append(b.steps, files...)
	b.login()
	b.edits()
	b.sidecar()
	b.swap()
	b.add(Step{ID: "verify", Title: "verify the upgraded server", Op: Verify{Version: p.To},
		Reason: "health, version, image and the updater are looked at once more, from outside the swap"})
	p.Steps = b.steps
	for _, e := range b.edited {
		p.Diffs = append(p.Diffs, FileDiff{Path: e.Path, Lines: compose.Diff(e.Path, e.Result.Before, e.Result.After, compose.WithReasons(e.Result.Splices))})
	}
	p.Deviations = b.deviations()
	p.FollowUps = b.followUps()
	return p
}

// upToDate reports whether the server runs the release already, and whether there is nothing
// to do at all.
func (b *builder) upToDate() (now, nothing bool) {
	f := b.in.Facts
	now = VariantOf(f, &b.in.Release) == Managed && runsRelease(f, &b.in.Release, b.in.Settings.Pin)
	return now, now && len(b.edited) == 0 && len(b.secretFiles()) == 0
}

func (b *builder) add(s Step) { b.steps = append(b.steps, s) }

// runsRelease reports whether the server already runs the release.
func runsRelease(f *Facts, rel *Release, pin Pin) bool {
	s, _ := f.Server()
	image, _ := f.ImageByID(s.ImageID)
	// A tag says nothing of the image that has it.
	named := pin != PinTag && s.Image == rel.Server.Pinned(pin)
	return f.Health.Version == rel.Version && (named || slices.Contains(image.Digests, rel.Server.ByDigest()))
}

// BackupDir is where the backup of an upgrade lies on the host: the runbook's folder, named
// in UTC, since local time names collide when the clocks go back.
func BackupDir(id string) string { return BackupRoot + "/chatalot-pre-managed-update-" + id }

func (b *builder) backupDir() string { return BackupDir(b.in.ID) }

// clientFiles are the files a backup copies, in the order that names the copies.
func clientFiles(f *Facts) []string {
	var files []string
	for _, x := range f.Files {
		if !x.Missing {
			files = append(files, x.Path)
		}
	}
	return files
}

// mustFiles are all that must be in a backup beside the secrets folder: the client's files,
// and what the compose model names as a secret and lies elsewhere.
func mustFiles(f *Facts) []string {
	files := clientFiles(f)
	for _, s := range f.Secrets {
		taken := hasSecretsDir(f) && isInside(s.Path, secretsDir(f)) || slices.Contains(files, s.Path)
		if !s.Dir && !s.Broken && !taken {
			files = append(files, s.Path)
		}
	}
	return files
}

// copyOf is the backup's copy of a client's file, on the host.
func (b *builder) copyOf(file string) string {
	return fmt.Sprintf("%s/file.%d", b.backupDir(), slices.Index(clientFiles(b.in.Facts), file))
}

// BackupOf says what a backup of a host takes, into a folder on the host, and how long
// that may take there: 0 for what the size of the database asks for.
func BackupOf(f *Facts, id, dir string, limit time.Duration) Backup {
	server, _ := f.Server()
	further := FilesOf(f)
	for _, name := range further.Unread {
		further.Outside = append(further.Outside, Outside{Name: name, Why: "it was not looked into, so what it names is not known"})
	}
	bk := Backup{
		ID: id, Dir: dir, Container: f.Database.Container, User: f.Database.User, Database: f.Database.Name,
		Tables: f.Database.Tables, Migration: f.Database.Latest(), Files: mustFiles(f), EnvFiles: further.Files, Outside: further.Outside,
		MaxSeconds: dumpLimit(f, limit), Project: f.Project, ImageID: server.ImageID,
	}
	if hasSecretsDir(f) {
		bk.Secrets = secretsDir(f)
	}
	return bk
}

func (b *builder) backup() {
	bk := BackupOf(b.in.Facts, b.in.ID, b.backupDir(), b.in.Settings.DumpTimeout)
	b.add(Step{
		ID: "backup", Title: "back up database, secrets, .env and compose files", Op: bk,
		Reason: "nothing is changed before a backup is on this machine and read to its end",
		NoUndo: "a backup stays: on the host in " + bk.Dir + " and on this machine",
	})
}

// recordDir is where the record of what runs lies: beside the backup, since it is wanted
// as long.
func (b *builder) recordDir() string { return b.backupDir() + "/ran" }

func (b *builder) record() {
	server, _ := b.in.Facts.Server()
	op := Record{Folder: b.recordDir(), Containers: []RecordedTarget{{Name: server.Name, ID: server.ID}}}
	op.Containers = append(op.Containers, recordedDependents(b.in.Facts, dependents(b.in.Facts, server.Name, ""), "")...)
	b.add(Step{
		ID: "record", Title: "write down what the server's container is made of", Op: op,
		Reason: "going back makes exactly the container that runs now, whatever the files, variables and registries say by then",
		NoUndo: "the record stays with the backup on the host, for root only, in " + op.Folder,
	})
}

func (b *builder) pull() {
	r := b.in.Release
	b.add(Step{
		ID: "pull", Title: "pull the release's images by digest",
		Op: Pull{Registry: registryOf(r.Server.Repo), Login: b.in.Settings.Credentials,
			Refs: []string{r.Server.ByDigest(), r.Updater.ByDigest(), r.Proxy.ByDigest()}},
		Reason: "all that can fail without downtime comes before the downtime",
		NoUndo: "images are only added; nothing uses them until the swap",
	})
}

func registryOf(repo string) string {
	host, _, _ := strings.Cut(repo, "/")
	return host
}

// rollbackTag is the name under which the image that ran is found whatever is built or
// pulled since. No name saves it from "docker system prune -a", which takes every image
// without a container.
func (b *builder) rollbackTag() string {
	return "liftalot-rollback/" + strings.ToLower(b.in.Facts.Project.Name) + ":" + strings.ToLower(b.in.ID)
}

func (b *builder) tag() {
	server, _ := b.in.Facts.Server()
	b.add(Step{
		ID: "tag", Title: "give the running image a name of its own",
		Op:     Tag{ImageID: server.ImageID, Name: b.rollbackTag()},
		Reason: "rollback returns to exactly this image and builds nothing",
		NoUndo: "the name stays until you remove it: it costs no space while the image is in use",
	})
}

// names gives the images their tags on this host, where the inventory wants tags in the
// compose files: a pull by digest gives them none, and nothing is pulled after it.
func (b *builder) names() {
	if b.in.Settings.Pin != PinTag {
		return
	}
	op := Names{}
	for _, i := range []struct {
		what string
		ref  Ref
	}{{"server", b.in.Release.Server}, {"updater", b.in.Release.Updater}, {"proxy", b.in.Release.Proxy}} {
		op.Images = append(op.Images, ImageName{Ref: i.ref.ByDigest(), Name: i.ref.Pinned(PinTag), Keep: fmt.Sprintf("%s-%s", b.rollbackTag(), i.what)})
	}
	b.add(Step{
		ID: "names", Title: "give the pulled images their tags", Op: op, Undo: Names{Images: op.Images, IsRollback: true},
		Reason: "the compose file names them by tag (pin: tag), and each tag must be the very image that was verified",
	})
}

func (b *builder) secretsDir() string { return secretsDir(b.in.Facts) }

func secretsDir(f *Facts) string { return path.Join(f.Project.WorkingDir, "secrets") }

func hasSecretsDir(f *Facts) bool {
	return slices.ContainsFunc(f.Secrets, func(s Secret) bool { return s.Dir && s.Path == secretsDir(f) })
}

func (b *builder) login() {
	d := b.in.Facts.Database
	b.add(Step{
		ID: "db-login", Title: "log in to the database with the updater's password",
		Op:     Login{Container: d.Container, User: d.User, Database: d.Name, File: b.secretPath("db_password")},
		Reason: "a wrong password would show only later, as an updater that keeps restarting",
	})
}

func (b *builder) edits() {
	for i, e := range b.edited {
		id := "edit"
		if i > 0 {
			id += "-" + strconv.Itoa(i+1)
		}
		op := Edit{Path: e.Path, Before: Hash(e.Result.Before), After: Hash(e.Result.After), Splices: e.Result.Splices, Project: b.in.Facts.Project}
		b.add(Step{
			ID: id, Title: "edit " + path.Base(e.Path), Op: op, Undo: RevertEdit(op),
			Reason: joinReasons(e.Result.Splices),
		})
	}
}

// joinReasons joins the reasons of splices, each once.
func joinReasons(splices []compose.Splice) string {
	var out []string
	for _, s := range splices {
		if s.Reason != "" && !slices.Contains(out, s.Reason) {
			out = append(out, s.Reason)
		}
	}
	return strings.Join(out, "; ")
}

func (b *builder) sidecar() {
	f, r := b.in.Facts, b.in.Release
	down := Down{Project: f.Project, Dependencies: b.settled, NoDeps: b.noDeps}
	for _, service := range []string{UpdaterService, ProxyService} {
		if c, ok := f.Container(service); ok && c.Running() {
			down.Former = append(down.Former, service)
		} else {
			down.Services = append(down.Services, service)
		}
	}
	if !slices.ContainsFunc(f.Networks, func(n Network) bool { return n.Project == f.Project.Name && n.Key == updaterNetwork }) {
		down.Networks = []string{updaterNetwork}
	}
	b.add(Step{
		ID: "sidecar", Title: "start socket proxy and updater beside the running server",
		Op: Up{Project: f.Project, Profile: "updater", Services: []string{ProxyService, UpdaterService},
			Dependencies: b.settled, NoDeps: b.noDeps},
		Undo:   down,
		Reason: "the server and the database are not touched: before it starts anything compose is asked whether it would recreate them",
	})
	b.add(Step{
		ID: "gate", Title: "hold the updater against all it needs",
		Op: Gate{Project: f.Project, Updater: UpdaterService, Proxy: ProxyService, Server: b.target.server, Secrets: updaterSecrets,
			Images: map[string]string{UpdaterService: r.Updater.ByDigest(), ProxyService: r.Proxy.ByDigest()}},
		Reason: "stable, healthy, through the proxy to the engine, every secret readable: all before the server is touched",
	})
}

// How long the new server must stay healthy before the swap counts as done, and
// how long it may be away at most when the inventory does not say.
const (
	soakSeconds     = 10
	defaultDowntime = 2 * time.Minute
)

// limit is how many seconds the server may be away.
func (s Settings) limit() int {
	if s.MaxDowntime <= 0 {
		return int(defaultDowntime / time.Second)
	}
	return int(s.MaxDowntime / time.Second)
}

func (b *builder) swap() {
	f := b.in.Facts
	server, _ := f.Server()
	limit := b.in.Settings.limit()
	s := Swap{
		Project: f.Project, Container: server.Name, Port: listenPort(server), Version: b.in.Release.Version,
		ImageRef: b.in.Release.Server.ByDigest(), OldImage: server.ImageID, OldRef: cmp.Or(composeImage(f), server.Image),
		OldID: server.ID, Record: b.recordDir(), Dependents: dependents(f, server.Name, ""), DependentRecord: b.recordDir(),
		Database:    Login{Container: f.Database.Container, User: f.Database.User, Database: f.Database.Name},
		Migration:   f.Database.Latest(),
		Prober:      b.prober(),
		MaxDowntime: limit, Soak: soakSeconds,
		Dependencies: b.settled, NoDeps: b.noDeps,
	}
	if !b.in.Settings.Allows(AllowNoFinalDump) {
		s.Dump = b.backupDir() + "/final.dump"
	}
	for _, e := range b.edited {
		s.Files = append(s.Files, SwapFile{Copy: b.copyOf(e.Path), Path: e.Path, Before: Hash(e.Result.Before), After: Hash(e.Result.After)})
	}
	back := s
	// The files go back on their own, three-way, before the server does.
	back.IsRollback, back.Version, back.ImageRef, back.Dump, back.Files = true, "", "", "", nil
	b.add(Step{
		ID: "swap", Title: "replace the server's container", Op: s, Undo: back,
		Reason: fmt.Sprintf("one job on the host that ends healthy on %s within %s or rolls back by itself, whatever happens to this connection", b.in.Release.Version, units.Duration(time.Duration(limit)*time.Second)),
	})
}

// prober is the updater's container: it is on the server's network and has curl.
func (b *builder) prober() string {
	if c, ok := b.in.Facts.Container(UpdaterService); ok {
		return c.Name
	}
	m := b.in.Facts.Model
	if !m.HasService(UpdaterService) {
		return UpdaterService
	}
	if name := m.Service(UpdaterService).ContainerName; name != "" {
		return name
	}
	return b.in.Facts.Project.Name + "-" + UpdaterService + "-1"
}

// listenPort is the port inside the container, from the server's own setting.
func listenPort(c Container) int {
	addr := c.Env["LISTEN_ADDR"]
	port := addr[strings.LastIndexByte(addr, ':')+1:]
	if n, err := strconv.Atoi(port); err == nil && n > 0 {
		return n
	}
	return 8080
}

func (b *builder) deviations() []string {
	out := []string{
		"images pulled by digest, the socket proxy's too",
		"the registry_creds secret is listed in the short form: compose ignores \"mode\" for file secrets",
	}
	if b.noDeps {
		out = append(out, fmt.Sprintf("services started with --no-deps, since compose would recreate what they depend on (%s); the next \"docker compose up\" there will restart them once", strings.Join(b.drifted, ", ")))
	}
	if b.target.server != "chatalot" {
		out = append(out, fmt.Sprintf("CHATALOT_UPDATER_SERVER_CONTAINER is %q, the container that runs here, not the runbook's \"chatalot\"", b.target.server))
	}
	if b.target.writable && !b.in.Facts.Model.ReadOnly(ProxyService) {
		out = append(out, "socket proxy without read_only, by your decision "+AllowWritableProxy)
	}
	if b.in.Settings.Pin == PinTag {
		out = append(out, "the compose file names images by tag, by your inventory's \"pin: tag\": whoever pulls a tag there later gets what the registry has under it by then, unverified")
	}
	if b.target.ipv6Off {
		out = append(out, "socket proxy with DISABLE_IPV6=1: IPv6 is off on this host")
	}
	return append(out, b.notes...)
}

// writesSecret reports whether a step writes a secret, rather than open one that is there.
func (b *builder) writesSecret(id string) bool {
	return slices.ContainsFunc(b.steps, func(s Step) bool {
		op, ok := s.Op.(WriteSecret)
		return ok && s.ID == id && op.Source != FromItself
	})
}

func (b *builder) followUps() []string {
	var out []string
	if b.writesSecret("secret-updater_token") {
		out = append(out, "back up secrets/ offline: updater_token is new there")
	}
	out = append(out,
		`no prune of all unused images there ("system prune -a") while a rollback may be wanted: it takes the one that rollback returns to, named or not`,
		"future updates: the admin panel's Updates tab, one click each",
		"after an update from the panel the compose file still names this release: run \"liftalot plan\" before anyone runs \"docker compose up\" there",
		"the socket proxy lets the updater create containers with any mount: guard the admin account as you guard root",
		"a plain \"docker compose up\" or \"down\" leaves the sidecar out; add \"updater\" to COMPOSE_PROFILES in .env to have it included",
	)
	if b.in.Settings.PublicURL == "" {
		out = append(out, "no public_url is set: look at the site through its reverse proxy, the server's container has a new address")
	}
	return out
}
