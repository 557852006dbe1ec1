//go:build unix

package apply

import (
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"liftalot/plan"
	"liftalot/plan/internal/shamhost"
	"liftalot/remote"
)

// swapDocker is a docker with one server in it, whose image follows the compose
// file: "new" in it means the new one. What the new one is like stands in files.
const swapDocker = `cd "$SHAM"
printf '%s\n' "$*" >>log
has() { [ -e "$1" ]; }
case $* in
inspect*RestartCount*StartedAt*) cat id restarts 2>/dev/null | tr '\n' ' ' ;;
inspect*RestartCount*) cat restarts ;;
"inspect -f {{.Image}} talk") cat image ;;
inspect*) has gone.new || echo sha256:new ;;
"image inspect"*) ! has gone.old ;;
*"curl -s -m 4 http://127.0.0.1:9000/api/health"*)
	has stopped && exit 7
	cat "health.$(cat image)"
	! has soaked || echo '{"status":"degraded"}' >health.sha256:new ;;
*psql*)
	n=$(cat deaf 2>/dev/null)
	if [ "${n:-0}" -gt 0 ] && grep -q "$(cat deaf.on)" image; then echo $((n - 1)) >deaf; exit 2; fi
	cat migrations ;;
*pg_dump*) has fail.dump && { echo 'pg_dump: error: connection lost' >&2; exit 1; }; echo archive ;;
*pg_restore*) cat >/dev/null; ! has fail.restore ;;
*"kill "*) : >killed ;;
*" sh -c "*) cat probe ;;
stop*) : >stopped ;;
start*) rm -f stopped ;;
tag*) has fail.tag && exit 1; : >tagged ;;
logs*) echo 'panic: of the new server' ;;
compose*)
	if grep -q new compose.yml; then
		has fail.up && { echo 'no such network' >&2; exit 1; }
		cat becomes >image; : >id; echo 2 >id
		has migrated && echo 52 >migrations
		has loops && echo 3 >restarts
	else
		has fail.back && exit 1
		echo sha256:old >image; echo 3 >id; echo 0 >restarts
	fi
	rm -f stopped ;;
*) echo "unexpected: $*" >&2; exit 64 ;;
esac`

const (
	oldFile = "services: {talk: {build: .}}\n"
	newFile = "services: {talk: {image: new}}\n"
	healthy = `{"status": "ok", "version": "0.24.6", "db_healthy": true}`
)

// swapHost is a host on the eve of a swap: everything is in place. Its clock is
// a file, and sleeping moves it on, ten times as fast as it says.
func swapHost(t *testing.T) *shamhost.Host {
	t.Helper()
	h := shamhost.New(t)
	h.Shim("docker", swapDocker)
	h.Shim("sleep", `awk -v s="$1" '{printf "%.2f %s\n", $1 + s * 10, $2}' "$SHAM/uptime" >"$SHAM/uptime.new" && mv "$SHAM/uptime.new" "$SHAM/uptime"`)
	h.Shim("sync", ":")
	for name, data := range map[string]string{
		"uptime": "1000.00 1\n", "image": "sha256:old\n", "id": "1\n", "restarts": "0\n", "migrations": "51\n", "becomes": "sha256:new\n",
		"health.sha256:old": `{"status":"ok","version":"0.17.0","db_healthy":true}`, "health.sha256:new": healthy,
		"compose.yml": newFile, "backup/file.0": oldFile, "work/.made": "",
		"probe": "1000.00 1\n1000.10 1\n1000.20 0\n1002.20 0\n1002.30 1\n1002.40 1\n",
	} {
		h.Write(name, data)
	}
	if err := os.Chmod(h.Path("compose.yml"), 0o640); err != nil {
		t.Fatal(err)
	}
	return h
}

func swapOp(h *shamhost.Host) plan.Swap {
	return plan.Swap{
		Project:   plan.Project{Name: "chat", WorkingDir: h.Dir, Files: []string{h.Path("compose.yml")}, Service: "talk"},
		Container: "talk", Port: 9000, Version: "0.24.6", ImageRef: "registry/x@sha256:1", OldImage: "sha256:old", OldRef: "talk:latest",
		Database: plan.Login{Container: "db", User: "u", Database: "d"}, Migration: 51, Prober: "updater", Limit: 60, Soak: 10,
		Dump:  h.Path("backup", "final.dump"),
		Files: []plan.SwapFile{{Copy: h.Path("backup", "file.0"), Path: h.Path("compose.yml"), Before: digest(oldFile), After: digest(newFile)}},
	}
}

