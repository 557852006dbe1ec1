package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"liftalot/testenv/vps/engine"
)

// within bounds the whole demo: a cold machine makes images first.
const within = 30 * time.Minute

// run lends the servers, tells the story and takes everything away again.
func run(ctx context.Context, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	began := time.Now()
	folder, err := os.MkdirTemp("", "liftalot-demo-")
	if err != nil {
		return fmt.Errorf("make a folder for the demo: %w", err)
	}
	last, err := play(ctx, out, folder)
	if err := errors.Join(err, os.RemoveAll(folder)); err != nil {
		return err
	}
	fmt.Fprintf(out, "Both servers, their network and every file of the demo are removed: %.0f s in all.\n%s", time.Since(began).Seconds(), last)
	return nil
}

// play tells the story on real servers, or on simulated ones where there is no
// Docker engine, and returns what must be said last. The stage ends with it,
// however it ends.
func play(ctx context.Context, out io.Writer, folder string) (last string, err error) {
	s, err := openReal(ctx, out)
	if errors.Is(err, engine.ErrNone) {
		last = simulated + "\n"
		fmt.Fprint(out, last)
		s, err = openSimulated(ctx, folder)
	}
	if err != nil {
		return "", err
	}
	d := &demo{out: out, stage: s, folder: folder}
	return last, errors.Join(d.tell(ctx), s.close(ctx))
}

// A demo is one telling of the story.
type demo struct {
	out    io.Writer
	stage  stage
	folder string // inventory, state and binary; the commands run in it
	hosts  []server
	took   []timing
}

// A timing is how long one part took.
type timing struct {
	what string
	took time.Duration
}

// timed runs a part and remembers how long it took.
func (d *demo) timed(what string, f func() error) error {
	began := time.Now()
	err := f()
	d.took = append(d.took, timing{what, time.Since(began)})
	return err
}

func (d *demo) tell(ctx context.Context) error {
	d.say("Two servers are made, as their owners may have left them.")
	if err := d.timed("boot two servers", func() error { return d.boot(ctx) }); err != nil {
		return err
	}
	if err := d.timed("build liftalot", func() error { return d.build(ctx) }); err != nil {
		return err
	}
	if err := d.writeInventory(ctx, false); err != nil {
		return err
	}
	if err := d.stage.unapplied(ctx); err != nil {
		return fmt.Errorf("change a variable at acme: %w", err)
	}
	before, err := d.lookAtAll(ctx)
	if err != nil {
		return err
	}
	if err := d.upgrade(ctx); err != nil {
		return err
	}
	if err := d.rollBack(ctx); err != nil {
		return err
	}
	if err := d.compare(ctx, before); err != nil {
		return err
	}
	d.printTimings()
	return nil
}

func (d *demo) boot(ctx context.Context) (err error) {
	d.hosts, err = d.stage.boot(ctx)
	return err
}

// checkSaysStop is the exit status of a command that was stopped by a check.
const checkSaysStop = 10

// upgrade goes from the first contact to a verified upgrade.
func (d *demo) upgrade(ctx context.Context) error {
	d.say("First contact: the key of each server, as its owner has read it out.")
	for _, h := range d.hosts {
		fingerprint, err := fingerprint(h.hostKey)
		if err != nil {
			return err
		}
		if err := d.liftalot(ctx, "trust", h.name, "--fingerprint", fingerprint); err != nil {
			return err
		}
	}
	d.say("What stands in the way, and what would be done. Nothing is changed yet.")
	if err := d.ends(ctx, checkSaysStop, "check"); err != nil {
		return err
	}
	d.say("At acme RUST_LOG was changed and never applied: the upgrade would carry it out unasked. It may, by name.")
	if err := d.writeInventory(ctx, true); err != nil {
		return err
	}
	if err := d.commands(ctx, []string{"check"}, []string{"plan"}); err != nil {
		return err
	}
	d.say("The upgrade.")
	if err := d.commands(ctx, []string{"apply", "--yes"}, []string{"verify"}); err != nil {
		return err
	}
	d.say("The same, seen from outside the tool.")
	return d.printNow(ctx)
}

func (d *demo) rollBack(ctx context.Context) error {
	d.say("And back again.")
	return d.commands(ctx, []string{"rollback", "--yes"}, []string{"verify"})
}

// compare holds the servers against what they were before.
func (d *demo) compare(ctx context.Context, before map[string][]item) error {
	d.say("Before the upgrade and after the rollback, seen from outside the tool.")
	after, err := d.lookAtAll(ctx)
	if err != nil {
		return err
	}
	differences := 0
	for _, h := range d.hosts {
		for _, c := range comparisons(before[h.name], after[h.name]) {
			fmt.Fprintf(d.out, "  %-8s %s\n", h.name, c)
			if !c.same() {
				differences++
			}
		}
	}
	if differences > 0 {
		return fmt.Errorf("%d things are not what they were before", differences)
	}
	fmt.Fprintf(d.out, "\nEverything is what it was before: files, modes, owners, images, what the containers are made of, data.\n")
	return nil
}

// say prints a heading.
func (d *demo) say(what string) { fmt.Fprintf(d.out, "\n── %s\n\n", what) }

func (d *demo) printTimings() {
	d.say("How long it took.")
	for _, t := range d.took {
		fmt.Fprintf(d.out, "  %-20s %6.1f s\n", t.what, t.took.Seconds())
	}
	fmt.Fprintln(d.out)
}

// path is a file in the demo's folder.
func (d *demo) path(name string) string { return filepath.Join(d.folder, name) }
