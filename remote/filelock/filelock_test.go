package filelock

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// The test binary runs itself as one of the processes that share the file.
const processEnv = "FILELOCK_TEST_PROCESS"

func TestMain(m *testing.M) {
	if file := os.Getenv(processEnv); file != "" {
		if err := addAll(file, fmt.Sprint("process ", os.Getpid())); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const each = 20

// addAll adds lines to a file as a state file is changed: read, changed, written back.
func addAll(file, who string) error {
	for i := range each {
		err := Do(file, func() error {
			text, err := os.ReadFile(file)
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
			temp := file + ".tmp" // one name: two writers at once would be seen too
			if err := os.WriteFile(temp, fmt.Appendf(text, "%s %d\n", who, i), 0o600); err != nil {
				return err
			}
			return os.Rename(temp, file)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Several processes, each with several goroutines, lose none of each other's lines.
func TestNoUpdateIsLost(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state")
	const processes, goroutines = 4, 4
	var all sync.WaitGroup
	for range processes {
		all.Go(func() {
			cmd := exec.CommandContext(t.Context(), os.Args[0])
			cmd.Env = append(os.Environ(), processEnv+"="+file)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("a process: %v: %s", err, out)
			}
		})
	}
	for g := range goroutines {
		all.Go(func() {
			if err := addAll(file, fmt.Sprint("goroutine ", g)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	slices.Sort(lines)
	if got := len(slices.Compact(lines)); got != (processes+goroutines)*each {
		t.Errorf("%d lines are there, %d were added", got, (processes+goroutines)*each)
	}
}

// What goes wrong inside is told, and gives the lock up.
func TestAnErrorGivesTheLockUp(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state")
	broken := errors.New("broken")
	for range 2 {
		if err := Do(file, func() error { return broken }); !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
	}
	if err := Do(filepath.Join(file, "missing", "state"), func() error { return nil }); err == nil {
		t.Error("a folder that is not there is locked")
	}
}

// Whoever waits too long is told, and does not go ahead.
func TestALockThatIsNotGivenUp(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state")
	err := Do(file, func() error {
		f, err := os.OpenFile(file+Suffix, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		return wait(f, time.Now())
	})
	if !errors.Is(err, ErrHeld) {
		t.Errorf("got %v, want that it is held", err)
	}
}
