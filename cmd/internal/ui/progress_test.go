package ui

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A screen is as much of a terminal as the package writes for: text that wraps,
// the cursor upwards, and clearing to the end.
type screen struct {
	mu    sync.Mutex
	width int
	rows  []string
	row   int
	col   int
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seq := regexp.MustCompile(`^\x1b\[([0-9]*)([AJm])`)
	for rest := string(p); rest != ""; {
		if m := seq.FindStringSubmatch(rest); m != nil {
			s.sequence(m[1], m[2])
			rest = rest[len(m[0]):]
			continue
		}
		r := []rune(rest)[0]
		s.put(r)
		rest = rest[len(string(r)):]
	}
	return len(p), nil
}

func (s *screen) sequence(arg, verb string) {
	switch verb {
	case "A":
		n, _ := strconv.Atoi(arg)
		s.row -= n
	case "J":
		s.fill()
		s.rows = s.rows[:s.row+1]
		s.rows[s.row] = ""
	}
}

func (s *screen) put(r rune) {
	switch {
	case r == '\n':
		s.row, s.col = s.row+1, 0
		s.fill()
		return
	case r == '\r':
		s.col = 0
		return
	case s.col == s.width:
		s.row, s.col = s.row+1, 0
	}
	s.fill()
	s.rows[s.row] += string(r)
	s.col++
}

func (s *screen) fill() {
	for len(s.rows) <= s.row {
		s.rows = append(s.rows, "")
	}
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lines []string
	for _, row := range s.rows {
		lines = append(lines, strings.TrimRight(row, " "))
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

func (s *screen) check(t *testing.T, when, want string) {
	t.Helper()
	if diff := cmp.Diff(strings.TrimSpace(want), s.String()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", when, diff)
	}
}

// pass lets the clock of a synctest bubble run.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestProgressOnATerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &screen{width: 60}
		c := New(s, Options{Width: 60, Height: 24, LookupEnv: noEnv})
		p := NewProgress(c, Normal)
		acme, globex := p.Host("acme"), p.Host("globex")
		acme.Begin("back up database")
		globex.Begin("pull images")
		acme.Bytes(0, 4<<20)
		pass(2050 * time.Millisecond)
		acme.Bytes(1<<20, 4<<20)
		globex.Say("Pulling fs layer\r\n")
		pass(100 * time.Millisecond)
		s.check(t, "two running", `
acme    back up database     2.1s   25% of 4.0 MiB, 487.6 …
globex  pull images          2.1s  Pulling fs layer`)

		c.Println("a notice from elsewhere")
		acme.End(Done, "")
		globex.End(Failed, "no space left")
		globex.Finish(Failed, "nothing was changed")
		acme.Begin("swap")
		pass(15050 * time.Millisecond)
		s.check(t, "one failed", `
a notice from elsewhere
globex  pull images …  failed 2.1s  no space left
globex  failed  nothing was changed
acme  swap    15.1s  silent for 15.1s`)

		acme.End(Done, "")
		acme.Finish(Done, "0.24.6, down for 3.2s")
		p.Close()
		s.check(t, "at the end", `
a notice from elsewhere
globex  pull images …  failed 2.1s  no space left
globex  failed  nothing was changed
acme  done  0.24.6, down for 3.2s`)
	})
}

func TestProgressKeepsStepsOfASingleHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &screen{width: 60}
		p := NewProgress(New(s, Options{Width: 60, Height: 24, LookupEnv: noEnv}), Normal)
		track := p.Host("acme")
		track.Begin("lock")
		pass(250 * time.Millisecond)
		track.End(Done, "")
		track.Begin("pull images")
		track.End(Skipped, "already there")
		p.Close()
		s.check(t, "at the end", `
acme  lock …  done 0.2s
acme  pull images …  nothing to do 0.0s  already there`)
	})
}

// A host's line does not blink between two steps, and is gone when it is through.
func TestALineStaysBetweenSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &screen{width: 60}
		p := NewProgress(New(s, Options{Width: 60, Height: 24, LookupEnv: noEnv}), Normal)
		acme, globex := p.Host("acme"), p.Host("globex")
		acme.Begin("pull images")
		globex.Begin("lock")
		pass(250 * time.Millisecond)
		acme.End(Done, "")
		pass(150 * time.Millisecond)
		s.check(t, "between two steps", `
acme    pull images     0.4s
globex  lock            0.4s`)
		acme.Finish(Done, "")
		pass(150 * time.Millisecond)
		s.check(t, "through", `
acme  done
globex  lock     0.5s`)
		p.Close()
	})
}

func TestProgressInAPipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		p := NewProgress(New(&b, Options{LookupEnv: noEnv}), Normal)
		track := p.Host("acme")
		track.Begin("back up database")
		pass(25 * time.Second)
		track.Say("public.messages")
		pass(20 * time.Second)
		pass(20 * time.Second)
		track.End(Done, "1.5 GiB")
		track.Begin("swap")
		track.End(Unknown, "")
		track.Finish(Unknown, "")
		p.Close()
		want := `acme  back up database …  30.0s so far
acme  back up database …  1m00s so far, silent for 35.0s
acme  back up database …  done 1m05s  1.5 GiB
acme  swap …  outcome unknown 0.0s
acme  outcome unknown
`
		if diff := cmp.Diff(want, b.String()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// TestProgressSurvivesManyHostsAndResizing holds that the region stays within
// the terminal and that what is printed above it is never eaten, also when the
// terminal becomes narrower between two drawings.
func TestProgressSurvivesManyHostsAndResizing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &screen{width: 80}
		c := New(s, Options{Width: 80, Height: 10, LookupEnv: noEnv})
		p := NewProgress(c, Normal)
		var tracks []*Track
		for i := range 200 {
			track := p.Host(fmt.Sprintf("client-%03d", i))
			track.Begin("probe")
			track.Say(strings.Repeat("long line ", 20))
			tracks = append(tracks, track)
		}
		pass(200 * time.Millisecond)
		if got := strings.Count(s.String(), "\n") + 1; got != 8 {
			t.Errorf("the region has %d rows in a terminal of 10", got)
		}
		if !strings.HasSuffix(s.String(), "… and 193 hosts more") {
			t.Errorf("the rest is not counted:\n%s", s)
		}
		for i, track := range tracks {
			track.End(Done, "")
			track.Finish(Done, strconv.Itoa(i))
			if i%50 == 0 {
				pass(150 * time.Millisecond)
			}
		}
		p.Close()
		lines := strings.Split(s.String(), "\n")
		if len(lines) != 200 || lines[0] != "client-000  done  0" || lines[199] != "client-199  done  199" {
			t.Errorf("%d lines are left:\n%s", len(lines), s)
		}
	})
}

func TestRegionCountsWrappedRows(t *testing.T) {
	r := region{widths: []int{79, 40, 0}}
	for width, want := range map[int]string{80: "\x1b[3A", 40: "\x1b[4A", 20: "\x1b[7A"} {
		if got := strings.TrimSuffix(r.erase(width), clearBelow); got != want {
			t.Errorf("at %d columns: %q, want %q", width, got, want)
		}
	}
}

func TestQuietProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		p := NewProgress(New(&b, Options{LookupEnv: noEnv}), Quiet)
		track := p.Host("acme")
		track.Begin("lock")
		pass(2 * time.Minute)
		track.End(Done, "")
		track.Finish(Done, "up to date")
		p.Close()
		if got := b.String(); got != "acme  done  up to date\n" {
			t.Errorf("got %q", got)
		}
	})
}

func TestVerboseProgressKeepsWhatHostsSay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		p := NewProgress(New(&b, Options{LookupEnv: noEnv}), Verbose)
		track := p.Host("acme")
		track.Begin("pull")
		track.Say("layer 1\x1b[2J")
		track.End(Done, "")
		p.Close()
		want := "acme  layer 1\\x1b[2J\nacme  pull …  done 0.0s\n"
		if got := b.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestProgressFromManyGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(io.Discard, Options{Width: 80, Height: 24, LookupEnv: noEnv})
		p := NewProgress(c, Normal)
		var hosts sync.WaitGroup
		for i := range 20 {
			hosts.Go(func() {
				track := p.Host(strconv.Itoa(i))
				for range 10 {
					track.Begin("step")
					track.Say("line")
					<-time.After(70 * time.Millisecond)
					c.Println("beside")
					track.End(Done, "")
				}
				track.Finish(Done, "")
			})
		}
		hosts.Wait()
		p.Close()
	})
}
