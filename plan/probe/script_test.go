//go:build unix

package probe

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"liftalot/plan"
	"liftalot/plan/internal/shimhost"
	"liftalot/remote"
)

// docker answers as the recorded host's did, from files in $SHIM/docker. It
// writes its arguments to the log, so it must not be the one that is watched
// for writing.
const docker = `[ -z "$SHIM_LOG" ] || printf 'docker %s\n' "$*" >>"$SHIM/log"
cd "$SHIM/docker"
[ ! -e "fail.$1" ] || { echo "cannot connect to the docker daemon" >&2; exit 1; }
case $1 in
version) cat docker ;;
info) case $3 in *root*) cat info ;; *) echo /var/lib/docker ;; esac ;;
compose)
	case $* in
	"compose version --short") cat compose ;;
	"compose ls -q") echo chatalot ;;
	*"config --hash"*) cat hashes ;;
	*"config --format json") cat model; echo 'level=warning msg="not set"' >&2 ;;
	*) exit 64 ;;
	esac ;;
ps)
	command -p awk -F'\t' '$1 != "" { print $1 "\t=chatalot\t=False\t=" $2 "\t=" $3 "\t=" $4 "\t=" $5 "\tUp 2 minutes\tserver-" NR }' stacks
	command -p awk -F'\t' '$1 != "" { print $1 "\t=" $2 "\t=False\t=chatalot\t=\t=\t=\tUp 2 minutes\tdatabase" }' database ;;
inspect)
	case $3 in
	'{"id":'*) cat everyone 2>/dev/null || : ;;
	*State.Pid*) echo "pid c1 $PPID"; [ ! -e binds ] || cat binds ;;
	*Config.Env*) cat env ;;
	*Config.Image*) sed -n 's/^ *"Image": "\([^"]*\)",*$/\1/p' containers | grep -v ^sha256 | sed 's/^/i1 /' ;;
	*) cat containers ;;
	esac ;;
network) [ "$2" = ls ] && echo n1 || cat networks ;;
volume) sed 's/.*/{"name":"&","project":"chatalot","key":""}/' volumes ;;
image)
	case $* in
	*"{{.Id}} "*)
		shift 4
		for ref; do
			[ "$ref" != "$(cat moved 2>/dev/null)" ] || { echo sha256:pulled; continue; }
			command -p awk -v ref="\"$ref\"," '$1 == "\"Image\":" { of = $2 } /compose.image"/ && of == ref { gsub(/[",]/, "", $2); print $2 }' containers | head -n 1 | grep . || exit 1
		done ;;
	*) cat images ;;
	esac ;;
exec)
	case $* in
	*api/health*) cat health ;;
	*version.json*) cat web ;;
	*updates/status*) cat updates ;;
	*server_version_num*) cat dbfacts ;;
	*_sqlx_migrations*) cat migrations ;;
	*) exit 64 ;;
	esac ;;
*) exit 64 ;;
esac`

// recordedHost is a host in a folder that looks like a recorded one: its docker
// answers so, its files are there.
func recordedHost(t testing.TB, name string) (*shimhost.Host, string) {
	t.Helper()
	h := shimhost.New(t)
	h.Shim("docker", docker)
	dir := h.Path("srv", "chatalot")
	text := strings.ReplaceAll(string(recording(t, name)), "/srv/chatalot", dir)
	parts, err := split(recordedMarker, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		h.Write("docker/"+p.name, string(p.out))
	}
	h.Write("docker/stacks", partOf(parts, "chosen")+"\n")
	h.Write("docker/env", strings.Join(envOf(t, parts), "\n")+"\n")
	for i, line := range lines([]byte(partOf(parts, "files"))) {
		path, _, _ := strings.Cut(line, "\t")
		inside(t, h, path, partOf(parts, "file."+strconv.Itoa(i)))
	}
	for _, line := range lines([]byte(partOf(parts, "secrets"))) {
		f := strings.Split(line, "\t")
		st, err := parseStat(f[1])
		if err != nil {
			t.Fatal(err)
		}
		if st.dir {
			inside(t, h, f[0]+"/.made", "")
		} else {
			inside(t, h, f[0], secretLike(f[2], st.size))
		}
		if err := os.Chmod(f[0], st.mode.Perm()); err != nil {
			t.Fatal(err)
		}
	}
	return h, dir
}

