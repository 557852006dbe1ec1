//go:build unix

package apply

import (
	"context"
	"errors"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"liftalot/plan"
	"liftalot/plan/internal/shimhost"
	"liftalot/plan/journal"
	"liftalot/remote"
)

// onHost is an engine whose commands go to a host in a folder.
func onHost(h *shimhost.Host) *Engine {
	e := &Engine{Plan: &plan.Plan{Host: "web1", ID: "r1", Release: plan.Release{Server: plan.Ref{Repo: "registry.example.com/chatalot"}}}}
	e.Host, e.Watch = shellHost{h}, shellHost{h}
	e.Workstation.Credentials = func(context.Context) (string, []byte, error) { return "client", []byte("canary"), nil }
	return e
}

// shellHost has no files but those its scripts see, and its folder for jobs
// beneath its own.
type shellHost struct{ *shimhost.Host }

func (h shellHost) Run(ctx context.Context, cmd remote.Command) (remote.Result, error) {
	cmd.Args = slices.Clone(cmd.Args)
	for i, arg := range cmd.Args {
		if below, ok := strings.CutPrefix(arg, plan.RunRoot+"/"); ok {
			cmd.Args[i] = h.Path("jobs", below)
		}
	}
	if cmd.Name == "start job" && cmd.Args[5] == "" { // its arguments are in the script
		script, err := io.ReadAll(cmd.Stdin)
		if err != nil {
			return remote.Result{}, err
		}
		here := strings.ReplaceAll(string(script), plan.RunRoot+"/", h.Path("jobs")+"/")
		cmd.Args[1], cmd.Stdin = strconv.Itoa(len(here)), strings.NewReader(here)
	}
	return h.Host.Run(ctx, cmd)
}

var errNoFiles = errors.New("this host runs scripts only")

func (shellHost) ReadFile(context.Context, string, int64) (remote.File, error) {
	return remote.File{}, errNoFiles
}
func (shellHost) WriteFile(context.Context, string, []byte, remote.WriteOptions) error {
	return errNoFiles
}
func (shellHost) Lstat(context.Context, string) (remote.FileInfo, error) {
	return remote.FileInfo{}, errNoFiles
}
func (shellHost) Remove(context.Context, string) error { return errNoFiles }

const pullDocker = `echo "$1 config=$DOCKER_CONFIG" >>"$SHIM/log"
[ "$1" = pull ] || exit 0
[ -z "$DOCKER_CONFIG" ] || { cp "$DOCKER_CONFIG/config.json" "$SHIM/config"; ls -ld "$DOCKER_CONFIG" "$DOCKER_CONFIG/config.json" | cut -c1-10 >"$SHIM/modes"; }
[ ! -e "$SHIM/refused" ] || { echo 'Error response from daemon: unauthorized: authentication required' >&2; exit 1; }
[ ! -e "$SHIM/hang" ] || { : >"$SHIM/started"; mkfifo "$SHIM/never"; read -r x <"$SHIM/never"; }`

var pullOp = plan.Pull{Registry: "registry.example.com", Login: true, Refs: []string{"a@sha256:1", "b@sha256:2"}}

// configGone reads where the login lay and fails when it is still there.
func configGone(t *testing.T, h *shimhost.Host) {
	t.Helper()
	dirs := regexp.MustCompile(`config=(\S+)`).FindAllStringSubmatch(h.Read("log"), -1)
	if len(dirs) == 0 {
		t.Error("docker got no configuration of its own")
	}
	for _, d := range dirs {
		if _, err := os.Lstat(d[1]); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the login stays in %s: %v", d[1], err)
		}
	}
}

// Trap S6: a login leaves no trace.
func TestPullLogsInWithoutATrace(t *testing.T) {
	h := shimhost.New(t)
	h.Shim("docker", pullDocker)
	if err := onHost(h).pull(t.Context(), "pull", pullOp); err != nil {
		t.Fatal(err)
	}
	if got := h.Read("config"); got != `{"auths":{"registry.example.com":{"auth":"Y2xpZW50OmNhbmFyeQ=="}}}`+"\n" {
		t.Errorf("docker read %s", got)
	}
	if got := h.Read("modes"); got != "drwx------\n-rw-------\n" {
		t.Errorf("modes %q", got)
	}
	configGone(t, h)
	if n := strings.Count(h.Read("log"), "pull "); n != 2 {
		t.Errorf("%d pulls", n)
	}
}