// runSwap runs the script as the job would, and reads its log as the engine does.
func runSwap(t *testing.T, h *shamhost.Host, op plan.Swap) (swapLog, int) {
	t.Helper()
	script := strings.ReplaceAll(swapScript, "</proc/uptime", `<"$SHAM/uptime"`)
	res, err := h.Run(t.Context(), remote.Command{Name: "swap", Script: script, Args: swapArgs(op, h.Path("work"), "run")})
	var exit *remote.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if len(res.Stderr) > 0 {
		t.Errorf("on stderr: %s", res.Stderr)
	}
	var log swapLog
	log.add(res.Stdout)
	log.close()
	return log, res.ExitCode
}

func TestSwapDecides(t *testing.T) {
	is := func(names ...string) func(*shamhost.Host, *plan.Swap) {
		return func(h *shamhost.Host, _ *plan.Swap) {
			for _, n := range names {
				h.Write(n, "")
			}
		}
	}
	sick := func(health string, more ...string) func(*shamhost.Host, *plan.Swap) {
		return func(h *shamhost.Host, _ *plan.Swap) {
			h.Write("health.sha256:new", health)
			is(more...)(h, nil)
		}
	}
	// deaf is a database that leaves so many questions unanswered while an image runs.
	deaf := func(questions, image string, more ...string) func(*shamhost.Host, *plan.Swap) {
		return func(h *shamhost.Host, _ *plan.Swap) {
			h.Write("deaf", questions+"\n")
			h.Write("deaf.on", image+"\n")
			sick("", append(more, "loops")...)(h, nil)
		}
	}
	for _, tt := range []struct {
		name    string
		change  func(h *shamhost.Host, op *plan.Swap)
		end     string
		code    int
		serves  string // the image that runs in the end, "" when none may
		file    string // the compose file in the end
		says    string // among the notes
		seconds float64
	}{
		{name: "healthy", end: "healthy", serves: "sha256:new", file: newFile},
		{name: "no final dump", change: func(_ *shamhost.Host, op *plan.Swap) { op.Dump = "" }, end: "healthy", serves: "sha256:new", file: newFile},
		{name: "never healthy", change: sick(""), end: "back", code: 10, serves: "sha256:old", file: oldFile, says: "not healthy within", seconds: 75},
		{name: "degraded", change: sick(`{"status":"degraded","version":"0.24.6","db_healthy":false}`), end: "back", code: 10, serves: "sha256:old", file: oldFile, says: "not healthy"},
		{name: "a page", change: sick("<!doctype html>"), end: "back", code: 10, serves: "sha256:old", file: oldFile, says: "not healthy"},
		{name: "another version", change: sick(`{"status":"ok","version":"0.24.5","db_healthy":true}`), end: "back", code: 10, serves: "sha256:old", file: oldFile, says: "not healthy"},
		{name: "restarts again and again", change: sick("", "loops"), end: "back", code: 10, serves: "sha256:old", file: oldFile, says: "restarted 3 times", seconds: 5},
		{name: "compose fails", change: is("fail.up"), end: "back", code: 10, serves: "sha256:old", file: oldFile, says: "no such network"},
		{name: "another image comes up", change: func(h *shamhost.Host, _ *plan.Swap) {
			h.Write("becomes", "sha256:third\n")
			h.Write("health.sha256:third", healthy)
		}, end: "back", code: 10, serves: "sha256:old", file: oldFile, says: "another image runs than the one that was pulled"},
		{name: "healthy only at first", change: is("soaked"), end: "back", code: 10, serves: "sha256:old", file: oldFile, says: "healthy at first"},
		{name: "migrated and sick", change: sick("", "migrated", "loops"), end: "migrated", code: 12, serves: "", file: newFile, says: "was migrated"},
		{name: "migrated and healthy", change: is("migrated"), end: "healthy", serves: "sha256:new", file: newFile},
		{name: "sick, and the database is away for a moment", change: deaf("4", "new"), end: "back", code: 10, serves: "sha256:old", file: oldFile, says: "restarted"},
		{name: "migrated and sick, and the database is away for a moment", change: deaf("4", "new", "migrated"), end: "migrated", code: 12, serves: "", file: newFile, says: "was migrated"},
		{name: "sick, and the database never answers", change: deaf("9999", "new"), end: "unsure", code: 12, serves: "", file: newFile, says: "does not answer any more"},
		{name: "the database is away before", change: deaf("4", "old"), end: "back", code: 10, serves: "sha256:old", file: oldFile, says: "restarted"},
		{name: "the database does not answer at all", change: deaf("9999", "old"), end: "kept", code: 11, serves: "sha256:old", file: newFile, says: "does not say which migrations"},
		{name: "dump fails", change: is("fail.dump"), end: "kept", code: 11, serves: "sha256:old", file: newFile, says: "connection lost"},
		{name: "dump is cut off", change: is("fail.restore"), end: "kept", code: 11, serves: "sha256:old", file: newFile, says: "final dump"},
		{name: "old image is gone", change: is("gone.old"), end: "kept", code: 11, serves: "sha256:old", file: newFile, says: "no way back"},
		{name: "new image is not there", change: is("gone.new"), end: "kept", code: 11, serves: "sha256:old", file: newFile, says: "new image is not on the host"},
		{name: "another image runs", change: func(h *shamhost.Host, _ *plan.Swap) { h.Write("image", "sha256:other\n") }, end: "kept", code: 11, serves: "sha256:other", file: newFile, says: "than the plan says"},
		{name: "file changed by somebody else", change: func(h *shamhost.Host, _ *plan.Swap) {
			h.Write("health.sha256:new", "")
			h.Write("compose.yml", newFile+"# theirs\n")
		}, end: "lost", code: 13, serves: "sha256:new", file: newFile + "# theirs\n", says: "changed by somebody else"},
		{name: "the copy is not what it was", change: func(h *shamhost.Host, _ *plan.Swap) {
			h.Write("health.sha256:new", "")
			h.Write("backup/file.0", "rotten")
		}, end: "lost", code: 13, serves: "sha256:new", file: newFile, says: "copy of"},
		{name: "the old image cannot be named", change: sick("", "fail.tag"), end: "lost", code: 13, serves: "sha256:new", file: oldFile},
		{name: "the old server does not start", change: sick("", "fail.back"), end: "lost", code: 13, serves: "sha256:new", file: oldFile},
		{name: "the old server is not healthy", change: func(h *shamhost.Host, _ *plan.Swap) {
			h.Write("health.sha256:new", "")
			h.Write("health.sha256:old", "")
		}, end: "lost", code: 13, serves: "sha256:old", file: oldFile, says: "not healthy within 120"},
		{name: "back", change: func(h *shamhost.Host, op *plan.Swap) {
			h.Write("image", "sha256:new\n")
			h.Write("compose.yml", oldFile)
			op.Back, op.Version, op.ImageRef, op.Dump, op.Files = true, "", "", "", nil
		}, end: "healthy", serves: "sha256:old", file: oldFile},
		{name: "back, on a database that moved on", change: func(h *shamhost.Host, op *plan.Swap) {
			h.Write("image", "sha256:new\n")
			h.Write("migrations", "55\n")
			op.Back, op.Version, op.ImageRef, op.Dump, op.Files = true, "", "", "", nil
		}, end: "migrated", code: 12, serves: "", file: newFile, says: "was migrated"},
		{name: "back, and it does not start", change: func(h *shamhost.Host, op *plan.Swap) {
			h.Write("image", "sha256:new\n")
			h.Write("compose.yml", oldFile)
			h.Write("fail.back", "")
			op.Back, op.Files = true, nil
		}, end: "lost", code: 13, serves: "sha256:new", file: oldFile},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := swapHost(t)
			op := swapOp(h)
			if tt.change != nil {
				tt.change(h, &op)
			}
			log, code := runSwap(t, h, op)
			if log.end != tt.end || code != tt.code {
				t.Fatalf("end %q, status %d; want %q, %d; notes %q", log.end, code, tt.end, tt.code, log.notes)
			}
			if tt.says != "" && !strings.Contains(strings.Join(log.notes, "\n"), tt.says) {
				t.Errorf("notes %q; want %q", log.notes, tt.says)
			}
			if got := h.Read("compose.yml"); got != tt.file {
				t.Errorf("compose file %q; want %q", got, tt.file)
			}
			info, err := os.Stat(h.Path("compose.yml"))
			if err != nil || info.Mode().Perm() != 0o640 {
				t.Errorf("mode of the compose file: %v, %v", info.Mode(), err)
			}
			serves := strings.TrimSpace(h.Read("image"))
			if _, err := os.Stat(h.Path("stopped")); err == nil {
				serves = ""
			}
			if serves != tt.serves {
				t.Errorf("%q serves; want %q", serves, tt.serves)
			}
			if left := leftovers(t, h); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
			if tt.seconds > 0 && log.here-log.gone > tt.seconds {
				t.Errorf("away for %.0f s; it could be known after %.0f", log.here-log.gone, tt.seconds)
			}
		})
	}
}