func inside(t testing.TB, h *shimhost.Host, path, data string) {
	t.Helper()
	rel, err := filepath.Rel(h.Dir, path)
	if err != nil {
		t.Fatal(err)
	}
	h.Write(rel, data)
}

// secretLike makes up a content of the recorded kind and size.
func secretLike(kind string, size int64) string {
	fill := "s"
	if strings.Contains(kind, "h") {
		fill = "a"
	}
	s := strings.Repeat(fill, int(size))
	if strings.Contains(kind, "n") {
		s = s[:len(s)-1] + "\n"
	}
	return s
}

func partOf(parts []part, name string) string {
	for _, p := range parts {
		if p.name == name {
			return string(p.out)
		}
	}
	return ""
}

// envOf is the server's environment, which the recorded inspect holds.
func envOf(t testing.TB, parts []part) []string {
	t.Helper()
	env := regexp.MustCompile(`"((?:DATABASE_URL|LISTEN_ADDR)=[^"]*)"`).FindAllStringSubmatch(partOf(parts, "containers"), -1)
	var out []string
	for _, m := range env {
		if !strings.Contains(m[1], "__DB_PASSWORD__") {
			out = append(out, m[1])
		}
	}
	if len(out) < 2 {
		t.Fatalf("the recording lacks the server's environment: %q", out)
	}
	return out
}

// shells are what /bin/sh is on servers.
func shells(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for name, argv := range map[string][]string{"dash": {"dash"}, "bash": {"bash", "--posix"}, "busybox": {"busybox", "sh"}} {
		if _, err := exec.LookPath(argv[0]); err != nil {
			t.Logf("NOT RUN under %s: %v", name, err)
			continue
		}
		all[name] = argv
	}
	return all
}

// The script, run by real shells, sees on a host like the recorded one what the
// recording says.
func TestTheScriptSeesTheSameUnderEveryShell(t *testing.T) {
	for shell, argv := range shells(t) {
		for _, name := range []string{"traefik", "staged"} {
			t.Run(shell+"/"+name, func(t *testing.T) {
				t.Parallel()
				h, dir := recordedHost(t, name)
				h.Shell = argv
				want, err := look(t, recording(t, name))
				if err != nil {
					t.Fatal(err)
				}
				got, err := Gather(t.Context(), h, Options{Host: "web1", DiskPaths: plan.DiskPaths()})
				if err != nil {
					t.Fatal(err)
				}
				if len(got.Failures) > 0 || got.Machine.Tools["stat"] == "" || got.Machine.Clock.IsZero() {
					t.Errorf("failures %+v, machine %+v", got.Failures, got.Machine)
				}
				if len(got.Disks) != 4 || got.Disks[0].Free <= 0 || got.Disks[0].Path != plan.BackupRoot {
					t.Errorf("disks %+v", got.Disks)
				}
				if diff := cmp.Diff(comparable(want, "/srv/chatalot"), comparable(got, dir)); diff != "" {
					t.Errorf("(-recorded +seen):\n%s", diff)
				}
			})
		}
	}
}

