//go:build unix

package apply

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"liftalot/plan"
	"liftalot/remote"
)

// killedDocker is a docker that TERM strikes together with the script, at the call
// that "term" matches; where "late" is, the engine does what it was asked for all
// the same.
const killedDocker = `if [ -e "$SHIM/term" ] && echo "$* of $(cat "$SHIM/image")" | grep -q -f "$SHIM/term"; then
	mv "$SHIM/term" "$SHIM/struck"
	[ ! -e "$SHIM/late" ] || "$0" "$@" >/dev/null 2>&1
	kill -TERM "$(cat "$SHIM/pid")"
	exit 143
fi
` + swapDocker

// Promise 10: whenever the time of the job is over, it leaves a server that serves,
// or says why none does.
func TestSwapEndsWhatItBeganWhenItsTimeIsOver(t *testing.T) {
	sick := []string{"health.sha256:new"}
	for _, tt := range []struct {
		name   string
		at     string   // the call that is struck
		is     []string // what the host is like, besides
		back   bool
		end    string
		code   int
		serves string
		how    string // the downtime is known
	}{
		{name: "before anything is touched", at: "_sqlx_migrations", end: "kept", code: 11, serves: "sha256:old"},
		{name: "stop", at: "stop -t 10", end: "kept", code: 11, serves: "sha256:old", how: "script"},
		{name: "stop, which goes on", at: "stop -t 10", is: []string{"late"}, end: "kept", code: 11, serves: "sha256:old", how: "script"},
		{name: "dump", at: "pg_dump -U", end: "kept", code: 11, serves: "sha256:old", how: "script"},
		{name: "reading the dump", at: "pg_restore", end: "kept", code: 11, serves: "sha256:old", how: "script"},
		{name: "starting the old server again", at: "start talk", is: []string{"fail.dump"}, end: "kept", code: 11, serves: "sha256:old", how: "script"},
		{name: "start", at: "up -d", end: "back", code: 10, serves: "sha256:old", how: "script"},
		{name: "start, which goes on", at: "up -d", is: append(sick, "late"), end: "back", code: 10, serves: "sha256:old", how: "script"},
		{name: "start, which goes on and migrates", at: "up -d", is: append(sick, "late", "migrated"), end: "migrated", code: 12, serves: "", how: "script"},
		{name: "start, and it commits while it is stopped", at: "up -d", is: append(sick, "late", "commits"), end: "migrated", code: 12, serves: "", how: "script"},
		{name: "waiting for health", at: "/api/health", is: sick, end: "back", code: 10, serves: "sha256:old", how: "script"},
		{name: "soak", at: "StartedAt", end: "healthy", serves: "sha256:new", how: "script"},
		{name: "soak of a sick one", at: "StartedAt", is: []string{"soaked"}, end: "back", code: 10, serves: "sha256:old", how: "script"},
		{name: "stopping a sick one", at: "stop -t 10 talk of sha256:new", is: sick, end: "back", code: 10, serves: "sha256:old", how: "script"},
		{name: "going back", at: "tag sha256:old", is: sick, end: "back", code: 10, serves: "sha256:old", how: "script"},
		{name: "after the decision", at: "sh -c kill", end: "healthy", serves: "sha256:new", how: "probe"},
		{name: "rollback: stop", at: "stop -t 10", back: true, end: "healthy", serves: "sha256:old", how: "script"},
		{name: "rollback: stop of one that commits", at: "stop -t 10", is: []string{"late", "commits"}, back: true, end: "migrated", code: 12, serves: "", how: "script"},
		{name: "rollback: name", at: "tag sha256:old", back: true, end: "healthy", serves: "sha256:old", how: "script"},
		{name: "rollback: start", at: "up -d", back: true, end: "healthy", serves: "sha256:old", how: "script"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := swapHost(t)
			h.Shim("docker", killedDocker)
			h.Write("term", tt.at+"\n")
			h.Write("work/overdue", "")
			h.Write("slow.stop", "0.1")
			for _, name := range tt.is {
				h.Write(name, "")
			}
			op := swapOp(h)
			if tt.back {
				h.Write("image", "sha256:new\n")
				h.Write("compose.yml", oldFile)
				op.IsRollback, op.Version, op.ImageRef, op.Dump, op.Files = true, "", "", "", nil
			}
			log, code := runSwap(t, h, op)
			if log.end != tt.end || code != tt.code || !h.Has("struck") {
				t.Fatalf("end %q, status %d; want %q, %d; notes %q", log.end, code, tt.end, tt.code, log.notes)
			}
			if said := strings.Contains(strings.Join(log.notes, "\n"), "the time of this job is over"); said != (tt.how != "probe") {
				t.Errorf("notes %q", log.notes)
			}
			serves := strings.TrimSpace(h.Read("image"))
			if h.Has("stopped") {
				serves = ""
			}
			if serves != tt.serves {
				t.Errorf("%q serves; want %q", serves, tt.serves)
			}
			if file := h.Read("compose.yml"); (file == oldFile) != (tt.end == "back" || tt.back) {
				t.Errorf("compose file %q", file)
			}
			if left := leftovers(t, h); len(left) > 0 || tt.end == "kept" && h.Has("backup/final.dump") {
				t.Errorf("left behind: %q", left)
			}
			if d := log.downtime(); d == nil && tt.how != "" || d != nil && d.How != tt.how {
				t.Errorf("away %+v; want it of the %q", d, tt.how)
			}
		})
	}
}

// Compose gets its arguments as they are, whatever is in them.
func TestSwapPassesTheArgumentsOfCompose(t *testing.T) {
	h := swapHost(t)
	h.Write("health.sha256:new", "")
	op := swapOp(h)
	odd := h.Path(`it's "a $(file) of \ .yml`)
	if err := os.Symlink("compose.yml", odd); err != nil {
		t.Fatal(err)
	}
	op.Project.Files = append(op.Project.Files, odd)
	log, _ := runSwap(t, h, op)
	ups := 0
	for _, call := range h.Log() {
		if strings.HasPrefix(call, "compose ") && strings.Contains(call, " -f "+odd+" up -d") {
			ups++
		}
	}
	if log.end != "back" || ups != 2 {
		t.Errorf("%q, %q", log.end, h.Log())
	}
}

// aJob is a host that sees how a job is started and followed.
type aJob struct {
	Host
	seconds []string // until TERM, and from there to KILL
	watched time.Duration
}

func (h *aJob) Run(ctx context.Context, cmd remote.Command) (remote.Result, error) {
	switch cmd.Name {
	case "start job":
		h.seconds = cmd.Args[2:4]
	case "look at job":
		end, _ := ctx.Deadline()
		h.watched = time.Until(end)
		return remote.Result{Stdout: []byte("ended 0 no\nend healthy\n")}, nil
	}
	return remote.Result{}, nil
}

// The script's trap may have to stop a server, ask the database and wait until the
// other server is healthy; whoever follows the job waits as long.
func TestSwapHasTimeToEndWhatItBegan(t *testing.T) {
	h := &aJob{}
	e := &Engine{Host: h, Watch: h, Plan: &plan.Plan{ID: "run"}, Workstation: Workstation{Now: time.Now}}
	if _, err := e.swap(t.Context(), "swap", plan.Swap{MaxDowntime: 60, Soak: 10}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(h.seconds, []string{"970", "300"}) || h.watched < 1270*time.Second {
		t.Errorf("TERM and KILL after %q, watched for %s", h.seconds, h.watched)
	}
}