// leftovers are files of ours beside the client's.
func leftovers(t *testing.T, h *shamhost.Host) []string {
	t.Helper()
	var out []string
	for _, dir := range []string{".", "backup"} {
		all, err := os.ReadDir(h.Path(dir))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range all {
			if strings.Contains(e.Name(), "liftalot") || strings.HasSuffix(e.Name(), ".part") {
				out = append(out, e.Name())
			}
		}
	}
	return out
}

func TestSwapDumpsOnlyOnceTheServerIsStopped(t *testing.T) {
	h := swapHost(t)
	log, _ := runSwap(t, h, swapOp(h))
	calls := h.Log()
	at := func(word string) int {
		return slices.IndexFunc(calls, func(c string) bool { return strings.Contains(c, word) })
	}
	if !(at("stop ") < at("pg_dump") && at("pg_dump") < at("pg_restore") && at("pg_restore") < at("compose")) {
		t.Errorf("%q", calls)
	}
	if h.Read("backup/final.dump") != "archive\n" {
		t.Errorf("final dump %q", h.Read("backup/final.dump"))
	}
	if _, err := os.Stat(h.Path("killed")); err != nil {
		t.Error("the probe was not ended")
	}
	d := log.downtime()
	if d == nil || d.How != "probe" || d.Millis != 2200 || d.Probes != 6 {
		t.Errorf("%+v", d)
	}
}

