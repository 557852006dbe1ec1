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
	"liftalot/plan/internal/shimhost"
	"liftalot/remote"
)

// swapDocker is a docker with one server in it, whose image follows the compose
// file: "new" in it means the new one. What the new one is like stands in files.
const swapDocker = `cd "$SHIM"
printf '%s\n' "$*" >>log
has() { [ -e "$1" ]; }
ends() { if grep -q new image && has commits; then echo 52 >migrations; fi; }
case $* in
inspect*OOMKilled*) echo "state restarting 101 false $(cat restarts) /talk" ;;
inspect*RestartCount*StartedAt*) cat id restarts 2>/dev/null | tr '\n' ' ' ;;
inspect*RestartCount*) cat restarts ;;
inspect*State.Running*) has stopped && echo false || echo true ;;
inspect*GlobalIPv6Address*) has stopped || echo '172.18.0.5 invalid IP 172.18.0.5/16 fd00::5 ' ;;
"inspect -f {{.Image}} talk") cat image ;;
ps*service=postgres*) echo pg1 ;;
*"config --hash postgres") cat hash ;;
*config-hash*pg1) echo h1 ;;
*compose.image*pg1) echo sha256:pg ;;
"inspect -f {{.Config.Image}} pg1") echo postgres:17 ;;
"image inspect -f {{.Id}} postgres:17") cat named ;;
inspect*) has gone.new || echo sha256:new ;;
"image inspect"*) ! has gone.old ;;
version*) ! has deaf.engine ;;
*"curl -s -m 4 http://127.0.0.1:9000/api/health"*)
	has stopped && exit 7
	if grep -q old image && { has lingers || [ "$(cat migrations)" != 51 ]; }; then exit 7; fi
	cat "health.$(cat image)"
	! has soaked || echo '{"status":"degraded"}' >health.sha256:new ;;
*psql*)
	n=$(cat deaf 2>/dev/null)
	if [ "${n:-0}" -gt 0 ] && grep -q "$(cat deaf.on)" image; then echo $((n - 1)) >deaf; exit 2; fi
	case $* in
	*pg_terminate_backend*"'{172.18.0.5,fd00::5}'::inet[]"*) has lingers && has stopped && { rm lingers; echo 1; } || echo 0 ;;
	*) cat migrations ;;
	esac ;;
"exec db timeout 1 true") ! has no.timeout ;;
*"pg_dump --version") echo "pg_dump (PostgreSQL) $(cat pg 2>/dev/null || echo 15.18) (Debian)" ;;
*pg_dump*)
	has fail.dump && { echo 'pg_dump: error: connection lost' >&2; exit 1; }
	case $* in *zstd*) has no.zstd && { echo 'pg_dump: error: this build does not support compression with ZSTD' >&2; exit 1; } ;; esac
	for_=$(cat slow.dump 2>/dev/null || echo 0) most=$(echo "$*" | sed -n 's/.* timeout \([0-9]*\) .*/\1/p')
	if [ -n "$most" ] && [ "$for_" -gt "$most" ]; then sleep "$((most / 10)).$((most % 10))"; exit 124; fi
	sleep "$((for_ / 10)).$((for_ % 10))"
	echo archive ;;
*pg_restore*) cat >/dev/null; ! has fail.restore ;;
*"kill "*) : >killed ;;
*" sh -c "*) cat probe ;;
stop*) sleep "$(cat slow.stop 2>/dev/null || echo 0)"; : >stopped; ends ;;
start*) rm -f stopped ;;
tag*) has fail.tag && exit 1; : >tagged ;;
logs*) if grep -q new image; then cat words 2>/dev/null || echo 'panic: of the new server'; else echo 'the old one'; fi ;;
compose*)
	if grep -q new compose.yml; then
		has fail.up && { echo 'no such network' >&2; exit 1; }
		cat becomes >image; : >id; echo 2 >id
		has migrated && echo 52 >migrations
		has loops && echo 3 >restarts
	else
		has fail.back && exit 1
		case $* in *"$(cat only 2>/dev/null)"*) ;; *) exit 1 ;; esac
		has stopped || ends
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
func swapHost(t *testing.T) *shimhost.Host {
	t.Helper()
	h := shimhost.New(t)
	h.Shim("docker", swapDocker)
	h.Shim("sleep", `awk -v s="$1" '{printf "%.2f %s\n", $1 + s * 10, $2}' "$SHIM/uptime" >"$SHIM/uptime.$$" && mv "$SHIM/uptime.$$" "$SHIM/uptime"`)
	h.Shim("sync", ":")
	for name, data := range map[string]string{
		"uptime": "1000.00 1\n", "image": "sha256:old\n", "id": "1\n", "restarts": "0\n", "migrations": "51\n", "becomes": "sha256:new\n",
		"health.sha256:old": `{"status":"ok","version":"0.17.0","db_healthy":true}`, "health.sha256:new": healthy,
		"hash": "postgres h1\n", "named": "sha256:pg\n",
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

func swapOp(h *shimhost.Host) plan.Swap {
	return plan.Swap{
		Project:   plan.Project{Name: "chat", WorkingDir: h.Dir, Files: []string{h.Path("compose.yml")}, Service: "talk"},
		Container: "talk", Port: 9000, Version: "0.24.6", ImageRef: "registry/x@sha256:1", OldImage: "sha256:old", OldRef: "talk:latest",
		Database: plan.Login{Container: "db", User: "u", Database: "d"}, Migration: 51, Prober: "updater", MaxDowntime: 60, Soak: 10, Dependencies: []string{"postgres"},
		Dump:  h.Path("backup", "final.dump"),
		Files: []plan.SwapFile{{Copy: h.Path("backup", "file.0"), Path: h.Path("compose.yml"), Before: digest(oldFile), After: digest(newFile)}},
	}
}

// runSwap runs the script as the job would, and reads its log as the engine does.
func runSwap(t *testing.T, h *shimhost.Host, op plan.Swap) (swapLog, int) {
	t.Helper()
	script := "echo $$ >pid\n" + strings.ReplaceAll(swapScript, "</proc/uptime", `<"$SHIM/uptime"`)
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
	is := func(names ...string) func(*shimhost.Host, *plan.Swap) {
		return func(h *shimhost.Host, _ *plan.Swap) {
			for _, n := range names {
				h.Write(n, "")
			}
		}
	}
	sick := func(health string, more ...string) func(*shimhost.Host, *plan.Swap) {
		return func(h *shimhost.Host, _ *plan.Swap) {
			h.Write("health.sha256:new", health)
			is(more...)(h, nil)
		}
	}
	// slow is a dump of so many seconds.
	slow := func(seconds string, more ...string) func(*shimhost.Host, *plan.Swap) {
		return func(h *shimhost.Host, _ *plan.Swap) {
			h.Write("slow.dump", seconds+"\n")
			is(more...)(h, nil)
		}
	}
	// deaf is a database that leaves so many questions unanswered while an image runs.
	deaf := func(questions, image string, more ...string) func(*shimhost.Host, *plan.Swap) {
		return func(h *shimhost.Host, _ *plan.Swap) {
			h.Write("deaf", questions+"\n")
			h.Write("deaf.on", image+"\n")
			sick("", append(more, "loops")...)(h, nil)
		}
	}
	for _, tt := range []struct {
		name    string
		change  func(h *shimhost.Host, op *plan.Swap)
		end     string
		code    int
		serves  string // the image that runs in the end, "" when none may
		file    string // the compose file in the end
		says    string // among the notes
		seconds float64
	}{
		{name: "healthy", end: "healthy", serves: "sha256:new", file: newFile},
		{name: "no final dump", change: func(_ *shimhost.Host, op *plan.Swap) { op.Dump = "" }, end: "healthy", serves: "sha256:new", file: newFile},
		{name: "never healthy", change: sick(""), end: "back", code: 10, serves: "sha256:old", file: oldFile, says: "not healthy within", seconds: 75},
		{name: "degraded", change: sick(`{"status":"degraded","version":"0.24.6","db_healthy":false}`), end: "back", code: 10, serves: "sha256:old", file: oldFile, says: "not healthy"},
		{name: "a page", change: sick("<!doctype html>"), end: "back", code: 10, serves: "sha256:old", file: oldFile, says: "not healthy"},
		{name: "another version", change: sick(`{"status":"ok","version":"0.24.5","db_healthy":true}`), end: "back", code: 10, serves: "sha256:old", file: oldFile, says: "not healthy"},
		{name: "restarts again and again", change: sick("", "loops"), end: "back", code: 10, serves: "sha256:old", file: oldFile, says: "restarted 3 times", seconds: 5},
		{name: "compose fails", change: is("fail.up"), end: "back", code: 10, serves: "sha256:old", file: oldFile, says: "no such network"},
		{name: "another image comes up", change: func(h *shimhost.Host, _ *plan.Swap) {
			h.Write("becomes", "sha256:third\n")
			h.Write("health.sha256:third", healthy)
		}, end: "back", code: 10, serves: "sha256:old", file: oldFile, says: "another image runs than the one that was pulled"},
		{name: "healthy only at first", change: is("soaked"), end: "back", code: 10, serves: "sha256:old", file: oldFile, says: "healthy at first"},
		{name: "migrated and sick", change: sick("", "migrated", "loops"), end: "migrated", code: 12, serves: "", file: newFile, says: "was migrated"},
		{name: "commits while it is stopped", change: sick("", "commits", "loops"), end: "migrated", code: 12, serves: "", file: newFile, says: "was migrated"},
		{name: "leaves a statement behind that holds locks", change: sick("", "lingers", "loops"), end: "back", code: 10, serves: "sha256:old", file: oldFile, says: "restarted"},
		{name: "migrated and healthy", change: is("migrated"), end: "healthy", serves: "sha256:new", file: newFile},
		{name: "sick, and the database is away for a moment", change: deaf("4", "new"), end: "back", code: 10, serves: "sha256:old", file: oldFile, says: "restarted"},
		{name: "migrated and sick, and the database is away for a moment", change: deaf("4", "new", "migrated"), end: "migrated", code: 12, serves: "", file: newFile, says: "was migrated"},
		{name: "sick, and the database never answers", change: deaf("9999", "new"), end: "unsure", code: 12, serves: "", file: newFile, says: "does not answer any more"},
		{name: "the database is away before", change: deaf("4", "old"), end: "back", code: 10, serves: "sha256:old", file: oldFile, says: "restarted"},
		{name: "the database does not answer at all", change: deaf("9999", "old"), end: "kept", code: 11, serves: "sha256:old", file: newFile, says: "does not say which migrations"},
		{name: "dump fails", change: is("fail.dump"), end: "kept", code: 11, serves: "sha256:old", file: newFile, says: "connection lost"},
		{name: "dump is cut off", change: is("fail.restore"), end: "kept", code: 11, serves: "sha256:old", file: newFile, says: "final dump"},
		{name: "dump leaves the new server no time", change: slow("35", "migrated", "loops"), end: "kept", code: 11, serves: "sha256:old", file: newFile,
			says: "the stop and the final dump took 30 of the 60 seconds that the server may be away, which leaves the new one too few (raise max_downtime, or allow: [no-final-dump])", seconds: 31},
		{name: "dump that cannot be ended leaves the new server no time", change: slow("58", "no.timeout"), end: "kept", code: 11, serves: "sha256:old", file: newFile, says: "took 58 of the 60"},
		{name: "stop leaves the dump no time", change: func(h *shimhost.Host, _ *plan.Swap) { h.Write("slow.stop", "3.1") }, end: "kept", code: 11, serves: "sha256:old", file: newFile, says: "took 31 of the 60"},
		{name: "dump that leaves just enough", change: slow("29"), end: "healthy", serves: "sha256:new", file: newFile},
		{name: "old image is gone", change: is("gone.old"), end: "kept", code: 11, serves: "sha256:old", file: newFile, says: "no rollback"},
		{name: "new image is not there", change: is("gone.new"), end: "kept", code: 11, serves: "sha256:old", file: newFile, says: "new image is not on the host"},
		{name: "another image runs", change: func(h *shimhost.Host, _ *plan.Swap) { h.Write("image", "sha256:other\n") }, end: "kept", code: 11, serves: "sha256:other", file: newFile, says: "than the plan says"},
		{name: "file changed by somebody else", change: func(h *shimhost.Host, _ *plan.Swap) {
			h.Write("health.sha256:new", "")
			h.Write("compose.yml", newFile+"# theirs\n")
		}, end: "lost", code: 13, serves: "sha256:new", file: newFile + "# theirs\n", says: "changed by somebody else"},
		{name: "the copy is not what it was", change: func(h *shimhost.Host, _ *plan.Swap) {
			h.Write("health.sha256:new", "")
			h.Write("backup/file.0", "rotten")
		}, end: "lost", code: 13, serves: "sha256:new", file: newFile, says: "copy of"},
		{name: "the old image cannot be named", change: sick("", "fail.tag"), end: "lost", code: 13, serves: "sha256:new", file: oldFile},
		{name: "the old server does not start", change: sick("", "fail.back"), end: "lost", code: 13, serves: "sha256:new", file: oldFile},
		{name: "the old server is not healthy", change: func(h *shimhost.Host, _ *plan.Swap) {
			h.Write("health.sha256:new", "")
			h.Write("health.sha256:old", "")
		}, end: "lost", code: 13, serves: "sha256:old", file: oldFile, says: "not healthy within 120"},
		{name: "back", change: func(h *shimhost.Host, op *plan.Swap) {
			h.Write("image", "sha256:new\n")
			h.Write("compose.yml", oldFile)
			op.IsRollback, op.Version, op.ImageRef, op.Dump, op.Files = true, "", "", "", nil
		}, end: "healthy", serves: "sha256:old", file: oldFile},
		{name: "back, on a database that moved on", change: func(h *shimhost.Host, op *plan.Swap) {
			h.Write("image", "sha256:new\n")
			h.Write("migrations", "55\n")
			op.IsRollback, op.Version, op.ImageRef, op.Dump, op.Files = true, "", "", "", nil
		}, end: "migrated", code: 12, serves: "", file: newFile, says: "was migrated"},
		{name: "back, and the database never answers", change: func(h *shimhost.Host, op *plan.Swap) {
			deaf("9999", "new")(h, op)
			h.Write("image", "sha256:new\n")
			op.IsRollback, op.Version, op.ImageRef, op.Dump, op.Files = true, "", "", "", nil
		}, end: "unsure", code: 12, serves: "", file: newFile, says: "does not answer"},
		{name: "back, and the database is away for a moment", change: func(h *shimhost.Host, op *plan.Swap) {
			deaf("4", "new")(h, op)
			h.Write("image", "sha256:new\n")
			h.Write("compose.yml", oldFile)
			op.IsRollback, op.Version, op.ImageRef, op.Dump, op.Files = true, "", "", "", nil
		}, end: "healthy", serves: "sha256:old", file: oldFile},
		{name: "back, from a server that commits while it is stopped", change: func(h *shimhost.Host, op *plan.Swap) {
			h.Write("image", "sha256:new\n")
			h.Write("compose.yml", oldFile)
			is("commits")(h, op)
			op.IsRollback, op.Version, op.ImageRef, op.Dump, op.Files = true, "", "", "", nil
		}, end: "migrated", code: 12, serves: "", file: oldFile, says: "was migrated"},
		{name: "back, from a server that leaves a statement behind", change: func(h *shimhost.Host, op *plan.Swap) {
			h.Write("image", "sha256:new\n")
			h.Write("compose.yml", oldFile)
			is("lingers")(h, op)
			op.IsRollback, op.Version, op.ImageRef, op.Dump, op.Files = true, "", "", "", nil
		}, end: "healthy", serves: "sha256:old", file: oldFile},
		{name: "back, and the old image is gone", change: func(h *shimhost.Host, op *plan.Swap) {
			is("gone.old")(h, nil)
			h.Write("image", "sha256:new\n")
			h.Write("migrations", "55\n")
			op.IsRollback, op.Version, op.ImageRef, op.Dump, op.Files = true, "", "", "", nil
		}, end: "gone", code: 14, serves: "sha256:new", file: newFile, says: "not on the host any more"},
		{name: "back, and the engine does not say whether the old image is there", change: func(h *shimhost.Host, op *plan.Swap) {
			is("gone.old", "deaf.engine")(h, nil)
			h.Write("image", "sha256:new\n")
			h.Write("compose.yml", oldFile)
			op.IsRollback, op.Version, op.ImageRef, op.Dump, op.Files = true, "", "", "", nil
		}, end: "healthy", serves: "sha256:old", file: oldFile},
		{name: "back, beside a database that compose would recreate", change: func(h *shimhost.Host, op *plan.Swap) {
			h.Write("image", "sha256:new\n")
			h.Write("compose.yml", oldFile)
			h.Write("named", "sha256:pulled\n")
			h.Write("only", "--no-deps")
			op.IsRollback, op.Version, op.ImageRef, op.Dump, op.Files = true, "", "", "", nil
		}, end: "healthy", serves: "sha256:old", file: oldFile},
		{name: "not healthy, beside a database that compose would recreate", change: func(h *shimhost.Host, op *plan.Swap) {
			sick(`{"status": "degraded", "version": "0.24.6", "db_healthy": true}`)(h, op)
			h.Write("hash", "postgres h2\n")
			h.Write("only", "--no-deps")
		}, end: "back", code: 10, serves: "sha256:old", file: oldFile, says: "not healthy within"},
		{name: "back, beside a database as it was", change: func(h *shimhost.Host, op *plan.Swap) {
			h.Write("image", "sha256:new\n")
			h.Write("compose.yml", oldFile)
			h.Write("only", "up -d --no-build")
			op.IsRollback, op.Version, op.ImageRef, op.Dump, op.Files = true, "", "", "", nil
		}, end: "healthy", serves: "sha256:old", file: oldFile},
		{name: "back, and it does not start", change: func(h *shimhost.Host, op *plan.Swap) {
			h.Write("image", "sha256:new\n")
			h.Write("compose.yml", oldFile)
			h.Write("fail.back", "")
			op.IsRollback, op.Files = true, nil
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
			if tt.end == "kept" && h.Has("backup/final.dump") {
				t.Error("a dump that the old server has written after is called final")
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
func leftovers(t *testing.T, h *shimhost.Host) []string {
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
	if !(at("stop ") < at("pg_dump -U") && at("pg_dump -U") < at("pg_restore") && at("pg_restore") < at("compose")) {
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

// The final dump is as quick as the database's own programs allow: the server is
// away meanwhile.
func TestSwapDumpsWithZstdWhereItIsBuiltIn(t *testing.T) {
	for _, tt := range []struct {
		pg, lacks string
		dumps     []bool // with zstd
	}{
		{"17.2", "", []bool{true}},
		{"17.2", "no.zstd", []bool{true, false}},
		{"15.18", "", []bool{false}},
	} {
		h := swapHost(t)
		h.Write("pg", tt.pg)
		if tt.lacks != "" {
			h.Write(tt.lacks, "")
		}
		log, _ := runSwap(t, h, swapOp(h))
		var dumps []bool
		for _, call := range h.Log() {
			if strings.Contains(call, "pg_dump -U") {
				dumps = append(dumps, strings.Contains(call, "--compress=zstd:3"))
			}
		}
		if log.end != "healthy" || !slices.Equal(dumps, tt.dumps) || h.Read("backup/final.dump") != "archive\n" {
			t.Errorf("%s %s: %q, %v", tt.pg, tt.lacks, log.end, dumps)
		}
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
			if !strings.HasPrefix(call, "compose ") || strings.HasSuffix(call, " config --hash postgres") {
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

// Where nothing was replaced, the server that serves is not stopped to ask the
// database; and what a new one says is read before it is stopped.
func TestSwapStopsOnlyANewServerToAskTheDatabase(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(h *shimhost.Host, op *plan.Swap)
		stops  bool
	}{
		{"compose fails before it replaces anything", func(h *shimhost.Host, op *plan.Swap) {
			h.Write("fail.up", "")
			op.Dump = ""
		}, false},
		{"back, where nothing was replaced", func(h *shimhost.Host, op *plan.Swap) {
			h.Write("compose.yml", oldFile)
			op.IsRollback, op.Files = true, nil
		}, false},
		{"a new server that is sick", func(h *shimhost.Host, op *plan.Swap) {
			h.Write("health.sha256:new", "")
			op.Dump = ""
		}, true},
	} {
		h := swapHost(t)
		op := swapOp(h)
		tt.change(h, &op)
		log, _ := runSwap(t, h, op)
		calls := h.Log()
		stop := slices.IndexFunc(calls, func(c string) bool { return strings.HasPrefix(c, "stop ") })
		logs := slices.IndexFunc(calls, func(c string) bool { return strings.HasPrefix(c, "logs ") })
		if (stop >= 0) != tt.stops || tt.stops && logs > stop || log.end != "back" && log.end != "healthy" {
			t.Errorf("%s: %q; %q", tt.name, log.end, calls)
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

// P3: the job says how the new server ended before that is gone, and of an old one that
// does not come up too.
func TestP3SwapSaysHowAServerEnded(t *testing.T) {
	t.Parallel()
	h := swapHost(t)
	h.Write("health.sha256:new", "")
	h.Write("loops", "")
	h.Write("words", strings.Repeat("another line\n", 2)+"panicked at "+strings.Repeat("x", 1000)+"\n")
	h.Write("health.sha256:old", "")
	log, _ := runSwap(t, h, swapOp(h))
	if log.end != "lost" || len(log.lastWords) != 2 {
		t.Fatalf("end %q, %+v", log.end, log.lastWords)
	}
	for i, want := range []string{"panicked at xxx", "the old one"} {
		c := log.lastWords[i]
		if c.Name != "talk" || c.Exit != 101 || !strings.HasPrefix(c.Log[len(c.Log)-1], want) {
			t.Errorf("%+v, want the last words %q", c, want)
		}
	}
	if n := len(log.lastWords[0].Log[2]); n != cutLine {
		t.Errorf("a line of %d bytes, want it cut at %d", n, cutLine)
	}
}