func TestPullRefusedLeavesNoTraceEither(t *testing.T) {
	h := shimhost.New(t)
	h.Shim("docker", pullDocker)
	h.Write("refused", "")
	err := onHost(h).pull(t.Context(), "pull", pullOp)
	var refused *RegistryError
	if !errors.As(err, &refused) || refused.Registry != "registry.example.com" || strings.Contains(err.Error(), "canary") {
		t.Errorf("%v", err)
	}
	configGone(t, h)
}

// Killed without a chance to tidy up, the job's script is tidied up after, and
// the pull is tried once more.
func TestPullKilledLeavesNoTraceEither(t *testing.T) {
	h := shimhost.New(t)
	h.Shim("docker", strings.ReplaceAll(pullDocker, `[ ! -e "$SHIM/hang" ] ||`, `mkdir "$SHIM/once" 2>/dev/null || exit 0
kill -KILL "$PPID"
[ ! -e "$SHIM/hang" ] ||`))
	e := onHost(h)
	err := e.pull(t.Context(), "pull", pullOp)
	if err == nil || !strings.Contains(err.Error(), "pull images") {
		t.Errorf("%v", err)
	}
	configGone(t, h)
	e.again = true
	if err := e.pull(t.Context(), "pull", pullOp); err != nil {
		t.Error(err)
	}
	configGone(t, h)
}

// An earlier start's job is found: one that ended well is not run again, one
// that did not is, once.
func TestPullFindsTheJobOfAnEarlierStart(t *testing.T) {
	h := shimhost.New(t)
	h.Shim("docker", pullDocker)
	h.Write("refused", "")
	e := onHost(h)
	if err := e.pull(t.Context(), "pull", pullOp); err == nil {
		t.Fatal("it was not refused")
	}
	e.state = journal.RunState{Steps: []journal.StepState{{Step: "pull", Do: journal.Intent, Tries: 2}}}
	if err := os.Remove(h.Path("refused")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := e.pull(t.Context(), "pull", pullOp); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(h.Read("log"), "pull "); n != 3 {
		t.Errorf("%d pulls, want the one that was refused and two", n)
	}
	configGone(t, h)
}

func TestPullWithoutALoginBringsNoConfiguration(t *testing.T) {
	h := shimhost.New(t)
	h.Shim("docker", pullDocker)
	op := pullOp
	op.Login = false
	if err := onHost(h).pull(t.Context(), "pull", op); err != nil || !strings.Contains(h.Read("log"), "pull config=\n") {
		t.Errorf("%v; %q", err, h.Read("log"))
	}
}

const gateDocker = `cd "$SHIM"
printf '%s\n' "$*" >>log
case $* in
ps*service=chatalot-updater*) cat updater ;;
ps*service=chatalot-socket-proxy*) cat proxy ;;
*"8081/health"*) [ ! -e sick ] ;;
*_ping*) [ ! -e cut ] ;;
*run/secrets*) case $(cat unreadable 2>/dev/null) in "${6##*/}"|"$7") exit 1 ;; esac ;;
inspect*OOMKilled*) echo "state restarting 1 false 7 /$4" ;;
inspect*Config.Env*) echo "CHATALOT_UPDATER_SERVER_CONTAINER=$(cat aim)" ;;
inspect*RestartCount*) n=$(cat "restarts.$4" "restarts.$5" 2>/dev/null); echo "$n"; [ ! -e unstable ] || echo "$((n + 1))" >"restarts.$4" ;;
"inspect -f {{.Name}}"*) echo "/$4" ;;
inspect*Image*) echo "image of $4" ;;
"image inspect"*updater*) cat wants.u 2>/dev/null || echo "image of u" ;;
"image inspect"*) echo "image of p" ;;
logs*) cat says 2>/dev/null ;;
esac`

func TestGateHoldsTheSidecarAgainstAllItNeeds(t *testing.T) {
	for _, tt := range []struct{ name, file, data, says string }{
		{"all is well", "", "", ""},
		{"no updater", "updater", "", "there is no container of service chatalot-updater"},
		{"no proxy", "proxy", "", "there is no container of service chatalot-socket-proxy"},
		{"never healthy", "sick", "", "did not become healthy"},
		{"the engine is cut off", "cut", "", "does not reach the engine"},
		{"a secret is unreadable", "unreadable", "cosign_pub", "cannot read secret cosign_pub"},
		{"it looks after another container", "aim", "chatalot\n", `aims at container "chatalot", not at "talk"`},
		{"another image runs", "wants.u", "image of x\n", "does not run registry/updater@sha256:1"},
		{"it was restarted meanwhile", "unstable", "", "restarted while it was watched"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := shimhost.New(t)
			h.Shim("docker", gateDocker)
			h.Shim("sleep", ":")
			for name, data := range map[string]string{"updater": "u\n", "proxy": "p\n", "aim": "talk\n", "restarts.u": "0\n", "restarts.p": "0\n"} {
				h.Write(name, data)
			}
			if tt.file != "" {
				h.Write(tt.file, tt.data)
			}
			err := onHost(h).gate(t.Context(), plan.Gate{
				Project: plan.Project{Name: "chat"}, Updater: plan.UpdaterService, Proxy: plan.ProxyService, Server: "talk",
				Secrets: []string{"updater_token", "cosign_pub"},
				Images:  map[string]string{plan.UpdaterService: "registry/updater@sha256:1", plan.ProxyService: "registry/proxy@sha256:2"},
			})
			if (err != nil) != (tt.says != "") || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v; want %q", err, tt.says)
			}
		})
	}
}

