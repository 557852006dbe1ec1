package remotetest

import (
	"errors"
	"sync"
	"testing"

	"liftalot/remote"
)

func linkCases() []testCase {
	return []testCase{
		{"a cut link is an unknown outcome and the next call dials", true, testLinkCut},
		{"a closed client starts nothing", false, testLinkClosed},
		{"closing ends what runs", false, testLinkCloseDuring},
	}
}

// runAndThen starts a command and does something as soon as it says a word.
func (h host) runAndThen(t *testing.T, script string, then func(), args ...string) error {
	t.Helper()
	var once sync.Once
	_, err := h.Run(t.Context(), remote.Command{
		Name: "go on", Script: script, Args: args, Root: true,
		OnLine: func(int, string) { once.Do(then) },
	})
	return err
}

func testLinkCut(t *testing.T, h host) {
	err := h.runAndThen(t, `echo begun; sleep 1; echo more; touch "$1"`, h.Cut, h.at("ran"))
	if !errors.Is(err, remote.ErrUnknownOutcome) || errors.Is(err, remote.ErrNotStarted) {
		t.Errorf("got %v, want an unknown outcome", err)
	}
	if got := h.sh(t, "echo again"); got != "again" {
		t.Errorf("got %q", got)
	}
	h.write(t, h.at("x"), "x", anew())
	h.Cut()
	h.holds(t, h.at("x"), "x") // the SFTP session was of the old connection
}

func testLinkClosed(t *testing.T, h host) {
	must(t, h.Connect(t.Context()))
	must(t, h.Close())
	if _, err := h.Run(t.Context(), remote.Command{Name: "late", Script: "true"}); !errors.Is(err, remote.ErrNotStarted) {
		t.Errorf("got %v, want not started", err)
	}
	if _, err := h.ReadFile(t.Context(), "/etc/passwd", 1<<20); !errors.Is(err, remote.ErrNotStarted) {
		t.Errorf("got %v, want not started", err)
	}
}

func testLinkCloseDuring(t *testing.T, h host) {
	var closed sync.WaitGroup
	err := h.runAndThen(t, `echo begun; sleep 3`, func() { closed.Go(func() { h.Close() }) })
	closed.Wait()
	if !errors.Is(err, remote.ErrUnknownOutcome) {
		t.Errorf("got %v, want an unknown outcome", err)
	}
}
