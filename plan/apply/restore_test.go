//go:build unix

package apply

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"liftalot/plan"
	"liftalot/plan/internal/shimhost"
	"liftalot/remote"
)

// restoreDocker is an engine with a server, a database and, where it is told to run one, a
// watchdog. Both renames of an exchange are done or neither.
const restoreDocker = `cd "$SHIM"
for sql; do :; done
case $* in
*"alter database"*"; alter database"*) printf '%s\n' "$sql" >>log
	[ ! -e inuse ] || exit 1
	[ ! -s back ] || { sed 1d back >b; mv b back; exit 1; }
	set -- $(echo "$sql" | tr -d ';"')
	grep -qx "$3" databases && ! grep -qx "$6" databases && grep -qx "$9" databases || exit 1
	sed "s/^$3\$/$6/; t; s/^$9\$/$3/" databases >d; mv d databases ;;
*"pg_restore -f /dev/null"*) cat >got; [ ! -e truncated ] ;;
*pg_restore*) cat >filled; printf '%s\n' "$*" >>log; [ ! -e conflict ] ;;
*pg_dump*) echo dump >>log; printf last; [ ! -e nodump ] ;;
*State.Running*) cat running ;;
"inspect -f {{.Id}} liftalot-watchdog-r1") cat watchdog ;;
run*--name\ liftalot-watchdog-r1*) [ ! -e nowatchdog ] || { echo "no such image" >&2; exit 125; }
	echo watchdog >>log; echo id >watchdog ;;
rm*liftalot-watchdog-r1) [ ! -e watchdog ] || { echo unwatched >>log; rm -f watchdog; } ;;
stop*) echo stop >>log; echo false >running ;;
start*) echo start >>log; [ ! -e nostart ] || exit 1; echo true >running ;;
*datname*count*|*"select count"*) [ ! -e silent ] || exit 2; n=${sql##*= \'}; n=${n%\'*}; grep -cx "$n" databases || : ;;
*"-v db="*) ask=$(cat)
	case $ask in
	*"how it was made"*) n=${*#*new=}; echo "create database \"${n%% *}\";" ;;
	*"what it was given"*) cat settings 2>/dev/null || : ;;
	*"all of it"*) case $* in *"db=chat "*) cat properties ;; *) cat properties; [ ! -e lacking ] || cat lacking ;; esac 2>/dev/null || : ;;
	*) printf '%s\n' "$ask" >>log
		case $ask in "create database"*) n=${ask#*\"}; echo "${n%%\"*}" >>databases ;; esac ;;
	esac ;;
*curl*) echo '{"status": "ok", "db_healthy": true}' ;;
inspect*RestartCount*) echo 0 ;;
*) printf '%s\n' "$sql" >>log
	case $sql in
	"create database"*) n=${sql#*\"}; echo "${n%%\"*}" >>databases ;;
	"drop database"*) n=${sql#*\"}; grep -vx "${n%%\"*}" databases >d; mv d databases ;;
	esac ;;
esac`

// A restoring is a host with a dump, and the three operations of a restore.
type restoring struct {
	*shimhost.Host
	fill plan.Fill
	op   plan.Restore
	undo plan.UndoRestore
}

func restoreHost(t *testing.T) *restoring {
	t.Helper()
	h := shimhost.New(t)
	h.Shim("docker", restoreDocker)
	h.Write("databases", "postgres\nchat\n")
	h.Write("running", "true\n")
	server := plan.WatchedServer{Container: "talk", Image: "sha256:old", Project: "chat", Service: "talk", Record: h.Path("record")}
	return &restoring{
		Host: h,
		fill: plan.Fill{Container: "db", User: "u", Database: "chat", Fresh: "chat_new", Dump: h.Write("final.dump", "final"), Fallback: h.Write("db.dump", "first")},
		op:   plan.Restore{Container: "db", User: "u", Database: "chat", Keep: "chat_before", Fresh: "chat_new", Final: h.Path("last.dump"), Server: server},
		undo: plan.UndoRestore{Container: "db", User: "u", Database: "chat", Keep: "chat_before", Fresh: "chat_new", Aside: "chat_restored", Server: server, Port: 8080},
	}
}

// filled is a host whose fresh database is full.
func filled(t *testing.T) *restoring {
	t.Helper()
	h := restoreHost(t)
	h.Write("databases", "postgres\nchat\nchat_new\n")
	return h
}

// engine is one that tries what was tried before.
func (h *restoring) engine() *Engine {
	e := onHost(h.Host)
	e.again = true
	return e
}

const (
	whole    = "postgres\nchat\n"
	beside   = "postgres\nchat\nchat_new\n"
	restored = "postgres\nchat_before\nchat\n"
	returned = "postgres\nchat\nchat_restored\n"
)