// Trap F1: the proxy that cannot run with a read-only root is told from the rest
// by what it says, and the decision that helps is named.
func TestF1GateNamesTheCauseFromTheLog(t *testing.T) {
	for log, want := range map[string]string{
		"haproxy: Read-only file system":                   plan.AllowWritableProxy,
		"[ALERT] Cannot create pidfile /run/haproxy.pid":   plan.AllowWritableProxy,
		"cannot create listening socket for [::]:2375":     "IPv6",
		"FATAL: password authentication failed for user x": "db_password",
		"open /run/secrets/cosign_pub: permission denied":  "cannot be read by the user",
		"something nobody has seen before":                 "keeps restarting",
	} {
		h := shimhost.New(t)
		h.Shim("docker", gateDocker)
		h.Shim("sleep", ":")
		for name, data := range map[string]string{"updater": "u\n", "proxy": "p\n", "sick": "", "restarts.p": "7\n", "restarts.u": "0\n", "says": log + "\n"} {
			h.Write(name, data)
		}
		e := onHost(h)
		err := e.gate(t.Context(), plan.Gate{Updater: plan.UpdaterService, Proxy: plan.ProxyService})
		if len(e.lastWords) != 1 || e.lastWords[0].Restarts != 7 || e.lastWords[0].Log[0] != log {
			t.Errorf("%q: kept %+v", log, e.lastWords)
		}
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "keeps restarting") {
			t.Errorf("%q: %v; want %q", log, err, want)
		}
	}
}

func secretAt(h *shimhost.Host, name string, source plan.Source, mode os.FileMode) plan.WriteSecret {
	return plan.WriteSecret{Path: h.Path(name), Source: source, Mode: mode}
}

