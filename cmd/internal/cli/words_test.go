package cli

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/crypto/ssh"

	"liftalot/plan/journal"
	"liftalot/testenv/fakevendor"
)

// words are the commands that only stories on servers know.
func words() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"host": bootHost, "inventory": writeInventory, "on": runOn, "state": script("state.sh"), "upgraded": script("upgraded.sh"), "panel": script("panel.sh"),
		"clean": script("clean.sh"), "properties": script("properties.sh"), "watch": script("watch.sh"), "seen": script("seen.sh"), "healthy": waitHealthy, "outside": askOutside, "fault": breakHost, "release": setRelease, "registry": setRegistry, "vendor": breakVendor,
		"exits": exits, "await": awaitStep, "killed": killAt, "background": signalBackground, "exited": exited, "secretless": secretless, "locked": lockKey, "corpus": corpus, "install": install, "bucket": useBucket,
	}
}

// runOn is: on HOST SCRIPT, where SCRIPT may be a file of the story.
func runOn(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: on HOST SCRIPT")
	}
	text := args[1]
	if strings.HasSuffix(text, ".sh") {
		text = ts.ReadFile(text)
	}
	execute(ts, neg, args[0], text)
}

// script is a word whose script lies in testdata/host: WORD HOST [ARG...].
func script(name string) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if len(args) < 1 {
			ts.Fatalf("usage: %s HOST [ARG...]", strings.TrimSuffix(name, ".sh"))
		}
		text, err := os.ReadFile(filepath.Join("testdata", "host", name))
		ts.Check(err)
		execute(ts, neg, args[0], "set -- '"+strings.Join(args[1:], "' '")+"'\n"+string(text))
	}
}

func execute(ts *testscript.TestScript, neg bool, host, text string) {
	w := of(ts)
	stdout, stderr, code, err := w.host(ts, host).Exec(w.tb.Context(), text)
	ts.Check(err)
	_, _ = ts.Stdout().Write([]byte(stdout)) // kept in memory
	_, _ = ts.Stderr().Write([]byte(stderr))
	if neg == (code == 0) {
		ts.Fatalf("exit status %d on %s\n%s%s", code, host, stdout, stderr)
	}
}

func waitHealthy(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: healthy HOST")
	}
	w := of(ts)
	ts.Check(w.host(ts, args[0]).WaitHealthy(w.tb.Context()))
}

// breakHost is: fault HOST pause|unpause|cut|mend|reboot|crash|fill|free [PATH].
func breakHost(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: fault HOST KIND [PATH]")
	}
	w := of(ts)
	h, ctx := w.host(ts, args[0]), w.tb.Context()
	where := "/"
	if len(args) > 2 {
		where = args[2]
	}
	switch args[1] {
	case "pause":
		ts.Check(h.Pause(ctx))
	case "unpause":
		ts.Check(h.Unpause(ctx))
	case "cut":
		ts.Check(h.Cut(ctx))
	case "mend":
		ts.Check(h.Mend(ctx))
	case "reboot":
		ts.Check(h.Reboot(ctx))
	case "crash":
		ts.Check(h.Crash(ctx))
	case "fill":
		ts.Check(h.FillDisk(ctx, where))
	case "free":
		ts.Check(h.FreeDisk(ctx, where))
	default:
		ts.Fatalf("unknown fault %q", args[1])
	}
}

// setRelease is: release KEY=VALUE..., the keys being those of fakevendor.Release;
// "signature" stands for both of its signatures.
func setRelease(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("unsupported: ! release")
	}
	fields := map[string]any{"version": "0.24.6"}
	for key, value := range settings(ts, args) {
		switch key {
		case "signature":
			fields["manifest_signature"], fields["image_signature"] = value, value
		case "migrations":
			fields[key] = number(ts, value)
		case "moved_tag", "unsigned_proxy":
			fields[key] = value == "true"
		case "after":
			fields["extra"] = map[string]string{key: value}
		default:
			fields[key] = value
		}
	}
	data, err := json.Marshal(fields)
	ts.Check(err)
	var r fakevendor.Release
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	ts.Check(dec.Decode(&r))
	w := of(ts)
	_, err = w.env.Fixture().SetRelease(w.tb.Context(), r)
	ts.Check(err)
}

