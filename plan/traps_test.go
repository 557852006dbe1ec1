package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"liftalot/plan/compose"
	"liftalot/testenv/scenarios"
)

// The traps of real deployments, by the names they have in our notes, as far as
// a plan alone can show that they are not stepped into. Where a host is needed
// the test stands with the code that talks to it: C4 and C14 also in
// plan/probe, B1, B3 and S1 in plan/backup and plan/apply, H3 and the live side
// of the others in the stories of cmd/internal/cli.

// yamlOf reads the one edited file as anybody else would.
func yamlOf(t *testing.T, data []byte) map[string]any {
	t.Helper()
	var doc map[string]any
	if err := yaml.Unmarshal(data, &doc); err != nil {
		t.Fatalf("the edited file is no YAML: %v\n%s", err, data)
	}
	return doc
}

func at(doc any, path ...string) any {
	for _, key := range path {
		m, _ := doc.(map[string]any)
		doc = m[key]
	}
	return doc
}

// editedFile builds the plan and gives the compose file as it would be.
func editedFile(t *testing.T, in BuildInput) map[string]any {
	t.Helper()
	_, edited := build(t, in)
	return yamlOf(t, edited[0].Result.After)
}

func stringsOf(v any) []string {
	var out []string
	all, _ := v.([]any)
	for _, x := range all {
		s, _ := x.(string)
		out = append(out, s)
	}
	return out
}

func TestC1UpdaterJoinsTheNetworksThatAreThere(t *testing.T) {
	in := inputFor(t, recorded(t, "chatalot-net"))
	in.Settings.Allow = []string{AllowOldMigrations}
	doc := editedFile(t, in)
	if got := stringsOf(at(doc, "services", UpdaterService, "networks")); !slices.Equal(got, []string{updaterNetwork, "chatalot-net"}) {
		t.Errorf("networks of the updater: %q", got)
	}
	if at(doc, "networks", "internal") != nil || at(doc, "networks", "external") != nil {
		t.Error("the runbook's networks were made up")
	}
	if at(doc, "networks", updaterNetwork, "internal") != true {
		t.Error("the proxy's network has a way out")
	}
	// Where the shared network has no way out a second one is joined that has.
	doc = editedFile(t, inputFor(t, recorded(t, "public")))
	if got := stringsOf(at(doc, "services", UpdaterService, "networks")); !slices.Equal(got, []string{updaterNetwork, "internal", "external"}) {
		t.Errorf("networks of the updater: %q", got)
	}
	// A reverse proxy's network is the last to be used for it.
	doc = editedFile(t, inputFor(t, recorded(t, "traefik")))
	if got := stringsOf(at(doc, "services", UpdaterService, "networks")); slices.Contains(got, "web") {
		t.Errorf("the updater joins the reverse proxy's network without need: %q", got)
	}
}