// The server goes on until the fresh database is full, and runs again when it is in place;
// as long as it is stopped a watchdog stands by.
func TestRestoreFillsAFreshDatabaseAndKeepsTheOld(t *testing.T) {
	h := restoreHost(t)
	if err := onHost(h.Host).fill(t.Context(), "fill", h.fill); err != nil {
		t.Fatal(err)
	}
	if h.Read("filled") != "final" || h.Read("databases") != beside || slices.Contains(h.Log(), "stop") {
		t.Errorf("from %q, databases %q, %q", h.Read("filled"), h.Read("databases"), h.Log())
	}
	if err := onHost(h.Host).restore(t.Context(), "restore", h.op); err != nil {
		t.Fatal(err)
	}
	if h.Read("databases") != restored || h.Read("running") != "true\n" || h.Read("last.dump") != "last" {
		t.Errorf("databases %q, running %q", h.Read("databases"), h.Read("running"))
	}
	var steps []string
	for _, l := range h.Log() {
		if strings.Contains(l, "--exit-on-error --single-transaction") {
			l = "fill"
		}
		if slices.Contains([]string{"fill", "watchdog", "stop", "dump", "start", "unwatched"}, l) || strings.HasPrefix(l, "drop") {
			steps = append(steps, l)
		}
	}
	if want := []string{"fill", "watchdog", "stop", "dump", "start", "unwatched"}; !slices.Equal(steps, want) {
		t.Errorf("%q; want %q", steps, want)
	}
	// Once more it only sees to it that the server runs.
	h.Write("log", "")
	if err := h.engine().restore(t.Context(), "restore", h.op); err != nil || !slices.Equal(h.Log(), []string{"start"}) {
		t.Errorf("%v; %q", err, h.Log())
	}
}

func TestRestoreFallsBackToTheFirstDump(t *testing.T) {
	h := restoreHost(t)
	h.fill.Dump += ".missing"
	if err := onHost(h.Host).fill(t.Context(), "fill", h.fill); err != nil || h.Read("filled") != "first" {
		t.Errorf("%v; %q", err, h.Read("filled"))
	}
}

// What cannot be filled leaves nothing, and the server is not touched.
func TestAFillThatFailsLeavesNothing(t *testing.T) {
	for _, fault := range []string{"truncated", "conflict"} {
		h := restoreHost(t)
		h.Write(fault, "")
		if err := onHost(h.Host).fill(t.Context(), "fill", h.fill); err == nil || h.Read("databases") != whole || slices.Contains(h.Log(), "stop") {
			t.Errorf("%s: %v, databases %q, log %q", fault, err, h.Read("databases"), h.Log())
		}
		if err := os.Remove(h.Path(fault)); err != nil {
			t.Fatal(err)
		}
		if err := h.engine().fill(t.Context(), "fill", h.fill); err != nil || h.Read("databases") != beside {
			t.Errorf("%s, again: %v; %q", fault, err, h.Read("databases"))
		}
	}
}

// Before the exchange nothing is lost, and the server serves: one that did not run is not
// started either. Without a watchdog it is not even stopped.
func TestRestoreThatFailsLeavesTheServerAsItWas(t *testing.T) {
	for _, tt := range []struct {
		fault, running string
		stops          bool
	}{
		{"nowatchdog", "true\n", false},
		{"nodump", "true\n", true},
		{"inuse", "true\n", true},
		{"inuse", "false\n", true},
	} {
		t.Run(tt.fault, func(t *testing.T) {
			t.Parallel()
			h := filled(t)
			h.Write("running", tt.running)
			h.Write(tt.fault, "")
			if err := onHost(h.Host).restore(t.Context(), "restore", h.op); err == nil {
				t.Error("no error")
			}
			if h.Read("databases") != beside || h.Read("running") != tt.running || h.Has("last.dump.part") || h.Has("watchdog") || slices.Contains(h.Log(), "stop") != tt.stops {
				t.Errorf("databases %q, running %q, log %q", h.Read("databases"), h.Read("running"), h.Log())
			}
			// With the cause gone it goes on from there.
			if err := os.Remove(h.Path(tt.fault)); err != nil {
				t.Fatal(err)
			}
			if err := h.engine().restore(t.Context(), "restore", h.op); err != nil || h.Read("databases") != restored || h.Read("last.dump") != "last" || h.Read("running") != "true\n" {
				t.Errorf("again: %v; %q, running %q", err, h.Read("databases"), h.Read("running"))
			}
		})
	}
}

// A server that an earlier try has stopped, and whose watchdog had not started it yet, ran.
func TestRestoreKnowsAServerThatAnEarlierTryHasStopped(t *testing.T) {
	h := filled(t)
	h.Write("running", "false\n")
	h.Write("watchdog", "id\n")
	h.Write("inuse", "")
	if err := onHost(h.Host).restore(t.Context(), "restore", h.op); err == nil || h.Read("running") != "true\n" || h.Has("watchdog") {
		t.Errorf("%v; running %q", err, h.Read("running"))
	}
}