// Traps B4 and C9: nothing is built or pulled, and dependencies are left alone
// where they drifted.
func TestSwapStartsTheServerAndNothingElse(t *testing.T) {
	for _, noDeps := range []bool{false, true} {
		h := swapHost(t)
		h.Write("health.sha256:new", "")
		op := swapOp(h)
		op.NoDeps = noDeps
		runSwap(t, h, op)
		ups := 0
		for _, call := range h.Log() {
			if !strings.HasPrefix(call, "compose ") {
				continue
			}
			ups++
			want := regexp.MustCompile(`^compose -p chat --project-directory \S+ -f \S+/compose\.yml up -d (--no-deps )?--no-build --pull never talk$`)
			if !want.MatchString(call) || strings.Contains(call, "--no-deps") != noDeps {
				t.Errorf("%q", call)
			}
		}
		if ups != 2 {
			t.Errorf("%d starts; want the new and the old server's", ups)
		}
	}
}

// An image that compose knows by its digest has a name nobody can give again.
func TestSwapGivesNoNewNameToAnImageKnownByDigest(t *testing.T) {
	h := swapHost(t)
	h.Write("health.sha256:new", "")
	op := swapOp(h)
	op.OldRef = "registry/x@sha256:0"
	if log, _ := runSwap(t, h, op); log.end != "back" || slices.ContainsFunc(h.Log(), func(c string) bool { return strings.HasPrefix(c, "tag") }) {
		t.Errorf("%q, %q", log.end, h.Log())
	}
}

// The client's file may be a link; what it points to is put back.
func TestSwapPutsTheFileBehindALinkBack(t *testing.T) {
	h := swapHost(t)
	h.Write("health.sha256:new", "")
	if err := os.Rename(h.Path("compose.yml"), h.Path("real.yml")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real.yml", h.Path("compose.yml")); err != nil {
		t.Fatal(err)
	}
	log, _ := runSwap(t, h, swapOp(h))
	info, err := os.Lstat(h.Path("compose.yml"))
	if log.end != "back" || err != nil || info.Mode()&os.ModeSymlink == 0 || h.Read("real.yml") != oldFile {
		t.Errorf("%q; %v; %q", log.end, info.Mode(), h.Read("real.yml"))
	}
}
