package cli

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"liftalot/cmd/internal/ui"
	"liftalot/inventory"
	"liftalot/remote"
)

// How many hosts there are at a time. A look costs about a millisecond of this
// machine's time and a connection; a change moves a backup over the same line.
const (
	looksPerCore  = 100
	mostLooks     = 500
	changesAtOnce = 8
	filesPerLook  = 4  // a connection, and files that are read meanwhile
	filesOfOurs   = 64 // what the process has open besides
)

// lookingAtOnce is how many hosts may be looked at at the same time.
func (s *session) lookingAtOnce() int {
	if s.app.flags.parallel > 0 {
		return s.app.flags.parallel
	}
	n := min(looksPerCore*runtime.NumCPU(), mostLooks)
	if files := openFiles(); files > 0 {
		n = min(n, max(1, (files-filesOfOurs)/filesPerLook))
	}
	return n
}

// changingAtOnce is how many hosts may be changed at the same time.
func (s *session) changingAtOnce() int {
	if s.app.flags.parallel > 0 {
		return s.app.flags.parallel
	}
	return min(changesAtOnce, s.lookingAtOnce())
}

// each looks at every host, some at a time. One host's trouble never ends
// another's work, and every host's result is reported, in the order of the
// inventory.
func (s *session) each(ctx context.Context, do func(context.Context, *target) error) error {
	return gather(s.hosts, s.eachOf(ctx, s.hosts, s.lookingAtOnce(), do))
}

// dialEvery spreads the first dials, so that neither a switch nor a jump host sees
// hundreds in the same millisecond.
const dialEvery = 2 * time.Millisecond

// eachOf does something for some hosts, a number of them at a time, and returns
// the error of each.
func (s *session) eachOf(ctx context.Context, hosts []inventory.Host, atOnce int, do func(context.Context, *target) error) []error {
	errs := make([]error, len(hosts))
	slots := make(chan struct{}, max(1, atOnce))
	most := min(len(hosts), atOnce)
	spread := time.Duration(most) * dialEvery
	var wait sync.WaitGroup
	for i, h := range hosts {
		wait.Go(func() {
			select {
			case slots <- struct{}{}:
				defer func() { <-slots }()
			case <-ctx.Done():
				errs[i] = context.Cause(ctx)
				return
			}
			if len(hosts) > 1 {
				if errs[i] = remote.Sleep(ctx, rand.N(spread)); errs[i] != nil {
					return
				}
			}
			errs[i] = s.one(ctx, h, do)
		})
	}
	wait.Wait()
	return errs
}

// positions says where a host stands in the list.
func (s *session) positions() map[string]int {
	number := map[string]int{}
	for i, h := range s.hosts {
		number[h.Name] = i
	}
	return number
}

// A look at many hosts is what came of it.
type look[T any] struct {
	found []*T    // of those that gave a document, in the order of the inventory
	errs  []error // of each host
}

// collectLooks does something for every host that gives a document, with a live line
// where doing says what it is. A document counts also where an error comes with
// it; they come in the order of the inventory.
func collectLooks[T any](ctx context.Context, s *session, doing string, do func(context.Context, *target) (*T, error)) look[T] {
	found := make([]*T, len(s.hosts))
	number := s.positions()
	progress := s.term.progress()
	errs := s.eachOf(ctx, s.hosts, s.lookingAtOnce(), func(ctx context.Context, t *target) error {
		track := progress.Host(t.host.Name)
		track.Begin(doing)
		got, err := do(ctx, t)
		how := ui.Done // also where it found out what is wrong, there or at the vendor's
		if err != nil && got == nil {
			how = ui.Failed
		}
		track.End(how, "")
		found[number[t.host.Name]] = got
		line := logLine{Host: t.host.Name, Event: "looked"}
		if err != nil {
			line.Event, line.Text = "look-failed", err.Error()
		}
		s.term.log(line)
		return err
	})
	progress.Close()
	return look[T]{slices.DeleteFunc(found, func(d *T) bool { return d == nil }), errs}
}

// hostFailure is a host's error in a JSON document.
type hostFailure struct {
	Host  string `json:"host"`
	Exit  int    `json:"exit"`
	Error string `json:"error"`
	Next  string `json:"next,omitempty"`
}

// present prints documents of hosts: as one JSON document, in which they are called
// name, or each by itself. What went wrong stays what went wrong.
func present[T any](s *session, name string, all look[T], each func(*T)) error {
	failed := gather(s.hosts, all.errs)
	if s.app.flags.json {
		doc := map[string]any{"format": 1, name: append([]*T{}, all.found...)}
		if failures := failures(failed); len(failures) > 0 {
			doc["errors"] = failures
		}
		if err := s.term.out.JSON(doc); err != nil {
			return err
		}
		return failed
	}
	for _, d := range all.found {
		each(d)
	}
	s.sayMissed(all.errs)
	return failed
}

// sayMissed accounts for the hosts that an interrupt left out: of each that has no
// document the reader learns that it was not looked at.
func (s *session) sayMissed(errs []error) {
	var missed []string
	for i, err := range errs {
		if errors.Is(err, errInterrupted) {
			missed = append(missed, s.hosts[i].Name)
		}
	}
	if len(missed) > 0 {
		s.term.err.Printf("%s of %d not looked at to the end: %s\n", ui.Count(len(missed), "host", "hosts"), len(s.hosts), strings.Join(missed, " "))
	}
}

func failures(err error) (list []hostFailure) {
	var fleet *fleetError
	if !errors.As(err, &fleet) {
		return nil
	}
	for _, h := range fleet.hosts {
		list = append(list, hostFailure{Host: h.host, Exit: h.code, Error: h.err.Error(), Next: h.hint})
	}
	return list
}

func (s *session) one(ctx context.Context, h inventory.Host, do func(context.Context, *target) error) error {
	t := s.target(h)
	defer t.close()
	return do(ctx, t)
}

// gather turns errors of hosts into one.
func gather(hosts []inventory.Host, errs []error) error {
	var out fleetError
	for i, err := range errs {
		if err == nil {
			continue
		}
		var known *hostError
		if !errors.As(err, &known) {
			code, hint := classify(hosts[i].Name, err)
			known = &hostError{host: hosts[i].Name, code: code, err: withHost(hosts[i].Name, err), hint: hint}
		}
		out.hosts = append(out.hosts, known)
	}
	if len(out.hosts) == 0 {
		return nil
	}
	return &out
}
