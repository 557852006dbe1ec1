package remotetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"liftalot/remote"
)

func runCases() []testCase {
	return []testCase{
		{"output, input, arguments and status", false, testRunBasics},
		{"every awkward argument arrives", false, testRunArguments},
		{"the environment is fixed", false, testRunEnvironment},
		{"root is root", false, testRunRoot},
		{"output beyond the limit is counted", false, testRunCaps},
		{"output streams", false, testRunStreams},
		{"lines come live and bounded", false, testRunLines},
		{"a script that kills itself has answered", false, testRunSelfKill},
		{"a child in the background holds nobody up", false, testRunBackground},
		{"the deadline makes the outcome unknown", false, testRunDeadline},
		{"cancelling makes the outcome unknown", false, testRunCancel},
		{"a cancelled call never starts", false, testRunCancelledBefore},
		{"what cannot be sent never starts", false, testRunUnsendable},
		{"many at once", false, testRunMany},
		{"large input arrives whole", false, testRunLargeInput},
		{"broken input is not the end of input", false, testRunBrokenInput},
	}
}

func testRunBasics(t *testing.T, h host) {
	res, err := h.Run(t.Context(), remote.Command{
		Name: "greet", Script: `cat; printf '%s.' "$@"; echo complaint >&2; exit 3`,
		Args: []string{"a b", ""}, Stdin: strings.NewReader("in,"), Root: true,
	})
	exit, ok := errors.AsType[*remote.ExitError](err)
	if !ok || exit.Code != 3 || exit.Name != "greet" || string(exit.Stderr) != "complaint\n" {
		t.Fatalf("got %v, want exit status 3", err)
	}
	if string(res.Stdout) != "in,a b.." || string(res.Stderr) != "complaint\n" || res.ExitCode != 3 || res.Duration <= 0 {
		t.Errorf("got %+v", res)
	}
	for _, code := range []int{0, 1, 2, 77, 126, 127, 255} {
		res, err := h.Run(t.Context(), remote.Command{Name: "exit", Script: `exit "$1"`, Args: []string{fmt.Sprint(code)}})
		if res.ExitCode != code || (err == nil) != (code == 0) || errors.Is(err, remote.ErrUnknownOutcome) || errors.Is(err, remote.ErrNotStarted) {
			t.Errorf("status %d: got %d, %v", code, res.ExitCode, err)
		}
	}
}

func testRunArguments(t *testing.T, h host) {
	args := []string{"", " ", "it's", `\`, `\\'`, "$HOME", "`id`", "!!", "a\nb\n", "-n", "--", "*", "~", "%s%n", "é\xff\x01\t", `"`, "#"}
	res, err := h.Run(t.Context(), remote.Command{Name: "echo", Script: `printf '%s\0' "$@"`, Args: args, Root: true})
	must(t, err)
	got := strings.Split(strings.TrimSuffix(string(res.Stdout), "\x00"), "\x00")
	if !slices.Equal(got, args) {
		t.Errorf("got %q, want %q", got, args)
	}
}

func testRunEnvironment(t *testing.T, h host) {
	got := h.sh(t, `umask; echo "$LC_ALL $TZ"; command -v useradd chown cat | wc -l; [ -t 0 ] || echo no terminal; date +%Z`)
	lines := strings.Fields(got)
	if len(lines) < 6 || lines[0] != "0077" && lines[0] != "077" || lines[1] != "C" || lines[2] != "UTC" {
		t.Errorf("got %q", got)
	}
}

func testRunRoot(t *testing.T, h host) {
	if got := h.sh(t, "id -u"); got != "0" {
		t.Errorf("with Root set the uid is %s", got)
	}
	res, err := h.Run(t.Context(), remote.Command{Name: "whoami", Script: "id -un"})
	must(t, err)
	if got := strings.TrimSpace(string(res.Stdout)); got != h.Config.User {
		t.Errorf("without Root the user is %q, want %q", got, h.Config.User)
	}
}

func testRunCaps(t *testing.T, h host) {
	res, err := h.Run(t.Context(), remote.Command{
		Name: "flood", Script: `head -c 300000 /dev/zero; head -c 100000 /dev/zero >&2`, MaxStdout: 1000, MaxStderr: 10, Root: true,
	})
	must(t, err)
	if len(res.Stdout) != 1000 || res.StdoutLost != 299000 || len(res.Stderr) != 10 || res.StderrLost != 99990 {
		t.Errorf("kept %d and %d, lost %d and %d", len(res.Stdout), len(res.Stderr), res.StdoutLost, res.StderrLost)
	}
}

func testRunStreams(t *testing.T, h host) {
	var out bytes.Buffer
	res, err := h.Run(t.Context(), remote.Command{
		Name: "stream", Script: `head -c 3000000 /dev/zero; exit 4`, Stdout: &out, Root: true,
	})
	if res.ExitCode != 4 || err == nil || out.Len() != 3000000 || len(res.Stdout) != 0 {
		t.Errorf("got %d bytes, status %d, %v", out.Len(), res.ExitCode, err)
	}
	full := errors.New("disk full")
	_, err = h.Run(t.Context(), remote.Command{Name: "stream", Script: `yes`, Stdout: brokenWriter{full}, Root: true})
	if !errors.Is(err, full) || !errors.Is(err, remote.ErrUnknownOutcome) {
		t.Errorf("a writer that fails: got %v", err)
	}
}

type brokenWriter struct{ err error }

func (b brokenWriter) Write([]byte) (int, error) { return 0, b.err }

func testRunLines(t *testing.T, h host) {
	var got []string
	_, err := h.Run(t.Context(), remote.Command{
		Name: "lines", Root: true,
		Script: `echo one; sleep 0.1; echo two >&2; sleep 0.1; head -c 9000 /dev/zero | tr '\0' x; echo; printf last`,
		OnLine: func(stream int, line string) { got = append(got, fmt.Sprintf("%d:%s", stream, line)) },
	})
	must(t, err)
	want := []string{"1:one", "2:two", "1:" + strings.Repeat("x", 4096), "1:last"}
	if !slices.Equal(got, want) {
		t.Errorf("got %.80q, want %.80q", got, want)
	}
}

func testRunSelfKill(t *testing.T, h host) {
	res, err := h.Run(t.Context(), remote.Command{Name: "die", Script: `kill -KILL $$`, Root: true})
	if exit, ok := errors.AsType[*remote.ExitError](err); !ok || exit.Code != 137 || res.ExitCode != 137 {
		t.Errorf("got %v, want exit status 137", err)
	}
}

func testRunBackground(t *testing.T, h host) {
	res, err := h.Run(t.Context(), remote.Command{Name: "leave a child", Script: `sleep 5 & echo done`, Timeout: 4 * time.Second, Root: true})
	if err != nil || string(res.Stdout) != "done\n" {
		t.Errorf("got %q, %v", res.Stdout, err)
	}
}

func testRunDeadline(t *testing.T, h host) {
	res, err := h.Run(t.Context(), remote.Command{Name: "dawdle", Script: `echo begun; sleep 5`, Timeout: 300 * time.Millisecond, Root: true})
	if !errors.Is(err, remote.ErrUnknownOutcome) || !errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, remote.ErrNotStarted) {
		t.Errorf("got %v, want an unknown outcome", err)
	}
	if string(res.Stdout) != "begun\n" {
		t.Errorf("what was seen is lost: %q", res.Stdout)
	}
	if got := h.sh(t, "echo alive"); got != "alive" {
		t.Errorf("the connection did not outlive the deadline: %q", got)
	}
}

