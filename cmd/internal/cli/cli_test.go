// The command line is tested by stories: scripts in testdata that type what an
// operator types and look at what an operator sees. Those in testdata/desk need
// nothing but this machine. Those in testdata/server run against throw-away
// servers, look at them from outside the tool, and need a Docker engine.
//
//	go test ./cmd/internal/cli           all stories
//	go test ./cmd/internal/cli -short    those of the desk; says what was left out
//
// LIFTALOT_REQUIRE_DOCKER=1 makes a missing engine a failure. LIFTALOT_SERVERS
// is how many stories may have servers at a time, three if it is not set.
// LIFTALOT_EVERY=1 strikes at every step where a step of each kind is the rule. The
// stories on real public compose files look for them in LIFTALOT_CORPUS, or in
// shared/corpus beside the project.
//
// # The words of a story
//
// Beside those of testscript a story knows:
//
//	host NAME SCENARIO [user=USER] [compose=FILE]   boot a server
//	inventory [[HOST.]KEY=VALUE...]                 write inventory.yml anew
//	on HOST SCRIPT                                  run a script there as root, not over ssh
//	state HOST                                      print all that must survive a rollback
//	upgraded HOST VERSION                           hold a server against the promises
//	clean HOST                                      nothing of ours is left beside the backup
//	healthy HOST                                    wait until the server is well
//	fault HOST KIND [ARG]                           break something, or mend it
//	release KEY=VALUE...                            what the vendor offers next
//	registry MODE [USER PASSWORD [REALM]]           who may pull, and where tokens come from
//	vendor STATUS PATH-PREFIX                       the vendor's hosts refuse; "vendor well" mends
//	exits STATUS COMMAND [ARG...]                   run a command that ends so
//	await HOST STEP                                 until the journal says STEP was begun
//	killed HOST STEP COMMAND [ARG...]               run it, kill it with -9 once STEP is begun
//	background SIGNAL                               send one to the command in the background
//	exited STATUS                                   how the command in the background ended
//	secretless HOST PATH...                         no secret of the server is in these files
//	locked FILE PASSPHRASE                          write the operator's ssh key there, locked
//	watch HOST; seen HOST                           print every command line there in between
//	corpus NAME FILE                                copy a real public compose file here
//	install HOST FILE                               bring the stack up from a compose file
//	bucket                                          start a real S3 store, and write it into inventory.yml
package cli

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"liftalot":   func() { os.Exit(Main(os.Args[1:], Process())) },
		hostsProgram: serveHosts,
		"age":        openAge,
	})
}

func TestDesk(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "desk"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

func TestServers(t *testing.T) {
	if testing.Short() {
		fmt.Fprintln(os.Stderr, "NOT RUN: the stories on throw-away servers, because of -short")
		t.Skip("NOT RUN: -short")
	}
	w := newWorlds()
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "server"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               w.setup,
		Condition:           condition,
		Cmds:                words(),
	})
}

// exits runs a command and holds its status against the one given.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS COMMAND [ARG...]")
	}
	want := number(ts, args[0])
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%s: %v", args[1], err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}
