package remotetest

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"liftalot/remote"
	"liftalot/remote/job"
)

func jobCases() []testCase {
	return []testCase{
		{"it runs once, however often it is started", false, testJobOnce},
		{"its log is followed from an offset", false, testJobLog},
		{"its deadline ends it and all it started", false, testJobDeadline},
		{"its deadline holds when its folder is gone", false, testJobNoFolder},
		{"it can undo in a trap", false, testJobTrap},
		{"it goes on when the link is cut", true, testJobCut},
		{"a shutdown is waited for", false, testJobShutdown},
		{"a killed one is lost", false, testJobLost},
		{"another script does not get its folder", false, testJobTaken},
		{"half a script does not start", false, testJobHalf},
		{"nothing is absent", false, testJobAbsent},
		{"it leaves nothing behind", false, testJobRemove},
		{"its input is on no disk", false, testJobInput},
		{"its folder in memory goes when it is killed", false, testJobMemory},
	}
}

const look = 30 * time.Millisecond

func (h host) start(t *testing.T, spec job.Spec) {
	t.Helper()
	if spec.Timeout == 0 {
		spec.Timeout = 20 * time.Second
	}
	must(t, job.Start(t.Context(), h, spec))
}

// finish waits for a job's end and returns its log too.
func (h host) finish(t *testing.T, dir string) (job.Status, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var log bytes.Buffer
	st, err := job.Wait(ctx, h, dir, look, func(b []byte) { log.Write(b) })
	must(t, err)
	return st, log.String()
}

func testJobOnce(t *testing.T, h host) {
	spec := job.Spec{
		Dir: h.at("run/job"), Args: []string{h.at("count"), "it's \\ here"},
		Script: `echo x >> "$1"; echo "said $2" | tr -d '\\'; echo oops >&2; exit 7`,
	}
	for range 3 {
		h.start(t, spec)
	}
	st, log := h.finish(t, spec.Dir)
	if st.State != job.Ended || st.ExitCode != 7 || st.Overdue || log != "said it's  here\noops\n" {
		t.Errorf("got %+v, log %q", st, log)
	}
	h.start(t, spec)
	if got := h.sh(t, `cat "$1"`, h.at("count")); got != "x" {
		t.Errorf("it ran %d times", len(strings.Fields(got)))
	}
	if mode := h.sh(t, `stat -c '%a %u' "$1"`, spec.Dir); mode != "700 0" {
		t.Errorf("the folder is %s", mode)
	}
}

func testJobLog(t *testing.T, h host) {
	h.start(t, job.Spec{Dir: h.at("job"), Script: `head -c 600000 /dev/zero | tr '\0' x; echo end`})
	st, log := h.finish(t, h.at("job"))
	if st.State != job.Ended || len(log) != 600004 || !strings.HasSuffix(log, "xend\n") {
		t.Errorf("got %+v and %d bytes", st.State, len(log))
	}
	st, err := job.Look(t.Context(), h, h.at("job"), 600000)
	if err != nil || string(st.Log) != "end\n" || st.Next != 600004 {
		t.Errorf("got %+v, %v", st, err)
	}
	st, err = job.Look(t.Context(), h, h.at("job"), 700000)
	if err != nil || len(st.Log) != 0 || st.Next != 700000 {
		t.Errorf("beyond the end: got %+v, %v", st, err)
	}
}

func testJobDeadline(t *testing.T, h host) {
	h.start(t, job.Spec{
		Dir: h.at("job"), Timeout: time.Second, Grace: time.Second, Args: []string{h.at("child")},
		Script: `trap '' TERM; sleep 60 & echo $! > "$1"; while :; do sleep 1; done`,
	})
	st, _ := h.finish(t, h.at("job"))
	if st.State != job.Ended || st.ExitCode != 137 || !st.Overdue {
		t.Errorf("got %+v", st)
	}
	h.await(t, "the child's end", `! kill -0 "$(cat "$1")" 2>/dev/null`, h.at("child"))
}

func testJobNoFolder(t *testing.T, h host) {
	h.start(t, job.Spec{
		Dir: h.at("job"), Timeout: time.Second, Args: []string{h.at("self")},
		Script: `echo $$ > "$1"; while :; do sleep 0.2; done`,
	})
	h.await(t, "the process id", `[ -s "$1" ]`, h.at("self"))
	h.sh(t, `rm -rf "$1"`, h.at("job"))
	h.await(t, "the job's end", `! kill -0 "$(cat "$1")" 2>/dev/null`, h.at("self"))
}

func testJobTrap(t *testing.T, h host) {
	h.start(t, job.Spec{
		Dir: h.at("job"), Timeout: time.Second,
		Script: `trap 'echo undone; exit 5' TERM; sleep 60 & wait $!`,
	})
	st, log := h.finish(t, h.at("job"))
	if st.State != job.Ended || st.ExitCode != 5 || !st.Overdue || !strings.HasSuffix(log, "undone\n") {
		t.Errorf("got %+v, log %q", st, log)
	}
}

