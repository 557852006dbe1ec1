//go:build unix

package backup

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"liftalot/plan"
	"liftalot/plan/internal/shimhost"
	"liftalot/remote"
)

// docker has one database. Like the real one, pg_restore finds a cut only by
// reading on.
const docker = `printf '%s\n' "$*" >>"$SHIM/log"
case $* in
*"pg_dump --version"*) echo "pg_dump (PostgreSQL) $(cat "$SHIM/major").2 (Debian)" ;;
*pg_dump*zstd*) [ ! -e "$SHIM/nozstd" ] || { echo 'pg_dump: error: this build does not support compression with zstd' >&2; exit 1; }; cat "$SHIM/archive" ;;
*pg_dump*) cat "$SHIM/archive"; [ ! -e "$SHIM/fail.dump" ] || { echo 'pg_dump: error: connection lost' >&2; exit 1; } ;;
*"pg_restore -f /dev/null"*) cmp -s - "$SHIM/archive" || { echo 'pg_restore: error: could not read from input file: end of file' >&2; exit 1; } ;;
save*) echo image ;;
ps*-aq*) echo 0123 ;;
ps*) echo '{"Names":"x"}' ;;
inspect*-f*) echo sha256:old ;;
inspect*) echo '[{"Id":"0123"}]' ;;
"image inspect"*) echo '[{"Id":"sha256:old"}]' ;;
*) exit 64 ;;
esac`

// shimOp is a backup of a host in a folder.
func shimOp(t *testing.T) (*shimhost.Host, plan.Backup) {
	t.Helper()
	h := shimhost.New(t)
	h.Shim("docker", docker)
	h.Write("major", "15")
	h.Write("archive", recorded(t))
	h.Write("srv/secrets/token", "t0ken")
	b := op
	b.Dir, b.Secrets = h.Path("var", "backups", "b1"), h.Path("srv", "secrets")
	b.Files = []string{h.Write("srv/docker-compose.yml", "services: {}\n"), h.Write("srv/with blank.env", "A=1\n")}
	return h, b
}

// below is the host with its folder for jobs beneath its own.
type below struct{ *shimhost.Host }

func (b below) Run(ctx context.Context, cmd remote.Command) (remote.Result, error) {
	cmd.Args = slices.Clone(cmd.Args)
	for i, arg := range cmd.Args {
		if rest, ok := strings.CutPrefix(arg, plan.RunRoot); ok {
			cmd.Args[i] = b.Path("var", "lib", "liftalot") + rest
		}
	}
	return b.Host.Run(ctx, cmd)
}

func takeFrom(t *testing.T, h *shimhost.Host, b plan.Backup, dir string) (*Manifest, error) {
	t.Helper()
	return creator(below{h}).Create(t.Context(), Request{Backup: b}, dir)
}

func TestTheScriptTakesTheRunbooksBackup(t *testing.T) {
	h, b := shimOp(t)
	dir := t.TempDir()
	if err := os.Chmod(b.Files[0], 0o640); err != nil {
		t.Fatal(err)
	}
	m, err := takeFrom(t, h, b, dir)
	if err != nil {
		t.Fatal(err)
	}
	if m.Tables != 5 || m.Migration != 51 || len(m.Files) != 6 {
		t.Errorf("%+v", m)
	}
	data, err := Read(dir, b.Files[1], testKey())
	if err != nil || string(data) != "A=1\n" {
		t.Errorf("%q, %v", data, err)
	}
	record, _ := m.File("inspect.json")
	if data, err := m.bytes(dir, record, testKey()); err != nil || string(data) != `{"containers":[{"Id":"0123"}]`+"\n"+`,"images":[{"Id":"sha256:old"}]`+"\n}\n" {
		t.Errorf("what ran is on record as %q, %v", data, err)
	}
	// On the host, for the runbook's own rollback: everything, and closed.
	if got := h.Read("var/backups/b1/secrets/token"); got != "t0ken" {
		t.Errorf("the copy of the secrets holds %q", got)
	}
	for name, want := range map[string]os.FileMode{".": 0o700, "db.dump": 0o600, "secrets.tar": 0o600, "file.0": 0o640} {
		if info, err := os.Stat(filepath.Join(b.Dir, name)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want %04o", name, info.Mode(), err, want)
		}
	}
}