func testRunCancel(t *testing.T, h host) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := h.Run(ctx, remote.Command{
		Name: "dawdle", Script: `echo begun; sleep 5`, Root: true,
		OnLine: func(int, string) { cancel() },
	})
	if !errors.Is(err, remote.ErrUnknownOutcome) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want an unknown outcome", err)
	}
}

func testRunCancelledBefore(t *testing.T, h host) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := h.Run(ctx, remote.Command{Name: "touch", Script: `touch "$1"`, Args: []string{h.at("x")}, Root: true})
	if !errors.Is(err, remote.ErrNotStarted) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want not started", err)
	}
	h.sh(t, `[ ! -e "$1" ]`, h.at("x"))
}

func testRunUnsendable(t *testing.T, h host) {
	for name, cmd := range map[string]remote.Command{
		"NUL":       {Name: "nul", Script: "true", Args: []string{"a\x00b"}},
		"too large": {Name: "large", Script: "true", Args: []string{strings.Repeat("x", 200<<10)}},
	} {
		if _, err := h.Run(t.Context(), cmd); !errors.Is(err, remote.ErrNotStarted) {
			t.Errorf("%s: got %v, want not started", name, err)
		}
	}
	if got := h.sh(t, `printf %s "$1" | wc -c`, strings.Repeat("'\n", 15<<10)); strings.TrimSpace(got) != "30720" {
		t.Errorf("a large argument arrived as %s bytes", got)
	}
}

func testRunMany(t *testing.T, h host) {
	var g errgroup.Group
	for i := range 12 {
		g.Go(func() error {
			want := fmt.Sprintf("%d\n", i)
			res, err := h.Run(t.Context(), remote.Command{Name: "count", Script: `sleep 0.05; echo "$1"`, Args: []string{fmt.Sprint(i)}})
			if err == nil && string(res.Stdout) != want {
				err = fmt.Errorf("got %q, want %q", res.Stdout, want)
			}
			return err
		})
	}
	must(t, g.Wait())
}

func testRunLargeInput(t *testing.T, h host) {
	res, err := h.Run(t.Context(), remote.Command{
		Name: "count", Script: `cat >/dev/null & wait; wc -c`, Root: true, Stdin: bytes.NewReader(make([]byte, 5<<20)),
	})
	must(t, err)
	if got := strings.TrimSpace(string(res.Stdout)); got != fmt.Sprint(5<<20) {
		t.Errorf("%s bytes arrived", got)
	}
	// A script that does not want its input may end before it.
	_, err = h.Run(t.Context(), remote.Command{Name: "ignore", Script: `true`, Root: true, Stdin: bytes.NewReader(make([]byte, 5<<20))})
	must(t, err)
}

func testRunBrokenInput(t *testing.T, h host) {
	broken := errors.New("the disk is gone")
	_, err := h.Run(t.Context(), remote.Command{
		Name: "take", Script: `cat; sleep 5`, Root: true, Stdin: &brokenReader{data: "half", err: broken},
	})
	if !errors.Is(err, broken) || !errors.Is(err, remote.ErrUnknownOutcome) {
		t.Errorf("got %v, want an unknown outcome", err)
	}
}

type brokenReader struct {
	data string
	err  error
}

func (b *brokenReader) Read(p []byte) (int, error) {
	if b.data == "" {
		return 0, b.err
	}
	n := copy(p, b.data)
	b.data = b.data[n:]
	return n, nil
}
