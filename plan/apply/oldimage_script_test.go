//go:build unix

package apply

import (
	"errors"
	"testing"

	"liftalot/plan"
	"liftalot/plan/internal/shimhost"
)

// That an image is gone is a claim, and an engine that does not answer makes none.
func TestOnlyAnEngineThatAnswersSaysThatAnImageIsGone(t *testing.T) {
	for _, c := range []struct {
		docker string
		gone   bool
	}{
		{`exit 0`, false},
		{`case $* in "image inspect sha256:old") exit 1 ;; version*) exit 0 ;; esac; exit 64`, true},
		{`echo "Cannot connect to the Docker daemon" >&2; exit 1`, false},
	} {
		h := shimhost.New(t)
		h.Shim("docker", c.docker)
		err := OldImage(t.Context(), h, plan.Swap{OldImage: "sha256:old", OldRef: "talk:latest"})
		var gone *plan.ImageGoneError
		if errors.As(err, &gone) != c.gone || err != nil != c.gone {
			t.Errorf("%s: %v", c.docker, err)
		}
	}
}