// A backup of links would be lost with the server.
func TestTheScriptTakesWhatLinksLeadTo(t *testing.T) {
	h, b := shimOp(t)
	h.Write("etc/chatalot/secrets/jwt", "jw7")
	h.Write("etc/keys/totp", "t07p")
	link := func(to, at string) {
		t.Helper()
		if err := os.Symlink(to, at); err != nil {
			t.Fatal(err)
		}
	}
	link("../../keys/totp", h.Path("etc/chatalot/secrets/totp"))
	link("../../keys", h.Path("etc/chatalot/secrets/all"))
	if err := os.RemoveAll(b.Secrets); err != nil {
		t.Fatal(err)
	}
	link("../etc/chatalot/secrets", b.Secrets)
	dir := t.TempDir()
	m, err := takeFrom(t, h, b, dir)
	if err != nil {
		t.Fatal(err)
	}
	f, _ := m.File("secrets.tar")
	data, err := m.bytes(dir, f, testKey())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for r := tar.NewReader(bytes.NewReader(data)); ; {
		head, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if head.Typeflag == tar.TypeSymlink {
			t.Errorf("%s is a link", head.Name)
		}
		got[head.Name] = string(text)
	}
	if got["secrets/jwt"] != "jw7" || got["secrets/totp"] != "t07p" || got["secrets/all/totp"] != "t07p" {
		t.Errorf("%q", got)
	}

	// What cannot be taken is no backup, and is named.
	if out, err := exec.Command("sh", "-c", `mkdir "$1" && cd "$1" && seq 5001 | xargs touch`, "sh", h.Path("etc", "tree")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, tt := range []struct{ name, to, want string }{
		{"everything", "../../tree", "is no folder of secrets"},
		{"heavy", "../../keys", "is no folder of secrets"},
	} {
		if tt.name == "heavy" {
			h.Shim("du", `[ "$1" = -skL ] && printf '262145\t%s\n' "$2"`)
		}
		at := h.Path("etc/chatalot/secrets", tt.name)
		link(tt.to, at)
		b.Dir = h.Path("var", "backups", tt.name)
		var unproven *UnprovenError
		if _, err := takeFrom(t, h, b, t.TempDir()); !errors.As(err, &unproven) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want %q", tt.name, err, tt.want)
		}
		if err := os.Remove(at); err != nil {
			t.Fatal(err)
		}
	}
}

