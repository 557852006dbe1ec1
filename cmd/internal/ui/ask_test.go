package ui

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"testing"
)

func TestConfirm(t *testing.T) {
	tests := []struct {
		name, in string
		want     bool
		err      error
	}{
		{"yes", "y\n", true, nil},
		{"in full", " YES \r\n", true, nil},
		{"no", "no\n", false, nil},
		{"nothing", "\n", false, nil},
		{"second try", "maybe\ny\n", true, nil},
		{"without line end", "y", true, nil},
		{"end of input", "", false, ErrNobody},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			a := NewAsker(New(&b, Options{LookupEnv: noEnv}), strings.NewReader(tt.in))
			got, err := a.Confirm(t.Context(), Textf("Apply to %s?", "acme\x1b[2J"))
			if got != tt.want || err != tt.err {
				t.Errorf("got %v, %v", got, err)
			}
			if !strings.HasPrefix(b.String(), `Apply to acme\x1b[2J? [y/N] `) {
				t.Errorf("asked %q", b.String())
			}
		})
	}
}

// TestConfirmCalledOff holds that a cancelled question returns, and that what
// is typed afterwards does not answer another one.
func TestConfirmCalledOff(t *testing.T) {
	in, typed := io.Pipe()
	defer typed.Close() // ends the read left behind
	a := NewAsker(New(io.Discard, Options{LookupEnv: noEnv}), in)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.Confirm(ctx, Plain("One?")); err != context.Canceled {
		t.Fatalf("got %v", err)
	}
	if ok, err := a.Confirm(t.Context(), Plain("Two?")); ok || err != ErrNobody {
		t.Errorf("got %v, %v", ok, err)
	}
}

func TestNobodyToAskInAPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	a := NewAsker(New(io.Discard, Options{LookupEnv: noEnv}), r)
	if _, err := a.Confirm(t.Context(), Plain("Go on?")); err != ErrNobody {
		t.Errorf("got %v", err)
	}
	if _, err := a.Password(t.Context(), Plain("Password:")); err != ErrNobody {
		t.Errorf("got %v", err)
	}
}
