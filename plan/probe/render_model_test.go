//go:build unix

package probe

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"liftalot/plan"
	"liftalot/plan/internal/shimhost"
	"liftalot/remote"
)

// shimCompose tells what it was asked, and gives back the files it was told to read
// as the services of a model.
const shimCompose = `printf '%s\n' "$*" >>"$SHIM/log"
[ ! -e "$SHIM/refuses" ] || { echo "service chatalot: invalid" >&2; exit 15; }
shift
for a; do
	if [ "$before" = -f ]; then
		case $a in -) cat >"$SHIM/got.stdin" ;; *) cp "$a" "$SHIM/got.${a##*/}"; echo "$a" >>"$SHIM/paths" ;; esac
	fi
	before=$a
done
echo 'level=warning msg="variable is not set"' >&2
echo '{"name":"chatalot","services":{"chatalot":{"image":"x"}}}'`

func candidateHost(t *testing.T) (*shimhost.Host, plan.Project) {
	t.Helper()
	h := shimhost.New(t)
	h.Shim("docker", shimCompose)
	return h, plan.Project{Name: "chat", WorkingDir: h.Path("d"), Files: []string{h.Write("d/docker-compose.yml", "old\n"), h.Write("d/override.yml", "over\n")}}
}

// Trap C4: the same project, folder and file set as the running stack, and every
// profile. Trap C14: warnings on the way are no failure.
func TestCandidateAsksAboutTheWholeProjectWithEveryProfile(t *testing.T) {
	h, p := candidateHost(t)
	m, err := RenderModel(t.Context(), h, "web1", p, map[string][]byte{p.Files[0]: []byte("new\n")})
	if err != nil || !m.HasService("chatalot") {
		t.Fatal(err)
	}
	want := "compose -p chat --project-directory " + h.Path("d") + " -f - -f " + p.Files[1] + " --profile * config --format json"
	if got := h.Log(); len(got) != 1 || got[0] != want {
		t.Errorf("%q; want %q", got, want)
	}
	if h.Read("got.stdin") != "new\n" || h.Read("got.override.yml") != "over\n" || h.Read("d/docker-compose.yml") != "old\n" {
		t.Errorf("compose read %q and %q", h.Read("got.stdin"), h.Read("got.override.yml"))
	}
}

// Compose takes one file from standard input; several lie on the memory file
// system for the moment.
func TestCandidateOfSeveralFilesLeavesNothingBehind(t *testing.T) {
	needsMemory(t)
	files := func(p plan.Project) map[string][]byte {
		return map[string][]byte{p.Files[0]: []byte("new 0\nno end"), p.Files[1]: []byte("new 1: 'x\x00'\n")}
	}
	h, p := candidateHost(t)
	if _, err := RenderModel(t.Context(), h, "web1", p, files(p)); err != nil {
		t.Fatal(err)
	}
	if h.Read("got.0.yml") != "new 0\nno end" || h.Read("got.1.yml") != "new 1: 'x\x00'\n" || h.Read("got.override.yml") != "" {
		t.Errorf("compose read %q and %q", h.Read("got.0.yml"), h.Read("got.1.yml"))
	}
	for path := range strings.FieldsSeq(h.Read("paths")) {
		if !strings.HasPrefix(path, "/dev/shm/liftalot.") {
			t.Errorf("a candidate lay in %s", path)
		}
	}
	refusing, q := candidateHost(t)
	refusing.Write("refuses", "")
	var bad *RenderError
	if _, err := RenderModel(t.Context(), refusing, "web1", q, files(q)); !errors.As(err, &bad) {
		t.Error(err)
	}
	leftBehind(t, h)
	leftBehind(t, refusing)
}

// leftBehind fails the test when a folder that compose was pointed to is still
// there.
func leftBehind(t *testing.T, h *shimhost.Host) {
	t.Helper()
	folders := regexp.MustCompile(`/dev/shm/liftalot\.[A-Za-z0-9]+`).FindAllString(strings.Join(h.Log(), "\n"), -1)
	if len(folders) == 0 {
		t.Error("compose was pointed to no folder")
	}
	for _, dir := range folders {
		if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left behind: %v", dir, err)
		}
	}
}

// needsMemory skips a test that cannot run on a machine without the file system.
func needsMemory(t *testing.T) {
	t.Helper()
	if _, err := os.Lstat("/dev/shm"); err != nil {
		t.Skipf("NOT RUN: this machine has no memory file system at /dev/shm: %v", err)
	}
}

func TestCandidateIsInterruptedAndLeavesNothingBehind(t *testing.T) {
	needsMemory(t)
	h, _ := candidateHost(t)
	// The sham docker says that it is there and waits to be killed with the rest.
	h.Shim("docker", `echo "$*" >>"$SHIM/log"; mkfifo "$SHIM/never" && : >"$SHIM/started" && read -r x <"$SHIM/never"`)
	args := []string{"2", "1", "5", "1", "7", "--", "-p", "x", "-f", "@candidate.0", "-f", "@candidate.1", "config"}
	h.Terminate(t.Context(), remote.Command{Name: "ask", Script: renderScript, Args: args, Stdin: strings.NewReader("ab")}, "started")
	leftBehind(t, h)
}

func TestCandidateRefusedByCompose(t *testing.T) {
	h, p := candidateHost(t)
	h.Write("refuses", "")
	_, err := RenderModel(t.Context(), h, "web1", p, map[string][]byte{p.Files[1]: []byte("new\n")})
	var bad *RenderError
	if !errors.As(err, &bad) || bad.Message != "service chatalot: invalid" || !strings.HasPrefix(err.Error(), "web1: compose does not accept") {
		t.Errorf("%v", err)
	}
}

func TestCandidateOfAFileThatIsNotTheProjects(t *testing.T) {
	h, p := candidateHost(t)
	_, err := RenderModel(t.Context(), h, "web1", p, map[string][]byte{"/etc/passwd": []byte("x")})
	if err == nil || len(h.Log()) > 0 {
		t.Errorf("%v, ran %q", err, h.Log())
	}
	// A folder that is called like a file's place in the arguments is no file.
	p.WorkingDir = "/odd"
	if _, err := RenderModel(t.Context(), h, "web1", p, map[string][]byte{"/odd": []byte("x")}); err == nil {
		t.Error("the project's folder was taken for a file")
	}
}

func TestCandidatePassesALostLinkOn(t *testing.T) {
	_, p := candidateHost(t)
	r := &replay{said: nil, err: remote.ErrUnknownOutcome}
	if _, err := RenderModel(t.Context(), r, "web1", p, map[string][]byte{p.Files[0]: nil}); !errors.Is(err, remote.ErrUnknownOutcome) {
		t.Error(err)
	}
}