// An editor's lock, what was moved away and a circle have nothing that could be lost, and
// stop no backup. All else that cp cannot take does, and before the dump.
func TestTheScriptPassesOverLinksThatLeadNowhere(t *testing.T) {
	for _, tools := range []string{"", "busybox"} {
		if _, err := exec.LookPath(tools); tools != "" && err != nil {
			t.Logf("NOT RUN with the tools of %s: %v", tools, err)
			continue
		}
		cp, err := exec.LookPath("cp")
		if err != nil {
			t.Fatal(err)
		}
		if tools != "" {
			cp = "busybox cp"
		}
		h, b := shimOp(t)
		for _, name := range []string{"cp", "find", "du", "grep"} {
			if tools != "" {
				h.Shim(name, "exec "+tools+" "+name+` "$@"`)
			}
		}
		h.Write("etc/keys/totp", "t07p")
		h.Write("srv/secrets/old/jwt", "jw7")
		for at, to := range map[string]string{
			".#token": "me@here.1:2", "old/gone": "../../keys/gone", "loop": "../secrets", "itself": "itself",
			"old/all": h.Path("etc", "keys"), "zone": "old",
		} {
			if err := os.Symlink(to, filepath.Join(b.Secrets, at)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := takeFrom(t, h, b, t.TempDir()); err != nil {
			t.Fatalf("%s: %v", tools, err)
		}
		for name, want := range map[string]string{"token": "t0ken", "old/jwt": "jw7", "old/all/totp": "t07p", "zone/all/totp": "t07p"} {
			if got := h.Read("var/backups/b1/secrets/" + name); got != want {
				t.Errorf("%s: %s holds %q, want %q", tools, name, got, want)
			}
		}

		// Case 29: uutils' words are others, and so are those of the next cp. Only what was
		// copied tells, and what was not is named before any dump.
		h.Shim("cp", "CP='"+cp+"'"+`; $CP "$@" 2>/dev/null; s=$?; [ "$1" = -RLp ] || exit $s; echo "cp: IO error for operation on $2: Kein Anschluss (os error 2)" >&2; exit 1`)
		b.Dir = h.Path("var", "backups", "words")
		if _, err := takeFrom(t, h, b, t.TempDir()); err != nil {
			t.Errorf("%s: %v", tools, err)
		}
		for name, body := range map[string]string{
			"missing": `$CP "$@"; s=$?; [ "$1" = -RLp ] || exit $s; rm "$3/old/jwt"; exit 1`,
			"half":    `$CP "$@"; s=$?; [ "$1" = -RLp ] || exit $s; printf j >"$3/old/jwt"; exit 1`,
		} {
			h.Shim("cp", "CP='"+cp+"'; "+body)
			b.Dir = h.Path("var", "backups", name)
			var unproven *UnprovenError
			if _, err := takeFrom(t, h, b, t.TempDir()); !errors.As(err, &unproven) || !strings.Contains(err.Error(), "jwt was not copied") {
				t.Errorf("%s, %s: %v", tools, name, err)
			}
			if n := strings.Count(h.Read("log"), "pg_dump -U"); n != 2 {
				t.Errorf("%s: %d dumps, one of them for nothing", tools, n)
			}
			if _, err := os.Stat(b.Dir); err == nil {
				t.Errorf("%s, %s: a copy of the secrets is left", tools, name)
			}
		}
	}
}

// R10: a try that fails, wherever, or is ended by its deadline, leaves nothing: neither half
// a dump on the disk of the live database nor a copy of the secrets. What is not ours stays.
func TestATryThatFailsLeavesNothing(t *testing.T) {
	for name, spoil := range map[string]func(h *shimhost.Host, b *plan.Backup){
		"the dump fails":    func(h *shimhost.Host, _ *plan.Backup) { h.Write("fail.dump", "") },
		"a file is missing": func(h *shimhost.Host, b *plan.Backup) { b.Files = append(b.Files, h.Path("srv", "gone.yml")) },
		"ended in mid-dump": func(h *shimhost.Host, _ *plan.Backup) {
			h.Shim("docker", `case $* in *"pg_dump -U"*) printf half; kill -TERM "$PPID"; sleep 0; exit 0 ;; esac
`+docker)
		},
	} {
		h, b := shimOp(t)
		spoil(h, &b)
		var unproven *UnprovenError
		if _, err := takeFrom(t, h, b, t.TempDir()); !errors.As(err, &unproven) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(b.Dir); !errors.Is(err, os.ErrNotExist) {
			left, _ := filepath.Glob(filepath.Join(b.Dir, "*"))
			t.Errorf("%s: left behind: %q", name, left)
		}
	}
	h, b := shimOp(t)
	h.Write("var/backups/b1/ran/record.json", "{}")
	h.Write("fail.dump", "")
	if _, err := takeFrom(t, h, b, t.TempDir()); err == nil || h.Read("var/backups/b1/ran/record.json") != "{}" || h.Has("var/backups/b1/secrets") {
		t.Errorf("%v", err)
	}
	// Without the fault that folder is in the backup.
	if err := os.Remove(h.Path("fail.dump")); err != nil {
		t.Fatal(err)
	}
	m, err := takeFrom(t, h, b, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := m.File("ran.tar"); !ok {
		t.Errorf("%+v", m.Files)
	}
	// A backup that was whole stays what it was when another look at it fails.
	h.Shim("docker", `case $* in *"pg_restore -f"*) exit 1 ;; esac
`+docker)
	if _, err := takeFrom(t, h, b, t.TempDir()); err == nil || !h.Has("var/backups/b1/db.dump") || !h.Has("var/backups/b1/sums") {
		t.Errorf("%v", err)
	}
}

// R12: whatever else the project names is taken where it is there, folders too, and what is
// not is named in the manifest with the reason.
func TestTheManifestNamesWhatIsLeftOut(t *testing.T) {
	h, b := shimOp(t)
	h.Write("srv/conf.d/a.conf", "a")
	h.Write("srv/big.conf", "b")
	h.Write("srv/many/x", "x")
	h.Shim("du", `case $2 in *big.conf) echo "262145	$2" ;; *many) echo "262145	$2" ;; *) echo "1	$2" ;; esac`)
	b.EnvFiles = []string{h.Path("srv", "gone.yml"), h.Path("srv", "conf.d"), h.Path("srv", "big.conf"), h.Path("srv", "many"), h.Write("srv/inc.yml", "services: {}\n")}
	b.Outside = []plan.Outside{{Name: "oci://registry/app", Why: "include of what is not on this host"}}
	dir := t.TempDir()
	m, err := takeFrom(t, h, b, dir)
	if err != nil {
		t.Fatal(err)
	}
	want := []Left{
		{"oci://registry/app", "include of what is not on this host"}, {b.EnvFiles[0], whyLeft["missing"]},
		{b.EnvFiles[2], whyLeft["large"]}, {b.EnvFiles[3], whyLeft["folder"]},
	}
	if !slices.Equal(m.Left, want) {
		t.Errorf("left out: %+v", m.Left)
	}
	if data, err := Read(dir, b.EnvFiles[4], testKey()); err != nil || string(data) != "services: {}\n" {
		t.Errorf("%q, %v", data, err)
	}
	if f, ok := m.Find(b.EnvFiles[1]); !ok || f.Name != "tree.3.tar" {
		t.Errorf("the folder is %+v", f)
	}
	if again, err := Load(dir); err != nil || !slices.Equal(again.Left, want) {
		t.Errorf("%+v, %v", again, err)
	}
}

// What a service's env_file names is copied where it is there, under its own place in
// the list; Compose takes some that are not.
func TestTheScriptTakesEnvFilesThatAreThere(t *testing.T) {
	h, b := shimOp(t)
	b.EnvFiles = []string{h.Path("srv", "gone.env"), h.Write("srv/smtp.env", "PASSWORD=p\n")}
	dir := t.TempDir()
	m, err := takeFrom(t, h, b, dir)
	if err != nil {
		t.Fatal(err)
	}
	if data, err := Read(dir, b.EnvFiles[1], testKey()); err != nil || string(data) != "PASSWORD=p\n" {
		t.Errorf("%q, %v", data, err)
	}
	if slices.ContainsFunc(m.Files, func(f File) bool { return f.Path == b.EnvFiles[0] }) {
		t.Errorf("%+v", m.Files)
	}
	// A compose file that is not there is another matter.
	h, b = shimOp(t)
	b.Files = append(b.Files, h.Path("srv", "gone.yml"))
	var unproven *UnprovenError
	if _, err := takeFrom(t, h, b, t.TempDir()); !errors.As(err, &unproven) {
		t.Errorf("%v", err)
	}
}

// Trap B1: nothing hides that pg_dump failed, though it had written something.
func TestB1ADumpThatFailsIsAFailure(t *testing.T) {
	h, b := shimOp(t)
	h.Write("fail.dump", "")
	var unproven *UnprovenError
	if _, err := takeFrom(t, h, b, t.TempDir()); !errors.As(err, &unproven) || !strings.Contains(err.Error(), "connection lost") {
		t.Fatalf("%v", err)
	}
	if _, err := os.Stat(filepath.Join(b.Dir, "sums")); err == nil {
		t.Error("the folder on the host counts as complete")
	}
	// With the cause gone the next try takes a new dump into the same folder.
	if err := os.Remove(h.Path("fail.dump")); err != nil {
		t.Fatal(err)
	}
	if _, err := takeFrom(t, h, b, t.TempDir()); err != nil {
		t.Errorf("again: %v", err)
	}
}

// Trap B1: a table of contents is no proof; it passes a truncated dump.
func TestB1ATruncatedArchiveIsFoundByReadingToItsEnd(t *testing.T) {
	h, b := shimOp(t)
	if _, err := takeFrom(t, h, b, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(b.Dir, "db.dump"), 8); err != nil {
		t.Fatal(err)
	}
	var unproven *UnprovenError
	if _, err := takeFrom(t, h, b, t.TempDir()); !errors.As(err, &unproven) || !strings.Contains(err.Error(), "end of file") {
		t.Errorf("%v", err)
	}
}

// A script that ran to its end and whose answer was lost is not a second dump.
func TestTheScriptAgainGivesTheSameBackup(t *testing.T) {
	h, b := shimOp(t)
	first, err := takeFrom(t, h, b, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	second, err := takeFrom(t, h, b, t.TempDir())
	if err != nil || strings.Count(h.Read("log"), "pg_dump -U") != 1 {
		t.Errorf("%v; %s", err, h.Read("log"))
	}
	for i := range first.Files {
		if first.Files[i].SHA256 != second.Files[i].SHA256 && first.Files[i].Name != "secrets.tar" {
			t.Errorf("%+v, then %+v", first.Files[i], second.Files[i])
		}
	}
}

func TestTheScriptWithoutASecretsFolder(t *testing.T) {
	h, b := shimOp(t)
	b.Secrets = ""
	if m, err := takeFrom(t, h, b, t.TempDir()); err != nil || len(m.Files) != 5 {
		t.Errorf("%+v, %v", m, err)
	}
}

// zlib where the server's pg_dump is too old or was built without zstd; but a
// dump that fails is never tried the other way.
func TestTheScriptPacksAsTheServerCan(t *testing.T) {
	for name, tt := range map[string]struct {
		major, without string
		want           int // calls with zstd, and without
	}{"15": {"15", "", 1}, "16": {"16", "", 10}, "17 without zstd": {"17", "nozstd", 11}} {
		h, b := shimOp(t)
		h.Write("major", tt.major)
		if tt.without != "" {
			h.Write(tt.without, "")
		}
		if _, err := takeFrom(t, h, b, t.TempDir()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		zstd := strings.Count(h.Read("log"), "--compress=zstd:3")
		if all := strings.Count(h.Read("log"), "pg_dump -U"); 10*zstd+all-zstd != tt.want {
			t.Errorf("%s: %d dumps, %d with zstd", name, all, zstd)
		}
	}
}

func TestTheScriptSavesTheImageWhereAsked(t *testing.T) {
	h, b := shimOp(t)
	m, err := creator(below{h}).Create(t.Context(), Request{Backup: b, Image: true}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := m.File("image.tar.gz"); !ok || !strings.Contains(h.Read("log"), "save sha256:old") {
		t.Errorf("%+v", m.Files)
	}
}

// Where the host lacks the room the dump is sent as it is made.
func TestTheDumpIsStreamed(t *testing.T) {
	h, b := shimOp(t)
	dir := t.TempDir()
	m, err := creator(below{h}).Create(t.Context(), Request{Backup: b, Stream: true}, dir)
	if err != nil {
		t.Fatal(err)
	}
	if f, ok := m.File(Dump); !ok || f.Size != int64(len(recorded(t))) || m.Taken.IsZero() || m.Rows["users"] != 20 {
		t.Errorf("%+v", m)
	}
	if _, err := os.Stat(filepath.Join(b.Dir, "db.dump")); err == nil {
		t.Error("there is a dump on the host")
	}
	h, b = shimOp(t)
	h.Write("fail.dump", "")
	var unproven *UnprovenError
	if _, err := creator(below{h}).Create(t.Context(), Request{Backup: b, Stream: true}, t.TempDir()); !errors.As(err, &unproven) || !strings.Contains(err.Error(), "connection lost") {
		t.Errorf("%v", err)
	}
}

// A disk here that is full is not a line that broke: to go on is of no use.
func TestAFullDiskIsNoBrokenLine(t *testing.T) {
	full := errors.New("no space left on device")
	k := creator(running(func(cmd remote.Command) error {
		_, err := io.WriteString(cmd.Stdout, "PGDMP")
		return fmt.Errorf("%s: %w: take output: %w", cmd.Name, remote.ErrUnknownOutcome, err)
	}))
	var unproven *UnprovenError
	err := k.pullError(Dump, k.dump(t.Context(), Request{}, writer(func([]byte) error { return full })))
	if !errors.As(err, &unproven) || remote.Transient(err) || !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
	err = k.pullError(Dump, k.dump(t.Context(), Request{}, io.Discard))
	if errors.As(err, &unproven) || !remote.Transient(err) {
		t.Errorf("the line: %v", err)
	}
}

// running makes a function a host.
type running func(cmd remote.Command) error

func (r running) Run(_ context.Context, cmd remote.Command) (remote.Result, error) {
	return remote.Result{}, r(cmd)
}

func TestTheScriptMissesAFile(t *testing.T) {
	h, b := shimOp(t)
	b.Files = append(b.Files, h.Path("srv", "gone.yml"))
	if _, err := takeFrom(t, h, b, t.TempDir()); err == nil {
		t.Error("a file that could not be copied is no failure")
	}
}

// The dump is read with its own standard input closed: docker exec would eat
// the rest of a script that comes that way.
func TestTheScriptLeavesItsInputAlone(t *testing.T) {
	for _, line := range strings.Split(createScript+streamScript, "\n") {
		if strings.Contains(line, "docker ") && !strings.HasPrefix(line, "#") && !strings.Contains(line, "<") {
			t.Errorf("%q", line)
		}
	}
}