// A shutdown ends everything there is with TERM: what the script does about it counts.
func testJobShutdown(t *testing.T, h host) {
	h.start(t, job.Spec{
		Dir: h.at("job"), Args: []string{h.at("self"), h.at("struck"), h.at("go")}, Timeout: time.Minute,
		Script: `trap 'echo >"$2"; while [ ! -e "$3" ]; do sleep 0.1; done; exit 5' TERM; echo $$ >"$1"; while :; do sleep 0.1; done`,
	})
	h.await(t, "the process ids", `[ -s "$1" ] && [ -s "$2/pid" ]`, h.at("self"), h.at("job"))
	h.sh(t, `read -r pid since <"$2/pid"; kill -TERM "$pid" "$(cat "$1")"`, h.at("self"), h.at("job"))
	h.await(t, "the script's trap", `[ -e "$1" ]`, h.at("struck"))
	if st, err := job.Look(t.Context(), h, h.at("job"), 0); err != nil || st.State != job.Running {
		t.Errorf("while it ends: %+v, %v", st, err)
	}
	h.sh(t, `touch "$1"`, h.at("go"))
	if st, _ := h.finish(t, h.at("job")); st.State != job.Ended || st.ExitCode != 5 {
		t.Errorf("got %+v", st)
	}
}

func testJobCut(t *testing.T, h host) {
	h.start(t, job.Spec{Dir: h.at("job"), Args: []string{h.at("go")}, Script: `echo one; while [ ! -e "$1" ]; do sleep 0.1; done; echo two`})
	h.await(t, "the first word", `grep -q one "$1/log"`, h.at("job"))
	h.Cut()
	h.sh(t, `touch "$1"`, h.at("go"))
	st, log := h.finish(t, h.at("job"))
	if st.State != job.Ended || st.ExitCode != 0 || log != "one\ntwo\n" {
		t.Errorf("got %+v, log %q", st, log)
	}
}

func testJobLost(t *testing.T, h host) {
	h.start(t, job.Spec{Dir: h.at("job"), Script: `sleep 60`})
	h.await(t, "the process id", `[ -s "$1/pid" ]`, h.at("job"))
	if st, err := job.Look(t.Context(), h, h.at("job"), 0); err != nil || st.State != job.Running {
		t.Fatalf("got %+v, %v", st, err)
	}
	if err := job.Remove(t.Context(), h, h.at("job")); err == nil {
		t.Error("the folder of a running job was removed")
	}
	h.sh(t, `read -r pid since < "$1/pid"; for p in $(ps -e -o pid= -o ppid= | awk -v p="$pid" '$2 == p { print $1 }'); do kill -KILL "$p"; kill -KILL "-$p"; done 2>/dev/null; kill -KILL "$pid"`, h.at("job"))
	st, _ := h.finish(t, h.at("job"))
	// Killing the script before its watch may leave the watch time to write it down.
	if st.State != job.Lost && !(st.State == job.Ended && st.ExitCode == 137) {
		t.Errorf("got %+v", st)
	}

	h.start(t, job.Spec{Dir: h.at("boot"), Script: `exit 0`})
	h.finish(t, h.at("boot"))
	h.sh(t, `rm "$1/outcome"; echo another-boot > "$1/boot"`, h.at("boot"))
	if st, _ := h.finish(t, h.at("boot")); st.State != job.Lost {
		t.Errorf("after a restart: got %+v", st)
	}
}

func testJobTaken(t *testing.T, h host) {
	h.start(t, job.Spec{Dir: h.at("job"), Script: `exit 0`})
	err := job.Start(t.Context(), h, job.Spec{Dir: h.at("job"), Script: `exit 1`, Timeout: time.Minute})
	if !errors.Is(err, job.ErrTaken) || !errors.Is(err, remote.ErrNotStarted) {
		t.Errorf("got %v, want taken", err)
	}
}

// truncated is a runner whose link ends before the input does.
type truncated struct{ host }

func (h truncated) Run(ctx context.Context, cmd remote.Command) (remote.Result, error) {
	if cmd.Stdin != nil {
		cmd.Stdin = strings.NewReader("half")
	}
	return h.host.Run(ctx, cmd)
}

func testJobHalf(t *testing.T, h host) {
	spec := job.Spec{Dir: h.at("job"), Script: `touch "$1"`, Args: []string{h.at("ran")}, Timeout: time.Minute}
	if err := job.Start(t.Context(), truncated{h}, spec); !errors.Is(err, remote.ErrNotStarted) {
		t.Errorf("got %v, want not started", err)
	}
	if left := h.sh(t, `ls -A "$1"`, h.Dir); left != "" {
		t.Errorf("left behind: %s", left)
	}
	h.start(t, spec)
	if st, _ := h.finish(t, spec.Dir); st.State != job.Ended || st.ExitCode != 0 {
		t.Errorf("got %+v", st)
	}
}