func modeOf(t *testing.T, path string) os.FileMode {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

// Trap S4, on the host: a token with content is kept, a blank or missing one is
// made there.
func TestS4TokenIsMadeOnTheHostOnlyWhereThereIsNone(t *testing.T) {
	for name, before := range map[string]string{"missing": "", "blank": " \n", "kept": strings.Repeat("f", 64) + "\n"} {
		h := shimhost.New(t)
		if name != "missing" {
			h.Write("token", before)
		}
		if err := onHost(h).secret(t.Context(), secretAt(h, "token", plan.FromRandom, 0o644)); err != nil {
			t.Fatal(err)
		}
		got := h.Read("token")
		if name == "kept" {
			if got != before || modeOf(t, h.Path("token")) != 0o600 {
				t.Errorf("a token in use became %q, mode %04o", got, modeOf(t, h.Path("token")))
			}
			continue
		}
		if !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(got) || modeOf(t, h.Path("token")) != 0o644 {
			t.Errorf("%s: %q, mode %04o", name, got, modeOf(t, h.Path("token")))
		}
		if all, err := os.ReadDir(h.Dir); err != nil || len(all) != 2 {
			t.Errorf("%s: left behind: %v, %v", name, all, err)
		}
	}
}

// Trap S2: only the mode is opened, and never of what a link points to.
func TestS2OpeningKeepsTheContentAndFollowsNoLink(t *testing.T) {
	h := shimhost.New(t)
	h.Write("key", "content")
	if err := onHost(h).secret(t.Context(), secretAt(h, "key", plan.FromItself, 0o644)); err != nil || h.Read("key") != "content" || modeOf(t, h.Path("key")) != 0o644 {
		t.Errorf("%v; %q, %04o", err, h.Read("key"), modeOf(t, h.Path("key")))
	}
	if err := onHost(h).removeSecret(t.Context(), plan.RemoveSecret{Path: h.Path("key"), Source: plan.FromItself, Prior: plan.PriorState{Mode: 0o600}}); err != nil || modeOf(t, h.Path("key")) != 0o600 {
		t.Errorf("back: %v, %04o", err, modeOf(t, h.Path("key")))
	}
	if err := os.Symlink("key", h.Path("link")); err != nil {
		t.Fatal(err)
	}
	if err := onHost(h).secret(t.Context(), secretAt(h, "link", plan.FromItself, 0o644)); err == nil || modeOf(t, h.Path("key")) != 0o600 || !strings.Contains(err.Error(), "it is a link") {
		t.Errorf("%v; the file behind a link has mode %04o", err, modeOf(t, h.Path("key")))
	}
	// What was refused and changed nothing is rolled back by the same script.
	if err := onHost(h).removeSecret(t.Context(), plan.RemoveSecret{Path: h.Path("link"), Source: plan.FromItself, Prior: plan.PriorState{Mode: 0o600}}); err != nil || modeOf(t, h.Path("key")) != 0o600 {
		t.Errorf("back: %v, %04o", err, modeOf(t, h.Path("key")))
	}
}

func TestUnsecretBringsBackWhatWasThere(t *testing.T) {
	h := shimhost.New(t)
	was := plan.PriorState{Blank: true, Mode: 0o640, UID: os.Getuid(), GID: os.Getgid()}
	h.Write("copy", " \n")
	for name, copied := range map[string]string{"blank": h.Path("copy"), "empty": ""} {
		h.Write(name, "made by us")
		if err := onHost(h).removeSecret(t.Context(), plan.RemoveSecret{Path: h.Path(name), Copy: copied, Source: plan.FromRandom, Prior: was}); err != nil {
			t.Fatal(err)
		}
		if got := h.Read(name); got != map[string]string{"blank": " \n", "empty": ""}[name] || modeOf(t, h.Path(name)) != 0o640 {
			t.Errorf("%s: %q, %04o", name, got, modeOf(t, h.Path(name)))
		}
	}
	h.Write("made", "made by us")
	// An empty file that was made for a login stays once the client has put one in.
	for _, text := range []string{"", "robot:t0ken\n"} {
		h.Write("creds", text)
		empty := plan.RemoveSecret{Path: h.Path("creds"), Source: plan.FromNothing, Prior: plan.PriorState{Missing: true}}
		if err := onHost(h).removeSecret(t.Context(), empty); err != nil {
			t.Error(err)
		}
		if got, err := os.ReadFile(h.Path("creds")); string(got) != text || (err == nil) != (text != "") {
			t.Errorf("made empty, now %q: %v", got, err)
		}
	}
	gone := plan.RemoveSecret{Path: h.Path("made"), Source: plan.FromRandom, Prior: plan.PriorState{Missing: true}}
	for range 2 { // the second time there is nothing left to do
		if err := onHost(h).removeSecret(t.Context(), gone); err != nil || h.Read("made") != "" {
			t.Errorf("%v; %q", err, h.Read("made"))
		}
	}
}

func TestModeMakesClosesAndRevertsTheFolder(t *testing.T) {
	h := shimhost.New(t)
	e, dir := onHost(h), h.Path("secrets")
	if err := e.mode(t.Context(), plan.Mode{Path: dir, To: 0o700}); err != nil || modeOf(t, dir) != 0o700 {
		t.Fatalf("%v", err)
	}
	if err := e.mode(t.Context(), plan.Mode{Path: dir, From: 0o700, To: 0o755}); err != nil || modeOf(t, dir) != 0o755 {
		t.Errorf("%v, %04o", err, modeOf(t, dir))
	}
	h.Write("secrets/theirs", "x")
	if err := e.mode(t.Context(), plan.Mode{Path: dir}); err == nil || h.Read("secrets/theirs") != "x" {
		t.Errorf("a folder with something in it is gone: %v", err)
	}
	if err := os.Remove(h.Path("secrets/theirs")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := e.mode(t.Context(), plan.Mode{Path: dir}); err != nil {
			t.Error(err)
		}
	}
	if err := os.Symlink(h.Dir, dir); err != nil {
		t.Fatal(err)
	}
	before := modeOf(t, h.Dir)
	if err := e.mode(t.Context(), plan.Mode{Path: dir, To: 0o711}); err == nil || modeOf(t, h.Dir) != before || !strings.Contains(err.Error(), "it is a link") {
		t.Errorf("the folder behind a link was closed: %v", err)
	}
	for name, back := range map[string]plan.Mode{"to its mode": {Path: dir, From: 0o711, To: before}, "made": {Path: dir, From: 0o711}} {
		if err := e.mode(t.Context(), back); err != nil || modeOf(t, h.Dir) != before || !h.Has("secrets") {
			t.Errorf("a rollback that finds a link as it was, %s: %v", name, err)
		}
	}
}

const psDocker = `printf '%s\n' "$*" >>"$SHIM/log"
case $* in
ps*service=gone*) ;;
ps*) echo c1; [ ! -e "$SHIM/two" ] || echo c2 ;;
"network ls"*) echo n1 ;;
"network rm"*) [ ! -e "$SHIM/used" ] ;;
*"config --hash"*) echo "postgres $(cat "$SHIM/hash")" ;;
inspect*config-hash*) echo h1 ;;
inspect*compose.image*) echo sha256:i1 ;;
inspect*Config.Image*) echo postgres:17 ;;
"image inspect"*" postgres:17") cat "$SHIM/named" 2>/dev/null || echo sha256:i1 ;;
*"up -d"*) [ ! -e "$SHIM/fail.up" ] ;;
esac`

func TestDownRemovesByLabelsAndKeepsVolumes(t *testing.T) {
	h := shimhost.New(t)
	h.Shim("docker", psDocker)
	h.Write("two", "")
	h.Write("used", "") // a network that something else still uses stays
	op := plan.Down{Project: plan.Project{Name: "chat"}, Services: []string{"chatalot-updater", "gone"}, Networks: []string{"updater_internal"}}
	if err := onHost(h).down(t.Context(), "undo-sidecar", op); err != nil {
		t.Fatal(err)
	}
	var did []string
	for _, call := range h.Log() {
		if !strings.HasPrefix(call, "ps") && !strings.HasPrefix(call, "network ls") {
			did = append(did, call)
		} else if !strings.Contains(call, "label=com.docker.compose.project=chat") {
			t.Errorf("looks beyond the project: %q", call)
		}
	}
	if want := []string{"stop -t 10 c1", "rm -f c1", "stop -t 10 c2", "rm -f c2", "network rm n1"}; !slices.Equal(did, want) {
		t.Errorf("%q; want %q", did, want)
	}
}

func TestDownStartsAgainWhatRanBefore(t *testing.T) {
	h := shimhost.New(t)
	h.Shim("docker", psDocker)
	h.Write("hash", "h1\n")
	op := plan.Down{Project: plan.Project{Name: "chat", WorkingDir: "/d"}, Former: []string{plan.ProxyService}, Dependencies: []string{"postgres"}}
	if err := onHost(h).down(t.Context(), "undo-sidecar", op); err != nil {
		t.Fatal(err)
	}
	log := h.Log()
	if last := log[len(log)-1]; !strings.HasSuffix(last, "up -d --no-build --pull never chatalot-socket-proxy") || strings.Contains(strings.Join(log, "\n"), "rm -f") {
		t.Errorf("%q", log)
	}
}

// A rollback is not held up by what compose would recreate by now, and leaves it alone.
func TestDownStartsAgainBesideWhatHasMoved(t *testing.T) {
	for name, data := range map[string]string{"hash": "h2\n", "named": "sha256:i2\n"} {
		h := shimhost.New(t)
		h.Shim("docker", psDocker)
		h.Write("hash", "h1\n")
		h.Write(name, data)
		op := plan.Down{Project: plan.Project{Name: "chat", WorkingDir: "/d"}, Former: []string{plan.ProxyService}, Dependencies: []string{"postgres"}}
		if err := onHost(h).down(t.Context(), "undo-sidecar", op); err != nil {
			t.Fatal(err)
		}
		log := h.Log()
		if last := log[len(log)-1]; !strings.HasSuffix(last, "up -d --no-build --pull never --no-deps chatalot-socket-proxy") {
			t.Errorf("%s: %q", name, log)
		}
	}
}

// Trap C9, on the host: compose is asked first, and what it would recreate keeps
// it from being started at all.
func TestC9UpAsksComposeFirst(t *testing.T) {
	up := plan.Up{Project: plan.Project{Name: "chat", WorkingDir: "/d"}, Profile: "updater", Services: []string{"chatalot-updater"}, Dependencies: []string{"postgres"}}
	for hash, refused := range map[string]bool{"h1": false, "h2": true} {
		h := shimhost.New(t)
		h.Shim("docker", psDocker)
		h.Write("hash", hash+"\n")
		err := onHost(h).up(t.Context(), "sidecar", up, false)
		started := strings.Contains(h.Read("log"), "up -d")
		if (err != nil) != refused || started == refused || err != nil && !strings.Contains(err.Error(), "would recreate service postgres") {
			t.Errorf("%s: %v; started %v", hash, err, started)
		}
	}
	// A tag that was moved, by a pull say, and one that names nothing any more.
	for _, named := range []string{"sha256:i2\n", ""} {
		h := shimhost.New(t)
		h.Shim("docker", psDocker)
		h.Write("hash", "h1\n")
		h.Write("named", named)
		err := onHost(h).up(t.Context(), "sidecar", up, false)
		if err == nil || !strings.Contains(err.Error(), "would recreate service postgres") || !strings.Contains(err.Error(), "postgres:17 names another image") || strings.Contains(h.Read("log"), "up -d") {
			t.Errorf("%q: %v", named, err)
		}
	}
	h := shimhost.New(t)
	h.Shim("docker", psDocker)
	up.NoDeps = true
	if err := onHost(h).up(t.Context(), "sidecar", up, false); err != nil || len(h.Log()) != 1 || !strings.Contains(h.Log()[0], " --no-deps ") {
		t.Errorf("%v; %q", err, h.Log())
	}
	gone := shimhost.New(t)
	gone.Shim("docker", psDocker)
	up.NoDeps, up.Dependencies = false, []string{"gone"}
	gone.Shim("sleep", ":")
	if err := onHost(gone).up(t.Context(), "sidecar", up, false); err == nil || !strings.Contains(err.Error(), "service gone does not run") {
		t.Errorf("%v", err)
	}
}

// Trap C2: the password is proven by a login over the network, and travels in
// no argument.
func TestC2LoginTakesThePasswordByStandardInput(t *testing.T) {
	h := shimhost.New(t)
	h.Shim("docker", `printf '%s\n' "$*" >>"$SHIM/log"
shift 3
exec "$@"`)
	h.Shim("hostname", "echo 10.1.2.3 10.9.9.9")
	h.Shim("psql", `echo "psql $*" >>"$SHIM/log"
[ "$PGPASSWORD" = canary ] || { echo 'FATAL: password authentication failed' >&2; exit 2; }`)
	op := plan.Login{Container: "db", User: "u", Database: "d", File: h.Write("db_password", "canary")}
	if err := onHost(h).login(t.Context(), op); err != nil {
		t.Fatal(err)
	}
	log := h.Read("log")
	if strings.Contains(log, "canary") || !strings.Contains(log, "-h 10.1.2.3 -U u -d d") {
		t.Errorf("%s", log)
	}
	for _, bad := range []string{"other", ""} {
		h.Write("db_password", bad)
		if err := onHost(h).login(t.Context(), op); err == nil || !strings.Contains(err.Error(), "does not accept the password in") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
