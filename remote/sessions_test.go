package remote_test

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"liftalot/remote"
)

// Case 11: with MaxSessions 1 and 2 files are written beside a lock and a command, over
// further connections; with the ten of the default one connection is all.
func TestCase11MaxSessions(t *testing.T) {
	for most, logins := range map[int]int{1: 3, 2: 2, 10: 1} {
		t.Run(fmt.Sprint(most), func(t *testing.T) {
			s := startSSHD(t, fmt.Sprintf("MaxSessions %d", most))
			c := s.client(s.config("root"))
			must(t, c.CheckSessions(t.Context()))
			if n := s.accepted(); n != logins {
				t.Errorf("%d logins, want %d", n, logins)
			}
			holding, done := make(chan struct{}), make(chan struct{})
			var wait sync.WaitGroup
			wait.Go(func() { // as a lock is held
				_, err := c.Run(t.Context(), remote.Command{
					Name: "hold", Script: "echo held; cat >/dev/null", Stdin: untilDone{done},
					OnLine: func(int, string) { close(holding) },
				})
				if err != nil {
					t.Error(err)
				}
			})
			<-holding
			for i := range 5 {
				name := fmt.Sprintf("%s/file-%d", s.dir, i)
				err := c.WriteFile(t.Context(), name, []byte("x"), remote.WriteOptions{})
				must(t, err)
				res, err := c.Run(t.Context(), remote.Command{Name: "read", Script: `cat "$1"`, Args: []string{name}})
				if err != nil || string(res.Stdout) != "x" {
					t.Errorf("%q, %v", res.Stdout, err)
				}
			}
			close(done)
			wait.Wait()
			if n := s.accepted(); n > 4 || logins == 1 && n > 1 { // each may end later than it says
				t.Errorf("%d logins at the end", n)
			}
		})
	}
}

// Where further connections cannot be had either, it is said before anything is changed.
func TestCase11TooFewSessions(t *testing.T) {
	s := startSSHD(t, "MaxSessions 0")
	err := s.client(s.config("root")).CheckSessions(t.Context())
	if err == nil || !strings.Contains(err.Error(), "gives 0 sessions at a time, and an upgrade needs 3") {
		t.Errorf("got %v", err)
	}
}

// untilDone is an input that says nothing and ends.
type untilDone struct{ done <-chan struct{} }

func (u untilDone) Read([]byte) (int, error) {
	<-u.done
	return 0, io.EOF
}
