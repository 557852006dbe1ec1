package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fake puts a docker command on the path that does what the script says.
func fake(t *testing.T, script string) {
	t.Helper()
	folder := t.TempDir()
	err := os.WriteFile(filepath.Join(folder, "docker"), []byte("#!/bin/sh\n"+script), 0o755)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", folder+string(os.PathListSeparator)+os.Getenv("PATH"))
}

func TestNoEngineIsTold(t *testing.T) {
	t.Run("not installed", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		if _, err := Find(t.Context()); !errors.Is(err, ErrNone) {
			t.Errorf("%v; want %v", err, ErrNone)
		}
	})
	t.Run("not running", func(t *testing.T) {
		fake(t, "echo 'Cannot connect to the Docker daemon' >&2; exit 1\n")
		_, err := Find(t.Context())
		if !errors.Is(err, ErrNone) || !Says(err, "Cannot connect") {
			t.Errorf("%v; want %v with the reason", err, ErrNone)
		}
	})
}

func TestRefusalsKeepWhatWasSaid(t *testing.T) {
	fake(t, `case $1 in
version) echo amd64 ;;
ls) printf 'a\nb\n' ;;
none) ;;
*) echo 'Error: No such container: x' >&2; exit 3 ;;
esac
`)
	docker, err := Find(t.Context())
	if err != nil || docker.Arch() != "amd64" {
		t.Fatalf("found %+v (%v)", docker, err)
	}
	if lines, err := docker.Lines(t.Context(), "ls"); err != nil || len(lines) != 2 {
		t.Errorf("lines %q (%v)", lines, err)
	}
	if lines, err := docker.Lines(t.Context(), "none"); err != nil || lines != nil {
		t.Errorf("no lines are %q (%v)", lines, err)
	}
	_, err = docker.Output(t.Context(), "inspect", "x")
	var refused *Error
	if !errors.As(err, &refused) || refused.Code != 3 || refused.Command != "inspect" || !Missing(err) {
		t.Errorf("refusal is %#v", err)
	}
}

func TestCallsEndWithTheirContext(t *testing.T) {
	fake(t, "[ \"$1\" = version ] && { echo amd64; exit; }\nexec sleep 60\n")
	docker, err := Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = docker.Output(ctx, "wait")
	if !errors.Is(err, context.DeadlineExceeded) || !strings.HasPrefix(err.Error(), "docker wait:") {
		t.Errorf("%v; want %v", err, context.DeadlineExceeded)
	}
}