func testJobAbsent(t *testing.T, h host) {
	st, err := job.Look(t.Context(), h, h.at("none"), 0)
	if err != nil || st.State != job.Absent {
		t.Errorf("got %+v, %v", st, err)
	}
	must(t, job.Remove(t.Context(), h, h.at("none")))
	for _, spec := range []job.Spec{
		{Dir: "relative", Timeout: time.Second}, {Dir: "/", Timeout: time.Second},
		{Dir: h.at("x")}, {Dir: h.at("x"), Timeout: time.Second, Args: []string{"\x00"}},
	} {
		if err := job.Start(t.Context(), h, spec); !errors.Is(err, remote.ErrNotStarted) {
			t.Errorf("%+v: got %v, want not started", spec, err)
		}
	}
}

func testJobRemove(t *testing.T, h host) {
	h.start(t, job.Spec{Dir: h.at("job"), Script: `exit 0`})
	h.finish(t, h.at("job"))
	must(t, job.Remove(t.Context(), h, h.at("job")))
	if left := h.sh(t, `ls -A "$1"`, h.Dir); left != "" {
		t.Errorf("left behind: %s", left)
	}
}

// A secret given to a job reaches its script and nothing else: neither a file of
// the job nor a process's arguments or environment.
func testJobInput(t *testing.T, h host) {
	const input = "it's a \\ canary, 4711"
	spec := job.Spec{Dir: h.at("job"), Input: []byte(input), Args: []string{h.at("go"), h.at("seen")}, Script: `
IFS= read -r line
printf %s "$line" > "$MEMORY/file"
stat -c '%a %u' "$MEMORY" > "$2"
for p in /proc/[0-9]*; do tr '\0' ' ' < "$p/cmdline"; tr '\0' ' ' < "$p/environ"; done 2>/dev/null >> "$2"
echo "$MEMORY"
cat "$MEMORY/file"
`}
	h.start(t, spec)
	st, log := h.finish(t, spec.Dir)
	memory, said, _ := strings.Cut(log, "\n")
	if st.State != job.Ended || st.ExitCode != 0 || said != input {
		t.Fatalf("got %+v, log %q", st, log)
	}
	if left := h.sh(t, `[ ! -e "$1" ] || echo there`, memory); left != "" {
		t.Error("its folder in memory stays")
	}
	seen := h.sh(t, `cat "$1"`, h.at("seen"))
	if !strings.HasPrefix(seen, "700 0") || strings.Contains(seen, "canary") {
		t.Errorf("seen by others: %s", seen)
	}
	h.sh(t, `rm "$1/log"`, spec.Dir)
	if files := h.sh(t, `cat "$1"/*`, spec.Dir); strings.Contains(files, "canary") {
		t.Errorf("in the job's folder: %s", files)
	}
}

// Killed with whoever stands over it, a job cannot tidy up; removing it does.
func testJobMemory(t *testing.T, h host) {
	script := `echo $$ > "$1.new"; mv "$1.new" "$1"; cat > "$MEMORY/file"; while :; do sleep 1; done`
	spec := job.Spec{Dir: h.at("job"), Input: []byte("canary"), Args: []string{h.at("self")}, Script: script}
	h.start(t, spec)
	h.await(t, "the script", `[ -s "$1" ]`, h.at("self"))
	h.sh(t, `kill -KILL "$(cat "$1")"`, h.at("self"))
	st, _ := h.finish(t, spec.Dir)
	memory := h.sh(t, `cat "$1"/memory`, spec.Dir)
	if left := h.sh(t, `[ ! -e "$1" ] || echo there`, memory); st.State != job.Ended || st.ExitCode != 137 || memory == "" || left != "" {
		t.Errorf("the script killed: %+v, in %q: %s", st, memory, left)
	}
	must(t, job.Remove(t.Context(), h, spec.Dir))
	h.sh(t, `rm "$1"`, h.at("self"))
	h.start(t, spec)
	h.await(t, "the script", `[ -s "$1" ]`, h.at("self"))
	h.sh(t, `read -r pid rest < "$2"/pid; kill -KILL "$pid" "$(cat "$1")"`, h.at("self"), spec.Dir)
	h.await(t, "the end of both", `! kill -0 "$(cat "$1")" 2>/dev/null`, h.at("self"))
	must(t, job.Remove(t.Context(), h, spec.Dir))
	if left := h.sh(t, `ls -d /dev/shm/liftalot-job.* /run/liftalot-job.* 2>/dev/null; true`); left != "" {
		t.Errorf("both killed: %s stays", left)
	}
}
