package sim_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"liftalot/testenv/sim"
	"liftalot/testenv/sim/machine"
)

// A goldenFile is a table of scripts with what the real programs make of them. Its rows
// are indented by two blanks: "$ " begins a script, "> " continues it, and what stands
// below is its standard output, then "(no newline)" where that does not end with one, and
// "[STATUS]" or "[STATUS, stderr]" where the status is not 0 or something was said on
// standard error. Other lines are comments.
type goldenFile struct {
	name string
	rows []*goldenRow
}

type goldenRow struct {
	comment, script, want string
	line                  int
}

func readGolden(t *testing.T, name string) *goldenFile {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	must(t, err)
	f, comment := &goldenFile{name: name}, ""
	for i, line := range strings.Split(strings.TrimSuffix(string(data), "\n"), "\n") {
		text, indented := strings.CutPrefix(line, "  ")
		script, begins := strings.CutPrefix(text, "$ ")
		more, continues := strings.CutPrefix(text, "> ")
		switch {
		case !indented:
			comment += line + "\n"
		case begins:
			f.rows = append(f.rows, &goldenRow{comment: comment, script: script, line: i + 1})
			comment = ""
		case continues && f.rows[len(f.rows)-1].want == "":
			f.rows[len(f.rows)-1].script += "\n" + more
		default:
			f.rows[len(f.rows)-1].want += text + "\n"
		}
	}
	return f
}

// record writes what was got from the real programs in place of what was wanted.
func (f *goldenFile) record(t *testing.T, got []string) {
	t.Helper()
	var b strings.Builder
	for i, r := range f.rows {
		b.WriteString(r.comment)
		for j, line := range strings.Split(r.script, "\n") {
			b.WriteString([]string{"  $ ", "  > "}[min(j, 1)] + line + "\n")
		}
		for line := range strings.Lines(got[i]) {
			b.WriteString("  " + line)
		}
	}
	must(t, os.WriteFile(filepath.Join("testdata", f.name), []byte(b.String()), 0o644))
}

// ended is what a row says of an end.
func ended(stdout string, status int, stderr bool) string {
	if stdout != "" && !strings.HasSuffix(stdout, "\n") {
		stdout += "\n(no newline)\n"
	}
	switch {
	case stderr:
		stdout += fmt.Sprintf("[%d, stderr]\n", status)
	case status != 0:
		stdout += fmt.Sprintf("[%d]\n", status)
	}
	return stdout
}

func (f *goldenFile) compare(t *testing.T, who string, got []string) {
	t.Helper()
	for i, r := range f.rows {
		if got[i] != r.want {
			t.Errorf("testdata/%s:%d: %s\n%s says:\n%sthe table has:\n%s", f.name, r.line, r.script, who, got[i], r.want)
		}
	}
}

// TestShellAndTools holds the simulated shell and tools against what a real /bin/sh and
// coreutils say, and the latter against the table, too, where the machine has them:
// LIFTALOT_GOLDEN=1 writes it anew.
func TestShellAndTools(t *testing.T) {
	for _, name := range []string{"shell.golden", "tools.golden"} {
		t.Run(name, func(t *testing.T) {
			f := readGolden(t, name)
			if real := realShell(t, f); real != nil && recording() {
				f.record(t, real)
				return
			} else if real != nil {
				f.compare(t, "the real one", real)
			}
			f.compare(t, "the simulated one", simulatedShell(t, f))
		})
	}
}

// folder stands in the table for the folder in which a row is run.
const folder = "/tmp/FOLDER"

// realShell runs the rows on this machine, where that has dash and GNU tools.
func realShell(t *testing.T, f *goldenFile) (got []string) {
	t.Helper()
	shell, err := filepath.EvalSymlinks("/bin/sh")
	if version, verr := exec.Command("sort", "--version").Output(); err != nil || verr != nil ||
		filepath.Base(shell) != "dash" || !strings.Contains(string(version), "GNU") {
		return nil
	}
	// Under nohup the signal is ignored, and a shell cannot trap what it was told to ignore;
	// one that is caught here begins there as by itself.
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	for _, r := range f.rows {
		dir := t.TempDir()
		cmd := exec.Command("/bin/sh", "-c", "umask 022; "+r.script, "sh")
		cmd.Dir, cmd.Env = dir, []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC", "HOME=/root"}
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		err := cmd.Run()
		if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
			t.Fatal(err)
		} else if ok && !exit.Exited() {
			t.Fatalf("%s: %v", r.script, err)
		}
		got = append(got, strings.ReplaceAll(ended(stdout.String(), cmd.ProcessState.ExitCode(), stderr.Len() > 0), dir, folder))
	}
	return got
}

func simulatedShell(t *testing.T, f *goldenFile) (got []string) {
	t.Helper()
	for _, r := range f.rows {
		h, err := sim.New(sim.Options{Machine: machine.Options{Hostname: "sim"}})
		must(t, err)
		_, status := h.Shell(`mkdir "$1" && cd "$1" && sh -c "umask 022; $2" sh >/tmp/stdout 2>/tmp/stderr </dev/null`, folder, r.script)
		text := func(name string) string {
			n, err := h.Machine.Lookup("/tmp/" + name)
			must(t, err)
			return string(n.Data)
		}
		got = append(got, ended(text("stdout"), status, text("stderr") != ""))
		if err := h.Close(); err != nil {
			t.Errorf("testdata/%s:%d: %s\n%v", f.name, r.line, r.script, err)
		}
	}
	return got
}
