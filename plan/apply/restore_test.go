//go:build unix

package apply

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"liftalot/plan"
	"liftalot/plan/internal/shimhost"
	"liftalot/remote"
)

const restoreDocker = `cd "$SHIM"
for sql; do :; done
case $* in
*"alter database"*) printf '%s\n' "$sql" >>log
	[ ! -e inuse ] || exit 1
	[ ! -s back ] || { sed 1d back >b; mv b back; exit 1; }
	n=${sql#*\"}; n=${n%%\"*}; m=${sql##*to \"}; m=${m%\"*}; sed "s/^$n\$/$m/" databases >d; mv d databases ;;
*"pg_restore -f /dev/null"*) cat >got; [ ! -e truncated ] ;;
*pg_restore*) cat >filled; printf '%s\n' "$*" >>log; [ ! -e conflict ] ;;
*pg_dump*) echo dump >>log; printf last; [ ! -e nodump ] ;;
*State.Running*) cat running ;;
stop*) echo stop >>log; echo false >running ;;
start*) echo start >>log; echo true >running ;;
*datname*count*|*"select count"*) [ ! -e silent ] || exit 2; n=${sql##*= \'}; n=${n%\'*}; grep -cx "$n" databases || : ;;
*"-v db="*) ask=$(cat)
	case $ask in
	*"how it was made"*) n=${*#*new=}; echo "create database \"${n%% *}\";" ;;
	*"what it was given"*) cat settings 2>/dev/null || : ;;
	*"all of it"*) case $* in *"db=chat "*) cat properties ;; *) cat properties; [ ! -e lacking ] || cat lacking ;; esac 2>/dev/null || : ;;
	*) printf '%s\n' "$ask" >>log
		case $ask in "create database"*) n=${ask#*\"}; echo "${n%%\"*}" >>databases ;; esac ;;
	esac ;;
*) printf '%s\n' "$sql" >>log
	case $sql in
	"create database"*) n=${sql#*\"}; echo "${n%%\"*}" >>databases ;;
	"drop database"*) n=${sql#*\"}; grep -vx "${n%%\"*}" databases >d; mv d databases ;;
	esac ;;
esac`

var restoreOp = plan.Restore{Container: "db", User: "u", Database: "chat", Keep: "chat_before", Server: "talk"}

func restoreHost(t *testing.T) (*shimhost.Host, plan.Restore) {
	t.Helper()
	h := shimhost.New(t)
	h.Shim("docker", restoreDocker)
	h.Write("databases", "postgres\nchat\n")
	h.Write("running", "true\n")
	op := restoreOp
	op.Dump, op.Fallback = h.Write("final.dump", "final"), h.Write("db.dump", "first")
	return h, op
}

// The server goes on until the fresh database is full.
func TestRestoreFillsAFreshDatabaseAndKeepsTheOld(t *testing.T) {
	h, op := restoreHost(t)
	if err := onHost(h).restore(t.Context(), "restore", op); err != nil {
		t.Fatal(err)
	}
	if h.Read("filled") != "final" || h.Read("databases") != "postgres\nchat_before\nchat\n" {
		t.Errorf("from %q, databases %q", h.Read("filled"), h.Read("databases"))
	}
	log := strings.Join(h.Log(), "\n")
	if filled, stop := strings.Index(log, "--exit-on-error --single-transaction"), strings.Index(log, "stop\n"); filled < 0 || stop < filled {
		t.Errorf("%s", log)
	}
	if strings.Contains(log, "drop") || h.Read("running") != "false\n" {
		t.Errorf("%s", log)
	}
	// Once more is no change.
	before := h.Log()
	if err := onHost(h).restore(t.Context(), "restore", op); err != nil || len(h.Log()) != len(before) {
		t.Errorf("%v; %q", err, h.Log()[len(before):])
	}
}

func TestRestoreFallsBackToTheFirstDump(t *testing.T) {
	h, op := restoreHost(t)
	op.Dump += ".missing"
	if err := onHost(h).restore(t.Context(), "restore", op); err != nil || h.Read("filled") != "first" {
		t.Errorf("%v; %q", err, h.Read("filled"))
	}
}

// Before the renames nothing is lost, nothing is left, and the server serves: one
// that did not run is not started either.
func TestRestoreThatFailsLeavesTheServerAsItWas(t *testing.T) {
	for _, tt := range []struct {
		fault, running string
		stops          bool
	}{
		{"truncated", "true\n", false},
		{"conflict", "true\n", false},
		{"nodump", "true\n", true},
		{"inuse", "true\n", true},
		{"inuse", "false\n", true},
	} {
		t.Run(tt.fault, func(t *testing.T) {
			t.Parallel()
			h, op := restoreHost(t)
			op.Final = h.Path("last.dump")
			h.Write("running", tt.running)
			h.Write(tt.fault, "")
			if err := onHost(h).restore(t.Context(), "restore", op); err == nil {
				t.Error("no error")
			}
			if h.Read("databases") != "postgres\nchat\n" || h.Read("running") != tt.running || h.Has("last.dump.part") || slices.Contains(h.Log(), "stop") != tt.stops {
				t.Errorf("databases %q, running %q, log %q", h.Read("databases"), h.Read("running"), h.Log())
			}
			// With the cause gone it goes on from there.
			if err := os.Remove(h.Path(tt.fault)); err != nil {
				t.Fatal(err)
			}
			e := onHost(h)
			e.again = true
			if err := e.restore(t.Context(), "restore", op); err != nil || h.Read("databases") != "postgres\nchat_before\nchat\n" || h.Read("last.dump") != "last" {
				t.Errorf("again: %v; %q", err, h.Read("databases"))
			}
		})
	}
}