// A server that cannot be started, since the engine is being shut down, is the watchdog's.
func TestRestoreLeavesAServerThatDoesNotStartToTheWatchdog(t *testing.T) {
	for what, run := range map[string]func(h *restoring) error{
		"restore": func(h *restoring) error { return onHost(h.Host).restore(t.Context(), "restore", h.op) },
		"return": func(h *restoring) error {
			h.Write("databases", restored)
			return onHost(h.Host).undoRestore(t.Context(), "return", h.undo)
		},
	} {
		h := filled(t)
		h.Write("nostart", "")
		if err := run(h); err == nil || !h.Has("watchdog") {
			t.Errorf("%s: %v; %q", what, err, h.Log())
		}
	}
}

// A database that does not answer has not said that another one is missing.
func TestRestoreDropsNothingWithoutAnAnswer(t *testing.T) {
	h := filled(t)
	h.Write("silent", "")
	if err := onHost(h.Host).fill(t.Context(), "fill", h.fill); err == nil || len(h.Log()) > 0 {
		t.Errorf("%v; %q", err, h.Log())
	}
	if err := onHost(h.Host).restore(t.Context(), "restore", h.op); err == nil || len(h.Log()) > 0 {
		t.Errorf("%v; %q", err, h.Log())
	}
}

// A restore that is rolled back leaves the former database under its name, the
// restored one aside, and the server running; done again it changes nothing.
func TestReturnGivesTheFormerDatabaseItsNameBack(t *testing.T) {
	for name, tt := range map[string]struct{ databases, want string }{
		"after the exchange":   {restored, returned},
		"after the fill":       {beside, whole},
		"before anything":      {whole, whole},
		"it was returned once": {returned, returned},
	} {
		h := restoreHost(t)
		h.Write("databases", tt.databases)
		for range 2 {
			if err := h.engine().undoRestore(t.Context(), "undo-restore", h.undo); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if h.Read("databases") != tt.want || h.Has("watchdog") {
				t.Errorf("%s: databases %q, want %q", name, h.Read("databases"), tt.want)
			}
		}
		if !slices.Contains(h.Log(), "start") {
			t.Errorf("%s: the server was not started", name)
		}
	}
}

// The last dump is taken with the server stopped, and again when the server has
// run since.
func TestRestoreTakesALastDump(t *testing.T) {
	for running, want := range map[string]string{"true\n": "last", "false\n": "of an earlier try"} {
		h := filled(t)
		h.Write("running", running)
		h.Write("last.dump", "of an earlier try")
		if err := onHost(h.Host).restore(t.Context(), "restore", h.op); err != nil || h.Read("last.dump") != want {
			t.Fatalf("%v; %q", err, h.Read("last.dump"))
		}
		log := h.Log()
		if stop, dump := slices.Index(log, "stop"), slices.Index(log, "dump"); stop < 0 || want == "last" && dump < stop {
			t.Errorf("%q", log)
		}
	}
}

// cutOff runs a script with each of its calls of docker failing, or the script killed before
// or after it, and hands over what is left, and a way to run it again.
func cutOff(t *testing.T, script string, args func(h *restoring) []string, host func(t *testing.T) *restoring, check func(h *restoring, at string, err error, again func() error)) {
	t.Helper()
	for _, how := range []string{"exit 1", `kill -9 "$(cat "$SHIM/script")"; exit 1`, `sh "$SHIM/docker" "$@"; kill -9 "$(cat "$SHIM/script")"; exit 1`} {
		for n := 1; ; n++ {
			h := host(t)
			h.Write("docker", restoreDocker)
			h.Write("job/.made", "")
			h.Shim("docker", fmt.Sprintf(`echo >>"$SHIM/calls"; if [ "$(wc -l <"$SHIM/calls")" -eq %d ]; then %s; fi; exec sh "$SHIM/docker" "$@"`, n, how))
			run := func() error {
				_, err := h.Run(t.Context(), remote.Command{Script: "echo $$ >\"$SHIM/script\"\n" + script, Args: args(h)})
				return err
			}
			err := run()
			if strings.Count(h.Read("calls"), "\n") < n {
				if err != nil || n < 6 {
					t.Errorf("%q: %d calls, %v", how, n, err)
				}
				break
			}
			check(h, fmt.Sprintf("call %d, %s", n, how), err, run)
		}
	}
}