// setRegistry is: registry MODE [USER PASSWORD [REALM]].
func setRegistry(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 && len(args) != 3 && len(args) != 4 {
		ts.Fatalf("usage: registry MODE [USER PASSWORD [REALM]]")
	}
	auth := fakevendor.Auth{Mode: fakevendor.AuthMode(args[0])}
	w := of(ts)
	if len(args) == 4 {
		auth.Realm = args[3]
	}
	if len(args) > 1 {
		auth.User, auth.Password = args[1], args[2]
		w.secrets = append(w.secrets, args[2])
	}
	ts.Check(w.env.Fixture().SetAuth(w.tb.Context(), auth))
}

// lockKey is: locked FILE PASSPHRASE. It writes the operator's key there, locked.
func lockKey(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: locked FILE PASSPHRASE")
	}
	w := of(ts)
	open, err := os.ReadFile(w.env.KeyFile())
	ts.Check(err)
	key, err := ssh.ParseRawPrivateKey(open)
	ts.Check(err)
	block, err := ssh.MarshalPrivateKeyWithPassphrase(key, "", []byte(args[1]))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), pem.EncodeToMemory(block), 0o600))
	w.secrets = append(w.secrets, args[1])
}

// breakVendor is: vendor STATUS PATH-PREFIX, which every request beneath it gets,
// or: vendor well.
func breakVendor(ts *testscript.TestScript, neg bool, args []string) {
	w := of(ts)
	switch {
	case !neg && len(args) == 1 && args[0] == "well":
		ts.Check(w.env.Fixture().ClearFaults(w.tb.Context()))
	case !neg && len(args) == 2:
		ts.Check(w.env.Fixture().SetFault(w.tb.Context(), fakevendor.Fault{
			Kind: fakevendor.FaultStatus, Status: number(ts, args[0]), PathPrefix: args[1],
		}))
	default:
		ts.Fatalf("usage: vendor STATUS PATH-PREFIX, or: vendor well")
	}
}

// How long a step may be awaited, and how often it is looked for.
const (
	awaitTime = 3 * time.Minute
	awaitTick = 5 * time.Millisecond
)

// awaitStep is: await HOST STEP. It remembers the command in the background, so
// that its end can be asked for when it is gone.
func awaitStep(ts *testscript.TestScript, neg bool, args []string) {
	running := ts.BackgroundCmds()
	if neg || len(args) != 2 || len(running) != 1 {
		ts.Fatalf("usage, with one command in the background: await HOST STEP")
	}
	w := of(ts)
	w.struck = func() int { return running[0].ProcessState.ExitCode() }
	tick := time.NewTicker(awaitTick)
	defer tick.Stop()
	giveUp := time.NewTimer(awaitTime)
	defer giveUp.Stop()
	folder := filepath.Join(w.dir, ".liftalot", "hosts", args[0])
	for {
		if under(folder, args[0]) == args[1] {
			return
		}
		select {
		case <-tick.C:
		case <-giveUp.C:
			ts.Fatalf("step %q was not begun in %s", args[1], awaitTime)
		case <-w.tb.Context().Done():
			ts.Fatalf("the test is over")
		}
	}
}

// under is the step that a host's journal says is under way.
func under(folder, host string) string {
	content, err := journal.Load(folder, host)
	if err != nil || len(content.Records) == 0 {
		return ""
	}
	last := content.Records[len(content.Records)-1]
	if last.Kind != journal.Intent && last.Kind != journal.UndoIntent {
		return ""
	}
	return last.Step
}

// exited is: exited STATUS, after the builtin wait.
func exited(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: exited STATUS")
	}
	if got, want := of(ts).struck(), number(ts, args[0]); got != want {
		ts.Fatalf("the command in the background ended with %d, want %d", got, want)
	}
}
