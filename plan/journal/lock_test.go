package journal_test

import (
	"errors"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"liftalot/plan/journal"
)

func TestASecondOpenIsToldWhoHoldsTheJournal(t *testing.T) {
	dir := t.TempDir()
	first := open(t, dir)

	_, err := journal.Open(dir, options())
	var held *journal.LockedError
	if !errors.As(err, &held) {
		t.Fatalf("second open: %v", err)
	}
	want := journal.Holder{PID: os.Getpid(), Purpose: "test", Since: when(0)}
	if diff := cmp.Diff(want, held.Holder); diff != "" {
		t.Errorf("holder (-want +got):\n%s", diff)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
}

func TestACallerThatHoldsTheLockCanOpen(t *testing.T) {
	dir := t.TempDir()
	lock, err := journal.TakeLock(dir, journal.Holder{PID: 1, Purpose: "apply", Since: when(0)})
	if err != nil {
		t.Fatal(err)
	}
	opts := options()
	opts.Lock = lock
	j, err := journal.Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	var held *journal.LockedError
	if _, err := journal.Open(dir, options()); !errors.As(err, &held) {
		t.Errorf("closing the journal gave up a lock it did not take: %v", err)
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
}

func TestOfManyOneGetsTheLock(t *testing.T) {
	dir := t.TempDir()
	locks := make([]*journal.Lock, 50)
	var takers sync.WaitGroup
	for i := range locks {
		takers.Go(func() {
			lock, err := journal.TakeLock(dir, journal.Holder{PID: i, Since: when(i)})
			var held *journal.LockedError
			if err != nil && !errors.As(err, &held) {
				t.Errorf("take: %v", err)
			}
			locks[i] = lock
		})
	}
	takers.Wait()
	got := 0
	for _, lock := range locks {
		if lock != nil {
			got++
		}
		if err := lock.Release(); err != nil {
			t.Error(err)
		}
	}
	if got != 1 {
		t.Errorf("%d got the lock", got)
	}
}

// The test binary runs itself as the process that takes the lock and dies.
const lockAndDie = "LIFTALOT_TEST_LOCK_AND_DIE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(lockAndDie); dir != "" {
		if _, err := journal.Open(dir, options()); err != nil {
			os.Exit(3)
		}
		self, err := os.FindProcess(os.Getpid())
		if err != nil || self.Kill() != nil {
			os.Exit(4)
		}
		select {}
	}
	os.Exit(m.Run())
}

func TestTheLockEndsWithItsProcess(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), lockAndDie+"="+dir)
	err := cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() == 3 || exit.ExitCode() == 4 {
		t.Fatalf("the process that was to die: %v", err)
	}
	if j := open(t, dir); j.Cut() != 0 {
		t.Errorf("cut %d bytes", j.Cut())
	}
}

// The errors are read by people, so each says where and, if it can, what to do.
func TestErrorTexts(t *testing.T) {
	for want, err := range map[string]error{
		`read j: line 3 is damaged: its checksum does not match`: &journal.DamagedError{
			Path: "j", Line: 3, Reason: "its checksum does not match"},
		`read j: it is empty`: &journal.DamagedError{Path: "j", Reason: "it is empty"},
		`read journal j: its format has version 9 and this liftalot knows 1: use a newer liftalot`: &journal.NewerError{
			Path: "j", Version: 9},
		`write journal j: the last record may be missing, nothing more is recorded: disk on fire`: &journal.WriteError{
			Path: "j", Err: errors.New("disk on fire")},
		`lock l: another liftalot on this machine holds it`: &journal.LockedError{Path: "l"},
		`lock l: held by process 7 ("apply") since 2026-11-23 21:05 UTC`: &journal.LockedError{
			Path: "l", Holder: journal.Holder{PID: 7, Purpose: "apply", Since: when(5)}},
	} {
		if err.Error() != want {
			t.Errorf("got  %s\nwant %s", err, want)
		}
	}
}