// served holds what is left against the promise: there is one database of the name, and the
// server runs, or its watchdog stands by to start it.
func (h *restoring) served(t *testing.T, at string) {
	t.Helper()
	if all := h.Read("databases"); strings.Count("\n"+all, "\nchat\n") != 1 {
		t.Errorf("%s: databases %q", at, all)
	}
	if h.Read("running") != "true\n" && !h.Has("watchdog") {
		t.Errorf("%s: nobody starts the server: %q", at, h.Log())
	}
}

// watched are what scripts take of a server, with a job's folder that is there.
func (h *restoring) watched(s plan.WatchedServer) []string {
	return append([]string{h.Path("job")}, onHost(h.Host).watchedArgs("", s)[1:]...)
}

// Whatever call it is that fails, or at which a script is killed, before the call or after
// it: another try ends well, and until then one server is there, or somebody who starts it.
func TestRestoreEndsWellWhereverItWasCutOff(t *testing.T) {
	fill := func(h *restoring) []string {
		return []string{h.fill.Container, h.fill.User, h.fill.Database, h.fill.Dump, h.fill.Fallback, h.fill.Fresh}
	}
	cutOff(t, fillScript, fill, restoreHost, func(h *restoring, at string, err error, again func() error) {
		h.served(t, at)
		if err != nil && strings.HasSuffix(at, ", exit 1") && h.Read("databases") != whole {
			t.Errorf("%s: databases %q", at, h.Read("databases"))
		}
		if err := again(); err != nil || h.Read("databases") != beside || slices.Contains(h.Log(), "stop") {
			t.Errorf("%s: %v; databases %q", at, err, h.Read("databases"))
		}
	})
	restore := func(h *restoring) []string {
		return append([]string{"db", "u", "chat", h.op.Keep, h.op.Fresh, h.op.Final}, h.watched(h.op.Server)...)
	}
	cutOff(t, restoreScript, restore, filled, func(h *restoring, at string, err error, again func() error) {
		h.served(t, at)
		if err := again(); err != nil || h.Read("databases") != restored || h.Read("running") != "true\n" || h.Read("last.dump") != "last" || h.Has("watchdog") {
			t.Errorf("%s: %v; databases %q, running %q", at, err, h.Read("databases"), h.Read("running"))
		}
	})
}

// The same for its undo: a database that does not say whether the former one is there has
// not said that it never was renamed.
func TestReturnEndsWellWhereverItWasCutOff(t *testing.T) {
	host := func(t *testing.T) *restoring {
		h := restoreHost(t)
		h.Write("databases", restored)
		return h
	}
	args := func(h *restoring) []string {
		return append([]string{"db", "u", "chat", h.undo.Keep, h.undo.Aside, h.undo.Fresh}, h.watched(h.undo.Server)...)
	}
	cutOff(t, undoRestoreScript, args, host, func(h *restoring, at string, err error, again func() error) {
		h.served(t, at)
		if all := h.Read("databases"); err == nil && all != returned {
			t.Errorf("%s: no error, and databases %q", at, all)
		}
		if err := again(); err != nil || h.Read("databases") != returned || h.Read("running") != "true\n" {
			t.Errorf("%s: %v; databases %q", at, err, h.Read("databases"))
		}
	})
}

// Somebody who connects again between the end of his connection and the rename keeps
// neither the restore nor its undo from their end.
func TestARenameOutlastsWhoComesBack(t *testing.T) {
	h := filled(t)
	h.Write("back", strings.Repeat("again\n", 9))
	if err := onHost(h.Host).restore(t.Context(), "restore", h.op); err != nil || h.Read("databases") != restored {
		t.Errorf("%v; %q", err, h.Read("databases"))
	}
	h.Write("back", strings.Repeat("again\n", 9))
	if err := onHost(h.Host).undoRestore(t.Context(), "return", h.undo); err != nil || h.Read("databases") != returned {
		t.Errorf("%v; %q", err, h.Read("databases"))
	}
}

// R13: what is not like the present database stops before the server is, and is named.
func TestRestoreStopsWhereAPropertyCannotBePutBack(t *testing.T) {
	h := restoreHost(t)
	h.Write("properties", "owner\tabc\nencoding\tdef\n")
	h.Write("settings", `alter database "chat_new" set a to 'b';`)
	h.Write("lacking", "setting a\tghi\n")
	err := onHost(h.Host).fill(t.Context(), "fill", h.fill)
	if err == nil || !strings.Contains(err.Error(), "like chat, which has another: setting a") {
		t.Errorf("%v", err)
	}
	if h.Read("databases") != whole || h.Read("running") != "true\n" || slices.Contains(h.Log(), "stop") {
		t.Errorf("databases %q, log %q", h.Read("databases"), h.Log())
	}
	if !slices.Contains(h.Log(), `alter database "chat_new" set a to 'b';`) {
		t.Errorf("it was not tried: %q", h.Log())
	}
}