// A database that does not answer has not said that another one is missing.
func TestRestoreDropsNothingWithoutAnAnswer(t *testing.T) {
	h, op := restoreHost(t)
	h.Write("databases", "postgres\nchat_before\nchat_before_new\n")
	h.Write("silent", "")
	if err := onHost(h).restore(t.Context(), "restore", op); err == nil || len(h.Log()) > 0 {
		t.Errorf("%v; %q", err, h.Log())
	}
}

// A restore that is taken back leaves the former database under its name, the
// restored one aside, and the server running; done again it changes nothing.
func TestReturnGivesTheFormerDatabaseItsNameBack(t *testing.T) {
	back := plan.UndoRestore{Container: "db", User: "u", Database: "chat", Keep: "chat_before", Aside: "chat_restored", Server: "talk", Port: 8080}
	for name, tt := range map[string]struct{ databases, want string }{
		"after both renames":   {"chat_before\nchat\n", "chat\nchat_restored\n"},
		"between the renames":  {"chat_before\nchat_before_new\n", "chat\nchat_restored\n"},
		"while it was filled":  {"chat\nchat_before_new\n", "chat\n"},
		"before anything":      {"chat\n", "chat\n"},
		"it was returned once": {"chat\nchat_restored\n", "chat\nchat_restored\n"},
	} {
		h, _ := restoreHost(t)
		h.Write("databases", tt.databases)
		h.Shim("docker", `case $* in
start*) echo start >>"$SHIM/log"; exit ;;
*curl*) echo '{"status": "ok", "db_healthy": true}'; exit ;;
inspect*) echo 0; exit ;;
esac
`+restoreDocker)
		for range 2 {
			e := onHost(h)
			e.again = true
			if err := e.undoRestore(t.Context(), "undo-restore", back); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			e.again = true
			if h.Read("databases") != tt.want {
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
		h, op := restoreHost(t)
		h.Write("running", running)
		op.Final = h.Write("final", "of an earlier try")
		if err := onHost(h).restore(t.Context(), "restore", op); err != nil || h.Read("final") != want {
			t.Fatalf("%v; %q", err, h.Read("final"))
		}
		log := h.Log()
		if stop, dump := slices.Index(log, "stop"), slices.Index(log, "dump"); stop < 0 || want == "last" && dump < stop {
			t.Errorf("%q", log)
		}
	}
}

// A crash between the two renames leaves no database of the name; the dump is not
// needed any more, and the server, which could not run, is not started.
func TestRestoreGoesOnBetweenTheTwoRenames(t *testing.T) {
	h, op := restoreHost(t)
	h.Write("databases", "postgres\nchat_before\nchat_before_new\n")
	h.Write("inuse", "")
	if err := onHost(h).restore(t.Context(), "restore", op); err == nil || h.Read("databases") != "postgres\nchat_before\nchat_before_new\n" || h.Read("running") != "false\n" {
		t.Errorf("%v; %q", err, h.Log())
	}
	if err := errors.Join(os.Remove(h.Path("inuse")), os.Remove(op.Dump)); err != nil {
		t.Fatal(err)
	}
	e := onHost(h)
	e.again = true
	if err := e.restore(t.Context(), "restore", op); err != nil || h.Read("databases") != "postgres\nchat_before\nchat\n" || h.Read("filled")+h.Read("got") != "" {
		t.Errorf("%v; %q; filled %q", err, h.Read("databases"), h.Read("filled"))
	}
}

// Whatever call it is that fails, or at which the script is killed, before the call
// or after it: another try ends well. What failed before the first rename leaves the
// server running and nothing of its own.
func TestRestoreEndsWellWhereverItWasCutOff(t *testing.T) {
	for _, how := range []string{"exit 1", `kill -9 "$(cat "$SHIM/script")"; exit 1`, `sh "$SHIM/docker" "$@"; kill -9 "$(cat "$SHIM/script")"; exit 1`} {
		cut := true
		for n := 1; cut; n++ {
			h, op := restoreHost(t)
			op.Final = h.Path("last.dump")
			h.Write("docker", restoreDocker)
			h.Shim("docker", fmt.Sprintf(`echo >>"$SHIM/calls"; if [ "$(wc -l <"$SHIM/calls")" -eq %d ]; then %s; fi; exec sh "$SHIM/docker" "$@"`, n, how))
			run := func() error {
				_, err := h.Run(t.Context(), remote.Command{
					Script: "echo $$ >\"$SHIM/script\"\n" + restoreScript,
					Args:   []string{op.Container, op.User, op.Database, op.Dump, op.Fallback, op.Keep, op.Server, op.Final},
				})
				return err
			}
			err := run()
			if cut = strings.Count(h.Read("calls"), "\n") >= n; !cut {
				if err != nil || n < 10 {
					t.Errorf("%q: %d calls, %v", how, n, err)
				}
				break
			}
			if all := h.Read("databases"); err != nil && how == "exit 1" && !strings.Contains(all, "chat_before\n") &&
				(all != "postgres\nchat\n" || h.Read("running") != "true\n" || h.Has("last.dump.part")) {
				t.Errorf("call %d fails: databases %q, running %q", n, all, h.Read("running"))
			}
			if err := run(); err != nil || h.Read("databases") != "postgres\nchat_before\nchat\n" || h.Read("running") != "false\n" || h.Read("last.dump") != "last" {
				t.Errorf("call %d, %q: %v; databases %q", n, how, err, h.Read("databases"))
			}
		}
	}
}

// The same for the rollback: a database that does not say whether the former one is there
// has not said that it never was renamed.
func TestReturnEndsWellWhereverItWasCutOff(t *testing.T) {
	for _, how := range []string{"exit 1", `kill -9 "$(cat "$SHIM/script")"; exit 1`, `sh "$SHIM/docker" "$@"; kill -9 "$(cat "$SHIM/script")"; exit 1`} {
		cut := true
		for n := 1; cut; n++ {
			h, op := restoreHost(t)
			h.Write("databases", "postgres\nchat_before\nchat\n")
			h.Write("docker", restoreDocker)
			h.Shim("docker", fmt.Sprintf(`echo >>"$SHIM/calls"; if [ "$(wc -l <"$SHIM/calls")" -eq %d ]; then %s; fi; exec sh "$SHIM/docker" "$@"`, n, how))
			run := func() error {
				_, err := h.Run(t.Context(), remote.Command{
					Script: "echo $$ >\"$SHIM/script\"\n" + undoRestoreScript,
					Args:   []string{op.Container, op.User, op.Database, op.Keep, "chat_restored", op.Server},
				})
				return err
			}
			err := run()
			if cut = strings.Count(h.Read("calls"), "\n") >= n; !cut {
				if err != nil || n < 6 {
					t.Errorf("%q: %d calls, %v", how, n, err)
				}
				break
			}
			const want = "postgres\nchat\nchat_restored\n"
			if all := h.Read("databases"); err == nil && all != want {
				t.Errorf("call %d, %q: no error, and databases %q", n, how, all)
			}
			if err := run(); err != nil || h.Read("databases") != want {
				t.Errorf("call %d, %q: %v; databases %q", n, how, err, h.Read("databases"))
			}
		}
	}
}

// Somebody who connects again between the end of his connection and the rename keeps
// neither the restore nor its undo from their end.
func TestARenameOutlastsWhoComesBack(t *testing.T) {
	h, op := restoreHost(t)
	h.Write("back", strings.Repeat("again\n", 9))
	if err := onHost(h).restore(t.Context(), "restore", op); err != nil || h.Read("databases") != "postgres\nchat_before\nchat\n" {
		t.Errorf("%v; %q", err, h.Read("databases"))
	}
	h.Write("back", strings.Repeat("again\n", 9))
	h.Shim("docker", `case $* in
*curl*) echo '{"status": "ok", "db_healthy": true}'; exit ;;
inspect*) echo 0; exit ;;
esac
`+restoreDocker)
	back := plan.UndoRestore{Container: "db", User: "u", Database: "chat", Keep: "chat_before", Aside: "chat_restored", Server: "talk", Port: 8080}
	if err := onHost(h).undoRestore(t.Context(), "return", back); err != nil || h.Read("databases") != "postgres\nchat\nchat_restored\n" {
		t.Errorf("%v; %q", err, h.Read("databases"))
	}
}

// R13: what is not like the present database stops before the server is, and is named.
func TestRestoreStopsWhereAPropertyCannotBePutBack(t *testing.T) {
	h, op := restoreHost(t)
	h.Write("properties", "owner\tabc\nencoding\tdef\n")
	h.Write("settings", `alter database "chat_before_new" set a to 'b';`)
	h.Write("lacking", "setting a\tghi\n")
	err := onHost(h).restore(t.Context(), "restore", op)
	if err == nil || !strings.Contains(err.Error(), "like chat, which has another: setting a") {
		t.Errorf("%v", err)
	}
	if h.Read("databases") != "postgres\nchat\n" || h.Read("running") != "true\n" || slices.Contains(h.Log(), "stop") {
		t.Errorf("databases %q, log %q", h.Read("databases"), h.Log())
	}
	if !slices.Contains(h.Log(), `alter database "chat_before_new" set a to 'b';`) {
		t.Errorf("it was not tried: %q", h.Log())
	}
}