// comparable leaves out what belongs to the machine of the test.
func comparable(f *plan.Facts, dir string) plan.Facts {
	c := *f
	c.Machine, c.Disks, c.Model, c.Resources = plan.Machine{}, nil, nil, plan.HostResources{}
	c.Files, c.Secrets, c.Services = slices.Clone(f.Files), slices.Clone(f.Secrets), slices.Clone(f.Services)
	for i := range c.Services {
		c.Services[i].Inspect = nil // whole, and so with the folders of either
	}
	for i := range c.Files {
		x := &c.Files[i]
		x.UID, x.GID, x.Mode, x.Data, x.SHA256, x.Size = 0, 0, 0, nil, "", 0
		x.Path, x.Real = strings.Replace(x.Path, dir, "D", 1), strings.Replace(x.Real, dir, "D", 1)
	}
	for i := range c.Secrets {
		x := &c.Secrets[i]
		x.UID, x.GID, x.SHA256 = 0, 0, ""
		x.Path = strings.Replace(x.Path, dir, "D", 1)
		if x.Dir {
			x.Size = 0
		}
	}
	c.Project.WorkingDir = strings.Replace(c.Project.WorkingDir, dir, "D", 1)
	c.Project.Files = slices.Clone(f.Project.Files)
	for i := range c.Project.Files {
		c.Project.Files[i] = strings.Replace(c.Project.Files[i], dir, "D", 1)
	}
	return c
}

// Promise 1: the look runs nothing but what "check --commands" lists.
func TestTheScriptRunsOnlyWhatIsListed(t *testing.T) {
	h, _ := recordedHost(t, "traefik")
	listed := Commands()
	programs, _, _ := strings.Cut(listed[0], " (")
	h.Through(strings.Split(programs, ", ")...)
	h.Alone = true
	h.Shell = []string{"/bin/sh"}
	h.Env = []string{"SHIM_LOG=1"}
	f, err := Gather(t.Context(), h, Options{Host: "web1", DiskPaths: plan.DiskPaths()})
	if err != nil {
		t.Fatal(err)
	}
	// A program that is not listed would not have been found.
	if len(f.Failures) > 0 || f.Project.Name != "chatalot" || len(f.Secrets) == 0 || len(f.Disks) == 0 {
		t.Fatalf("failures %+v; secrets %d, disks %d", f.Failures, len(f.Secrets), len(f.Disks))
	}
	allowed := regexp.MustCompile(`^docker (version|info|ps|inspect|network ls|network inspect|volume ls|image inspect|compose version|compose ls -q) ?|` +
		`^docker compose -p .* config --(format json|hash \*)$|` +
		`^docker exec [0-9a-f]+ curl -sS -m 10 -w \\n%\{http_code\} http://127\.0\.0\.1:8080/(api/health|version\.json|api/admin/updates/status)$|` +
		`^docker exec [0-9a-f]+ psql -X .* -c select [^;]*$`)
	n := 0
	for _, call := range h.Log() {
		if strings.HasPrefix(call, "docker ") {
			n++
			if !allowed.MatchString(call) {
				t.Errorf("not listed: %q", call)
			}
		}
	}
	if n < 20 {
		t.Errorf("only %d calls of docker were seen", n)
	}
	for _, word := range []string{"version", "info", "ps", "inspect", "network ls", "network inspect", "volume ls", "image inspect", "compose version", "compose config", "exec SERVER curl", "exec DATABASE psql"} {
		if !strings.Contains(strings.Join(listed[1:], "\n"), "docker "+word) {
			t.Errorf("docker %s is run and not listed", word)
		}
	}
}

// Promise 1, as the kernel sees it: no file is opened for writing, none made,
// renamed, removed or given another mode.
func TestTheScriptWritesNothing(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil || exec.Command(strace, "-f", "-o", os.DevNull, "true").Run() != nil {
		if os.Getenv("LIFTALOT_REQUIRE_STRACE") == "1" {
			t.Fatalf("strace is required and does not run: %v", err)
		}
		t.Skip("NOT RUN: strace is absent or not allowed here, so nobody watched the script's system calls")
	}
	h, dir := recordedHost(t, "public")
	trace := filepath.Join(t.TempDir(), "trace")
	h.Wrap = []string{strace, "-f", "-qq", "-o", trace, "-e", watched}
	before := treeOf(t, dir)
	if _, err := Gather(t.Context(), h, Options{Host: "web1", DiskPaths: plan.DiskPaths()}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, treeOf(t, dir)); diff != "" {
		t.Errorf("the client's folder is not as before:\n%s", diff)
	}
	data, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	reads := regexp.MustCompile(`O_RDONLY|"/dev/(null|tty)"|ENOENT|^\d+ +(\+\+\+|---)`)
	calls := 0
	for line := range strings.SplitSeq(string(data), "\n") {
		calls++
		if line != "" && !reads.MatchString(line) && !strings.Contains(line, "resumed>") {
			t.Errorf("%s", line)
		}
	}
	if calls < 100 {
		t.Errorf("only %d calls were seen", calls)
	}
}