func TestC1WithoutASharedNetworkOrAWayOutThereIsNoPlan(t *testing.T) {
	for name, path := range map[string][]string{
		"share no network": {"services", "postgres", "networks", "internal"},
		"has a way out":    {"services", "chatalot", "networks", "external"},
	} {
		f := recorded(t, "public")
		remodel(t, f, "public", nil, path...)
		in := inputFor(t, f)
		in.Settings.Allow = append(in.Settings.Allow, AllowDrift+"chatalot")
		var refused *RefusedError
		if _, _, err := Build(in); !errors.As(err, &refused) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestC2PasswordComesFromTheRunningServer(t *testing.T) {
	p, _ := build(t, inputFor(t, recorded(t, "public")))
	s, ok := p.Step("secret-db_password")
	if !ok || s.Op.(WriteSecret).Source != FromDatabaseURL || s.Op.(WriteSecret).Server != "chatalot-server" || s.Op.(WriteSecret).Body != nil {
		t.Errorf("%+v", s.Op)
	}
	login, ok := p.Step("db-login")
	if !ok || login.Op.(Login).File != s.Op.(WriteSecret).Path || login.Op.(Login).Container != "chatalot-db" {
		t.Errorf("the password is not proven by a login: %+v", login.Op)
	}
	if position(p, "db-login") > position(p, "edit") {
		t.Error("the login comes after the edit")
	}
}

func position(p *Plan, id string) int {
	return slices.IndexFunc(p.Steps, func(s Step) bool { return s.ID == id })
}

func TestC3EverySecretTheUpdaterUsesIsDefined(t *testing.T) {
	for _, name := range []string{"public", "staged", "traefik"} {
		doc := editedFile(t, inputFor(t, recorded(t, name)))
		for _, s := range stringsOf(at(doc, "services", UpdaterService, "secrets")) {
			if file, _ := at(doc, "secrets", s, "file").(string); file != "./secrets/"+s {
				t.Errorf("%s: secret %s comes from %q", name, s, file)
			}
		}
	}
}

// The model after the edit is the one a real compose made of the upgraded host.
func TestC4GuardHoldsTheEditAgainstTheMergedModel(t *testing.T) {
	in := inputFor(t, recorded(t, "public"))
	_, edited := build(t, in)
	before, after := in.Facts.Model, recorded(t, "managed").Model
	words, err := Guard("web1", before, after, edited)
	if err != nil || !strings.Contains(words, UpdaterService) {
		t.Errorf("%q, %v", words, err)
	}
	// Nothing came about, as without the profile; and more than was meant.
	for name, bad := range map[string]*compose.Model{
		"unchanged":     before,
		"a port closed": remodelled(t, "managed", nil, "services", "chatalot", "ports"),
		"a volume gone": remodelled(t, "managed", nil, "volumes", "file_storage"),
		"a new command": remodelled(t, "managed", []any{"sh"}, "services", "postgres", "command"),
	} {
		var guard *GuardError
		if _, err := Guard("web1", before, bad, edited); !errors.As(err, &guard) || len(guard.Diffs) == 0 || !strings.HasPrefix(err.Error(), "web1: no plan") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func remodelled(t *testing.T, name string, value any, path ...string) *compose.Model {
	t.Helper()
	var f Facts
	remodel(t, &f, name, value, path...)
	return f.Model
}

func TestC5TheUpdaterLooksAfterTheContainerThatRuns(t *testing.T) {
	for container, pairs := range map[string][]string{
		"chatalot-server":     nil,
		"chatalot-chatalot-1": {"    container_name: chatalot-server\n", "", `"container_name": "chatalot-server",`, "", `"name": "chatalot-server"`, `"name": "chatalot-chatalot-1"`},
	} {
		in := inputFor(t, recorded(t, "public", pairs...))
		p, edited := build(t, in)
		doc := yamlOf(t, edited[0].Result.After)
		if got := at(doc, "services", UpdaterService, "environment", "CHATALOT_UPDATER_SERVER_CONTAINER"); got != container {
			t.Errorf("the updater looks after %v; want %s", got, container)
		}
		if (at(doc, "services", "chatalot", "container_name") == nil) != (pairs != nil) {
			t.Error("a container_name was added or taken away")
		}
		gate, _ := p.Step("gate")
		swap, _ := p.Step("swap")
		if gate.Op.(Gate).Server != container || swap.Op.(Swap).Container != container {
			t.Errorf("gate %q, swap %q", gate.Op.(Gate).Server, swap.Op.(Swap).Container)
		}
	}
}

func TestC6TheDatabaseIsTheServersOwn(t *testing.T) {
	for _, s := range shapes() {
		if s.name != "unmanaged-other-names" && s.name != "unmanaged-no-healthcheck" {
			continue
		}
		doc := editedFile(t, s.in(t))
		service, condition, url := "db", "service_healthy", "postgres://chatalot:__DB_PASSWORD__@db:5433/chatalot"
		if s.name == "unmanaged-no-healthcheck" {
			service, condition, url = "postgres", "service_started", "postgres://chatalot:__DB_PASSWORD__@postgres:5432/chatalot"
		}
		if got := at(doc, "services", UpdaterService, "depends_on", service, "condition"); got != condition {
			t.Errorf("%s: the updater waits for %s: %v", s.name, service, got)
		}
		if got := at(doc, "services", UpdaterService, "environment", "DATABASE_URL"); got != url {
			t.Errorf("%s: %v", s.name, got)
		}
	}
}

func TestC6QueryAndDollarsOfTheURLStay(t *testing.T) {
	in := inputFor(t, recorded(t, "public"))
	in.Facts.Database.User, in.Facts.Database.Query = "chat$a lot", "sslmode=disable"
	doc := editedFile(t, in)
	if got := at(doc, "services", UpdaterService, "environment", "DATABASE_URL"); got != "postgres://chat$$a%20lot:__DB_PASSWORD__@postgres:5432/chatalot?sslmode=disable" {
		t.Errorf("%v", got)
	}
}

func TestC7PinsTheImageWhereItCounts(t *testing.T) {
	in := inputFor(t, recorded(t, "public"))
	imageOverride(t, &in)
	p, edited := build(t, in)
	want := in.Release.Server.ByDigest()
	for i, e := range edited {
		if got := at(yamlOf(t, e.Result.After), "services", "chatalot", "image"); got != want {
			t.Errorf("%s: image %v", e.Path, got)
		}
		if at(yamlOf(t, e.Result.After), "services", "chatalot", "build") != nil {
			t.Errorf("%s: build is still there", e.Path)
		}
		if id := []string{"edit", "edit-2"}[i]; position(p, id) < 0 {
			t.Errorf("no step %s", id)
		}
	}
	if len(edited) != 2 {
		t.Errorf("%d files edited; the override's image would win", len(edited))
	}
	// An override the base file's pin does not beat is found in the model.
	plain := inputFor(t, recorded(t, "public"))
	_, base := build(t, plain)
	after := remodelled(t, "managed", "images.example.com/chatalot:latest", "services", "chatalot", "image")
	if _, err := Guard("web1", plain.Facts.Model, after, base); err == nil {
		t.Error("a pin without effect passes")
	}
}

func TestC7AnOverrideWithoutAnImageIsLeftAlone(t *testing.T) {
	_, edited := build(t, inputFor(t, recorded(t, "traefik")))
	if len(edited) != 1 || edited[0].Path != "/srv/chatalot/docker-compose.yml" {
		t.Errorf("%d files edited", len(edited))
	}
}

// Compose merges overrides that no edit could go into; as long as none has to, they
// are no reason against a plan.
func TestC7AnOverrideThatCannotBeEditedIsLeftAlone(t *testing.T) {
	const path = "/srv/chatalot/docker-compose.override.yml"
	for name, text := range map[string]string{
		"networks alone": "networks:\n  web:\n    external: true\n",
		"in brackets":    `{"services": {"chatalot": {"labels": ["a=b"]}}}` + "\n",
		"no service":     "services: {}\n",
		"right already":  "services: {chatalot: {image: '" + release(t).Server.ByDigest() + "', ports: ['9000:8080']}}\n",
	} {
		t.Run(name, func(t *testing.T) {
			in := inputFor(t, recorded(t, "public"))
			over := File{Path: path, Real: path, Mode: 0o644}
			over.setData(text)
			in.Facts.Files = append(in.Facts.Files, over)
			in.Facts.Project.Files = append(in.Facts.Project.Files, path)
			_, edited := build(t, in)
			if len(edited) != 1 || edited[0].Path == path || at(yamlOf(t, edited[0].Result.After), "services", "chatalot", "image") != in.Release.Server.ByDigest() {
				t.Errorf("%d files edited", len(edited))
			}
		})
	}
	in := inputFor(t, recorded(t, "public"))
	over := File{Path: path, Real: path, Mode: 0o644}
	over.setData(`{"services": {"chatalot": {"image": "images.example.com/chatalot:latest"}}}`)
	in.Facts.Files = append(in.Facts.Files, over)
	in.Facts.Project.Files = append(in.Facts.Project.Files, path)
	var refused *compose.RefusalError
	if _, _, err := Build(in); !errors.As(err, &refused) || refused.File != path || refused.Kind != compose.Layout {
		t.Errorf("an image in brackets that would win: %v", err)
	}
}

// projects finds every project an operation addresses.
func projects(p *Plan) []Project {
	var out []Project
	for _, s := range p.Steps {
		for _, op := range []Op{s.Op, s.Undo} {
			switch op.(type) {
			case Up, Down, Swap, Gate, Backup, Edit:
				out = append(out, reflect.ValueOf(op).FieldByName("Project").Interface().(Project))
			}
		}
	}
	return out
}

func TestC8EveryComposeCallNamesProjectFolderAndFiles(t *testing.T) {
	p, _ := build(t, inputFor(t, recorded(t, "traefik")))
	want := []string{"-p", "chatalot", "--project-directory", "/srv/chatalot",
		"-f", "/srv/chatalot/docker-compose.yml", "-f", "/srv/chatalot/docker-compose.override.yml"}
	all := projects(p)
	if len(all) < 6 {
		t.Errorf("only %d operations with a project", len(all))
	}
	for _, project := range all {
		if !slices.Equal(project.Args(), want) {
			t.Errorf("%q", project.Args())
		}
	}
	withEnv := Project{Name: "chat", WorkingDir: "/d", Files: []string{"/d/a.yml"}, EnvFiles: []string{"/d/prod.env"}}
	if got := strings.Join(withEnv.Args(), " "); got != "-p chat --project-directory /d --env-file /d/prod.env -f /d/a.yml" {
		t.Errorf("%q", got)
	}
}

// Whatever starts a container says how compose is kept off the database: it is
// asked first, or it may not look at dependencies at all.
func TestC9NothingThatStartsMayRecreateTheDatabase(t *testing.T) {
	for what, move := range map[string]func(*Facts){
		"nothing":        func(*Facts) {},
		"its definition": func(f *Facts) { f.Hashes["postgres"] = "drifted" },
		"its image":      func(f *Facts) { service(f, "postgres").Retagged = true },
		"nobody knows":   func(f *Facts) { service(f, "postgres").Unsure = true },
	} {
		in, drift := inputFor(t, recorded(t, "incomplete")), what != "nothing"
		move(in.Facts)
		p, _ := build(t, in)
		if !slices.ContainsFunc(p.Deviations, func(w string) bool { return strings.Contains(w, "would recreate what they depend on (postgres)") }) && drift {
			t.Error("the drift is not reported")
		}
		starts := 0
		for _, s := range p.Steps {
			for _, op := range []Op{s.Op, s.Undo} {
				settled, noDeps, ok := starting(op)
				if !ok {
					continue
				}
				starts++
				if noDeps != drift || !slices.Contains(settled, "postgres") {
					t.Errorf("drift of %s: step %s (%s): settled %q, no deps %v", what, s.ID, op.Describe().Kind, settled, noDeps)
				}
			}
		}
		if starts < 4 {
			t.Errorf("only %d operations start something", starts)
		}
	}
}

func starting(op Op) (settled []string, noDeps, ok bool) {
	switch op := op.(type) {
	case Up:
		return op.Dependencies, op.NoDeps, true
	case Swap:
		return op.Dependencies, op.NoDeps, true
	case Down:
		return op.Dependencies, op.NoDeps, len(op.Former) > 0
	}
	return nil, false, false
}

// How a file is written changes nothing of what is decided, and what was there
// keeps its form.
func TestC10TheFormOfAFileDoesNotMatter(t *testing.T) {
	plain := inputFor(t, recorded(t, "public"))
	want := editedFile(t, plain)
	for _, form := range []string{"crlf", "indent4", "env-list"} {
		sc, err := scenarios.Find(form)
		if err != nil {
			t.Fatal(err)
		}
		in := inputFor(t, recorded(t, "public"))
		in.Facts.Files[0].setData(string(sc.Change.Edit(in.Facts.Files[0].Data)))
		p, edited := build(t, in)
		if p.Variant != Unmanaged {
			t.Errorf("%s: %s", form, p.Variant)
		}
		after := edited[0].Result.After
		got := yamlOf(t, after)
		for _, path := range [][]string{{"services", UpdaterService}, {"services", ProxyService}, {"services", "chatalot", "image"}, {"secrets"}, {"networks"}, {"volumes"}} {
			if a, b := asJSON(t, at(want, path...)), asJSON(t, at(got, path...)); a != b {
				t.Errorf("%s: %v means %s; want %s", form, path, b, a)
			}
		}
		if form == "crlf" && bytes.Count(after, []byte("\n")) != bytes.Count(after, []byte("\r\n")) {
			t.Error("line ends are mixed")
		}
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestC10OneOfTwoServicesIsAQuestionForAPerson(t *testing.T) {
	for _, gone := range []string{UpdaterService, ProxyService} {
		f := recorded(t, "staged")
		remodel(t, f, "staged", nil, "services", gone)
		if v := VariantOf(f, nil); v != Partial {
			t.Errorf("without %s: %s", gone, v)
		}
		if _, _, err := Build(inputFor(t, f)); err == nil || !strings.Contains(err.Error(), "only one of the two") {
			t.Errorf("without %s: %v", gone, err)
		}
	}
}

func TestC12ACheckoutIsNamed(t *testing.T) {
	in := inputFor(t, recorded(t, "public"))
	in.Facts.Project.Git = true
	p, _ := build(t, in)
	if !slices.ContainsFunc(p.Warnings, func(w string) bool { return strings.Contains(w, "git checkout") }) {
		t.Errorf("%q", p.Warnings)
	}
}

// A plan is shown, saved and sent around: nothing of .env, of a secret file or
// of a password in a compose file may be in it.
func TestC13APlanHoldsNoSecret(t *testing.T) {
	inline := []string{
		"${DB_PASSWORD}", "canary0inline0password",
		"${TOTP_ENCRYPTION_KEY:-}", "canary0inline0totp",
		"${GIPHY_API_KEY:-}", "canary0inline0giphy",
	}
	for name, in := range map[string]BuildInput{
		"public": inputFor(t, recorded(t, "public")), "traefik": inputFor(t, recorded(t, "traefik")),
		"staged": inputFor(t, recorded(t, "staged")), "incomplete": inputFor(t, recorded(t, "incomplete")),
		"inline": inputFor(t, recorded(t, "public", inline...)),
	} {
		p, _ := build(t, in)
		text := string(encode(t, p))
		for _, secret := range []string{"canary", "ca4a47"} {
			if i := strings.Index(text, secret); i >= 0 {
				t.Errorf("%s: the plan holds a secret: …%s…", name, text[max(0, i-120):i+40])
			}
		}
	}
}

func TestC13ARefusalShowsNoValue(t *testing.T) {
	f := recorded(t, "staged", "postgres://chatalot:__DB_PASSWORD__@postgres:5432/chatalot", "postgres://chatalot:canary@postgres:5432/chatalot")
	_, _, err := Build(inputFor(t, f))
	if err == nil || !strings.Contains(err.Error(), "DATABASE_URL") || strings.Contains(err.Error(), "canary") {
		t.Errorf("%v", err)
	}
}

func TestC14WarningsOfComposeAreNoFailures(t *testing.T) {
	if !strings.Contains(read(t, "probe", "testdata", "public.look"), "CLOUDFLARE_TUNNEL_TOKEN") {
		t.Fatal("the recording lacks the warning")
	}
	if f := recorded(t, "public"); len(f.Failures) > 0 || f.Model == nil {
		t.Errorf("%v", f.Failures)
	}
}

func TestH1VersionComesFromTheDatabaseBeforeHealth(t *testing.T) {
	p, _ := build(t, inputFor(t, recorded(t, "public")))
	if p.From != "0.23.0" || p.Source == "health" {
		t.Errorf("from %q by %s; health says 0.17.0", p.From, p.Source)
	}
}

func TestH2APageIsNotHealth(t *testing.T) {
	for _, h := range []Health{
		{Asked: true, Code: 200},
		{Asked: true, Code: 200, Status: "degraded"},
		{Asked: true, Code: 200, Status: "ok"},
		{Asked: true, Code: 503, Status: "ok", DBHealthy: true},
	} {
		in := inputFor(t, recorded(t, "public"))
		in.Facts.Health = h
		if _, _, err := Build(in); err == nil {
			t.Errorf("%+v is taken for healthy", h)
		}
	}
}

func TestH4TheSwapHasALimitThatFitsMigrations(t *testing.T) {
	in := inputFor(t, recorded(t, "public"))
	in.Settings.MaxDowntime = 0
	p, _ := build(t, in)
	if s, _ := p.Step("swap"); s.Op.(Swap).MaxDowntime < 120 || s.Op.(Swap).Soak < 5 {
		t.Errorf("limit %d s, soak %d s", s.Op.(Swap).MaxDowntime, s.Op.(Swap).Soak)
	}
}

func TestB2TheBackupIsOfTheProjectsOwnDatabase(t *testing.T) {
	p, _ := build(t, inputFor(t, recorded(t, "public")))
	b := p.Steps[0].Op.(Backup)
	if b.Container != "chatalot-db" || b.Database != "chatalot" || b.User != "chatalot" || b.Tables == 0 || b.Migration != 51 {
		t.Errorf("%+v", b)
	}
}

func TestB8TheBackupHoldsEveryFileOfTheClient(t *testing.T) {
	p, _ := build(t, inputFor(t, recorded(t, "traefik")))
	want := []string{"/srv/chatalot/docker-compose.yml", "/srv/chatalot/docker-compose.override.yml", "/srv/chatalot/.env"}
	if got := p.Steps[0].Op.(Backup).Files; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestB4RollbackReturnsToTheImageThatRan(t *testing.T) {
	in := inputFor(t, recorded(t, "public"))
	p, _ := build(t, in)
	server, _ := in.Facts.Server()
	tag, _ := p.Step("tag")
	swap, _ := p.Step("swap")
	if tag.Op.(Tag).ImageID != server.ImageID || position(p, "tag") > position(p, "swap") {
		t.Errorf("%+v", tag.Op)
	}
	if back := swap.Undo.(Swap); !back.IsRollback || back.OldImage != server.ImageID || back.OldRef != server.Image || back.ImageRef != "" {
		t.Errorf("%+v", back)
	}
}

// An attempt that edited the image line and never ran "up" leaves files from which
// compose could not start the present server again.
func TestB4TheServerThatRunsCanBeStartedAgain(t *testing.T) {
	canRestartServer := func(f *Facts) string {
		for _, c := range Stopped(Checks(f, Settings{Host: "web1"}, nil)) {
			if c.Name == "rollback" {
				return c.Detail
			}
		}
		return ""
	}
	ahead := recorded(t, "public")
	pinned := "images.example.com/chatalot@sha256:" + strings.Repeat("a", 64)
	remodel(t, ahead, "public", map[string]any{"image": pinned}, "services", "chatalot")
	if got := canRestartServer(ahead); !strings.Contains(got, pinned) || !strings.Contains(got, "runs chatalot-chatalot") {
		t.Errorf("got %q", got)
	}
	if got := canRestartServer(recorded(t, "managed")); got != "" {
		t.Errorf("a server that is done: %q", got)
	}

	// What compose builds has a name that we may give to the old image.
	named := recorded(t, "public")
	remodel(t, named, "public", "chatalot:local", "services", "chatalot", "image")
	if got := canRestartServer(named); got != "" {
		t.Errorf("a build with a name: %q", got)
	}
	p, _ := build(t, inputFor(t, named))
	swap, _ := p.Step("swap")
	if got := swap.Op.(Swap).OldRef; got != "chatalot:local" {
		t.Errorf("goes back by %q", got)
	}
}

func TestB9TheFirstHopHasItsOwnDumpAndItsOwnRollback(t *testing.T) {
	p, _ := build(t, inputFor(t, recorded(t, "public")))
	swap, _ := p.Step("swap")
	if swap.Op.(Swap).Dump == "" || len(swap.Op.(Swap).Files) != 1 || swap.Op.(Swap).Files[0].Copy == "" {
		t.Errorf("%+v", swap.Op)
	}
	for _, before := range []string{"backup", "pull", "tag", "secret-db_password", "edit", "sidecar", "gate"} {
		if position(p, before) < 0 || position(p, before) > position(p, "swap") {
			t.Errorf("%s does not come before the swap", before)
		}
	}
	if position(p, "backup") != 0 {
		t.Error("something comes before the backup")
	}
}

func TestP3AStagedServiceIsCompletedKeyByKey(t *testing.T) {
	in := inputFor(t, recorded(t, "staged"))
	doc := editedFile(t, in)
	updater := at(doc, "services", UpdaterService)
	if at(updater, "build") != nil || at(updater, "image") != in.Release.Updater.ByDigest() {
		t.Errorf("image %v, build %v", at(updater, "image"), at(updater, "build"))
	}
	for _, v := range (deployment{server: "chatalot", database: in.Facts.Database}).environment() {
		if got := at(updater, "environment", v.key); got != v.value {
			t.Errorf("%s is %v; want %s", v.key, got, v.value)
		}
	}
	if got := stringsOf(at(updater, "networks")); !slices.Contains(got, "external") {
		t.Errorf("the updater has no way to the vendor: %q", got)
	}
	if got := at(doc, "services", ProxyService, "image"); got != in.Release.Proxy.ByDigest() {
		t.Errorf("proxy %v", got)
	}
}