// watched are the system calls that can change a file system; "?" is for those
// that not every architecture has.
const watched = "trace=openat,unlinkat,mkdirat,fchmod,fchown,ftruncate,?open,?creat,?mkdir,?unlink,?rename,?renameat,?renameat2," +
	"?link,?linkat,?symlink,?symlinkat,?chmod,?fchmodat,?fchmodat2,?chown,?lchown,?fchownat,?truncate,?utimensat,?mknod,?mknodat"

// treeOf tells path, mode, size and time of everything below a folder.
func treeOf(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil {
			out = append(out, fmt.Sprint(path, info.Mode(), info.Size(), info.ModTime()))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestWhichStackIsChosen(t *testing.T) {
	const other = "ffff\tother\t/opt/other\t/opt/other/compose.yml\t\n"
	for _, tt := range []struct {
		name, dir, stacks string
		project           string
		others            int
	}{
		{"the only one", "", "", "chatalot", 0},
		{"by its folder", "D", other, "chatalot", 1},
		{"by a folder's other name", "link", other, "chatalot", 1},
		{"the other", "/opt/other", other, "other", 1},
		{"two and no word", "", other, "", 2},
		{"a wrong folder", "/srv/wrong", "", "", 1},
		{"two of the same", "", "scaled", "chatalot", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h, dir := recordedHost(t, "public")
			if tt.stacks == "scaled" {
				tt.stacks = "eeee" + strings.TrimPrefix(h.Read("docker/stacks"), h.Read("docker/stacks")[:4])
			}
			h.Write("docker/stacks", h.Read("docker/stacks")+tt.stacks)
			switch tt.dir {
			case "D":
				tt.dir = dir
			case "link":
				tt.dir = h.Path("link")
				if err := os.Symlink(dir, tt.dir); err != nil {
					t.Fatal(err)
				}
			}
			f, err := Gather(t.Context(), h, Options{Host: "web1", ComposeDir: tt.dir})
			if err != nil {
				t.Fatal(err)
			}
			if f.Project.Name != tt.project || len(f.Others) != tt.others || f.Project.Service != "chatalot" {
				t.Errorf("project %+v, others %+v", f.Project, f.Others)
			}
		})
	}
}

func TestNoStackAtAll(t *testing.T) {
	h, _ := recordedHost(t, "public")
	h.Write("docker/stacks", "")
	f, err := Gather(t.Context(), h, Options{})
	if err != nil || f.Project.Name != "" || len(f.Others) != 0 || f.Docker.Version == "" {
		t.Errorf("%+v, %v", f.Project, err)
	}
}

// A dead engine, a stopped server, a folder with surprises: what can be seen is.
func TestTheScriptGoesOnWhereSomethingFails(t *testing.T) {
	t.Run("no engine", func(t *testing.T) {
		h, _ := recordedHost(t, "public")
		for _, what := range []string{"version", "info", "ps", "inspect", "compose"} {
			h.Write("docker/fail."+what, "")
		}
		f, err := Gather(t.Context(), h, Options{})
		if err != nil || failure(f, "docker") == "" || f.Machine.Arch == "" {
			t.Errorf("%+v, %v", f.Failures, err)
		}
	})
	t.Run("exec fails", func(t *testing.T) {
		h, _ := recordedHost(t, "public")
		h.Write("docker/fail.exec", "")
		f, err := Gather(t.Context(), h, Options{})
		if err != nil || failure(f, "health") == "" || failure(f, "dbfacts") == "" || failure(f, "migrations") == "" || f.Health.Asked || f.Model == nil {
			t.Errorf("%+v, %v", f.Failures, err)
		}
	})
	t.Run("the folder", func(t *testing.T) {
		h, dir := recordedHost(t, "public")
		inside(t, h, dir+"/docker-compose.override.yml", "services: {}\n")
		inside(t, h, dir+"/.git/HEAD", "ref\n")
		inside(t, h, dir+"/secrets/updater_token", strings.Repeat("aB", 32)+"\n")
		inside(t, h, dir+"/secrets/db_password", " \n\t")
		inside(t, h, dir+"/secrets/with blank", "x")
		h.Write("etc/keys/jwt", "")
		if err := os.Symlink("keys", h.Path("etc/linked")); err != nil {
			t.Fatal(err)
		}
		h.Write("docker/binds", "bind "+h.Path("etc/linked")+"\nbind "+h.Path("etc/keys")+"\n")
		if err := os.Remove(dir + "/.env"); err != nil {
			t.Fatal(err)
		}
		f, err := Gather(t.Context(), h, Options{})
		if err != nil {
			t.Fatal(err)
		}
		token, _ := f.Secret("updater_token")
		blank, _ := f.Secret("db_password")
		spaced, ok := f.Secret("with blank")
		if !token.Hex64 || !token.Newline || token.Blank || !blank.Blank || blank.Hex64 || !ok || spaced.Size != 1 {
			t.Errorf("token %+v, password %+v, %+v", token, blank, spaced)
		}
		if to := f.Resources.Real[h.Path("etc/linked")]; to != h.Path("etc/keys") || len(f.Resources.Users) != 1 || f.Resources.Users["c1"].UID != os.Getuid() {
			t.Errorf("%+v", f.Resources)
		}
		if !f.Project.Git || !slices.Equal(f.Project.Loose, []string{"docker-compose.override.yml"}) || !f.Files[1].Missing || f.Files[0].Missing {
			t.Errorf("%+v, files %+v", f.Project, f.Files)
		}
	})
	t.Run("links", func(t *testing.T) {
		h, dir := recordedHost(t, "public")
		link := func(to, at string) {
			t.Helper()
			if err := os.Symlink(to, at); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.RemoveAll(dir + "/secrets"); err != nil {
			t.Fatal(err)
		}
		h.Write("etc/keys/jwt", strings.Repeat("ab", 32))
		h.Write("etc/secrets/own", "x\n")
		link("../keys/jwt", h.Path("etc/secrets/jwt"))
		link("../keys/gone", h.Path("etc/secrets/gone"))
		link("../keys", h.Path("etc/secrets/folder"))
		h.Write("etc/secrets/old/own", "y\n")
		link("moved", h.Path("etc/secrets/old/deep"))
		link("me@here.1:2", h.Path("etc/secrets/.#own")) // the lock of an editor
		link("me@here.1:2", h.Path("etc/secrets/old/.#own"))
		link("../secrets", h.Path("etc/secrets/circle"))
		link("ring", h.Path("etc/secrets/ring"))
		link("ring2", h.Path("etc/secrets/old/ring2"))
		link(h.Path("etc/secrets"), dir+"/secrets")
		seen := func() map[string]plan.Secret {
			t.Helper()
			f, err := Gather(t.Context(), h, Options{})
			if err != nil || len(f.Failures) > 0 {
				t.Fatalf("%+v, %v", f.Failures, err)
			}
			all := map[string]plan.Secret{}
			for _, s := range f.Secrets {
				all[s.Name] = s
			}
			return all
		}
		all := seen()
		if s := all["secrets"]; !s.Dir || !s.Link || s.Broken {
			t.Errorf("%+v", s)
		}
		if s := all["jwt"]; !s.Link || s.Broken || !s.Hex64 || s.Size != 64 {
			t.Errorf("%+v", s)
		}
		if s := all["gone"]; !s.Link || !s.Broken || !s.Blank {
			t.Errorf("%+v", s)
		}
		if s := all["deep"]; !s.Broken || s.Path != dir+"/secrets/old/deep" {
			t.Errorf("%+v", s)
		}
		if s, ok := all["own"]; !ok || s.Link || s.Broken || s.Blank || len(all) != 7 || !all["ring"].Broken || !all["ring2"].Broken {
			t.Errorf("%+v in %+v", s, all)
		}
		// A folder that is not mounted is not the same as none.
		if err := os.RemoveAll(h.Path("etc/secrets")); err != nil {
			t.Fatal(err)
		}
		if s := seen()["secrets"]; s.Dir || !s.Broken {
			t.Errorf("%+v", s)
		}
	})
	t.Run("secrets elsewhere", func(t *testing.T) {
		h, dir := recordedHost(t, "public")
		open, shut := h.Path("open"), h.Path("shut")
		h.Write("open/token", "x")
		h.Write("shut/in/token", "x")
		for folder, mode := range map[string]fs.FileMode{h.Dir: 0o755, filepath.Dir(h.Dir): 0o755, open: 0o755, shut: 0o700, shut + "/in": 0o755} {
			if err := os.Chmod(folder, mode); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink(shut+"/in/token", open+"/link"); err != nil {
			t.Fatal(err)
		}
		model := h.Read("docker/model")
		for i, at := range []string{open + "/token", open + "/missing", open + "/link", shut + "/in/token", shut + "/in/missing", shut + "/no/folder", "/at-the-root"} {
			model = strings.Replace(model, "\n", fmt.Sprintf("\n  \"x-%d\": {\n    \"file\": \"%s\"\n  },\n", i, at), 1)
		}
		h.Write("docker/model", model)
		f, err := Gather(t.Context(), h, Options{})
		if err != nil || len(f.Failures) > 0 {
			t.Fatalf("%+v, %v", f.Failures, err)
		}
		if want := []string{"/at-the-root", open + "/missing", open + "/token"}; !slices.Equal(f.Exposed, want) {
			t.Errorf("%q; want %q (project in %s)", f.Exposed, want, dir)
		}
		if want := []string{shut + "/no/folder"}; !slices.Equal(f.Unplaced, want) {
			t.Errorf("%q; want %q", f.Unplaced, want)
		}
	})
	t.Run("a tag that was moved", func(t *testing.T) {
		h, _ := recordedHost(t, "public")
		h.Write("docker/moved", "postgres:17")
		f, err := Gather(t.Context(), h, Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range f.Services {
			if k.Retagged != (k.Service == "postgres") {
				t.Errorf("%s runs %s: moved %v", k.Service, k.Image, k.Retagged)
			}
		}
	})
	t.Run("no model", func(t *testing.T) {
		h, _ := recordedHost(t, "public")
		h.Write("docker/model", "")
		if f, err := Gather(context.Background(), h, Options{}); err != nil || f.Model != nil || failure(f, "model") == "" {
			t.Errorf("%+v, %v", f.Failures, err)
		}
	})
}

// Case 21: where containerd keeps the images, room for them is looked for in its folder,
// unless it is the engine's own containerd.
func TestCase21ContainerdRoot(t *testing.T) {
	h, _ := recordedHost(t, "public")
	h.Write("docker/info", `{"root":"/var/lib/docker","security":[],"driver":[["driver-type","io.containerd.snapshotter.v1"]]}`+"\n")
	socket, err := net.Listen("unix", h.Path("containerd.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	for engines, want := range map[string]string{h.Path("containerd.sock"): "", h.Path("none"): "/var/lib/containerd"} {
		f, err := Gather(t.Context(), containerdAt{h, engines}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := f.DiskFor("/var/lib/containerd"); f.Docker.Images != want || ok != (want != "") {
			t.Errorf("images in %q, disks %v", f.Docker.Images, f.Disks)
		}
	}
}

// containerdAt has the engine's containerd listen elsewhere than that of this machine.
type containerdAt struct {
	*shimhost.Host
	socket string
}

func (c containerdAt) Run(ctx context.Context, cmd remote.Command) (remote.Result, error) {
	cmd.Script = strings.ReplaceAll(cmd.Script, "/run/docker/containerd/containerd.sock", c.socket)
	return c.Host.Run(ctx, cmd)
}
