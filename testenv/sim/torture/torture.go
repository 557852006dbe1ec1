// Package torture goes through every point at which an upgrade or its undo
// can be interrupted, interrupts it there, and holds what follows against the
// promises.
//
// A [Case] names a path and one strike or two: a fault, the point at which it
// comes, and what is done afterwards. A second strike meets what is done after
// the first. [Bench.Run] does it on a simulated server from a kept state and
// returns what was broken. [Suite] does all of them, or a sample.
//
// # Points
//
// A moment is a place between two effects of the engine, a message one between
// client and host, a write one change of the workstation's disk. A message is
// counted as it is sent, and two runs of one path may differ by a few: a case
// is repeated nearly, not to the byte.
//
// # What must hold
//
// The invariants are those of the project's fault matrix, as far as the model
// can tell:
//
//   - I1 the compose file and .env are the old bytes or the new ones, never else;
//   - I2 no volume, old image, backup or old database is gone;
//   - I3 the journal loads, and a host that has changed is explained by it;
//   - I4 no secret is in a command, an error, the journal or a plan;
//   - I5 every outcome is one of the named ones and fits the host;
//   - I6 going on, and independently going back, ends healthy on the new version,
//     or exactly where it began;
//   - I7 the same command again then changes nothing, and nothing was done twice;
//   - I8 the lock is free, or its holder is named and can be broken;
//   - I9 every backup that has a manifest is whole;
//   - I10 memory and the state folder stay within their bounds;
//   - I11 it ends in time;
//   - I12 whatever is struck, one server runs on the database before anybody is back, and
//     never two, and it is the one that the database is for; in the end it is the old one
//     with its old environment and mounts, or the new one;
//   - I13 the command that the tool names in a state is not refused in it;
//   - nothing is left on the server but the backup.
package torture

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"liftalot/testenv/sim"
	"liftalot/testenv/sim/engine"
)

// A Fault is what happens at a point.
type Fault struct {
	Name  string
	At    Unit
	Means string // in a few words, for the table
	link  sim.Fault
	gone  bool // the tool is killed
	full  bool // the disk is full from here on
	upset bool // work of the host may be lost with it, and is done again
}

// Unit is what points are counted in.
type Unit int

// The units.
const (
	Moments Unit = iota
	Messages
	Writes
)

// Faults are all there are.
var Faults = []Fault{
	{Name: "kill", At: Moments, Means: "kill -9 between two effects", gone: true},
	{Name: "write-kill", At: Writes, Means: "kill -9 before a change of the state folder", gone: true},
	{Name: "write-torn", At: Writes, Means: "kill -9 in the middle of one", gone: true},
	{Name: "write-full", At: Writes, Means: "the workstation's disk is full from there on", full: true},
	{Name: "die", At: Messages, Means: "kill -9 while a command is under way", link: sim.Cut, gone: true},
	{Name: "vanish", At: Messages, Means: "the laptop is gone and the host does not notice", link: sim.Vanish, gone: true},
	{Name: "cut", At: Messages, Means: "the link is reset", link: sim.Cut},
	{Name: "cut-first", At: Messages, Means: "the link is reset after one byte of a message", link: sim.CutFirst},
	{Name: "cut-half", At: Messages, Means: "the link is reset after half of one", link: sim.CutHalf},
	{Name: "cut-last", At: Messages, Means: "the link is reset before its last byte", link: sim.CutLast},
	{Name: "silence", At: Messages, Means: "the link is half open", link: sim.Silence},
	{Name: "stop", At: Moments, Means: "Ctrl-C"},
	{Name: "cancel", At: Messages, Means: "Ctrl-C twice"},
	{Name: "reboot", At: Messages, Means: "the host is restarted", link: sim.Reboot, upset: true},
	{Name: "crash", At: Messages, Means: "the host is restarted and the laptop is gone", link: sim.Reboot, gone: true, upset: true},
	{Name: "full", At: Messages, Means: "the host's disk is full from there on", full: true, upset: true},
}

func faultNamed(name string) (Fault, error) {
	for _, f := range Faults {
		if f.Name == name {
			return f, nil
		}
	}
	return Fault{}, fmt.Errorf("there is no fault %q", name)
}

// A Path is what is interrupted.
type Path struct {
	Name   string
	Layout sim.Layout
	Next   engine.App // the release it is about
	// Upgraded begins after an upgrade without trouble: what is interrupted is
	// its undo.
	Upgraded bool
	// Fails means that the upgrade rolls itself back; Stuck, that it leaves the
	// server stopped for a person, because the database has moved on.
	Fails, Stuck bool
	// Drifted means that the server runs with another variable than its files say;
	// Dependent, that a tunnel lives in its network.
	Drifted, Dependent bool
	// NoFiles means that somebody removed the compose file and .env since the upgrade.
	NoFiles bool
}

var boots = 2 * time.Second

// Paths are all there are.
var Paths = []Path{
	{Name: "full", Layout: sim.Public, Next: engine.App{Boot: boots}},
	{Name: "back", Layout: sim.Public, Next: engine.App{Boot: boots}, Upgraded: true},
	{Name: "fail", Layout: sim.Public, Next: engine.App{Boot: boots, Mode: engine.Crash}, Fails: true},
	{Name: "staged", Layout: sim.Staged, Next: engine.App{Boot: boots}},
	{Name: "staged-back", Layout: sim.Staged, Next: engine.App{Boot: boots}, Upgraded: true},
	{Name: "moved", Layout: sim.Public, Next: engine.App{Boot: boots, Migrations: migrated}},
	{Name: "moved-back", Layout: sim.Public, Next: engine.App{Boot: boots, Migrations: migrated}, Upgraded: true},
	{Name: "world", Layout: sim.Public, Next: engine.App{Boot: boots}, Drifted: true, Dependent: true},
	{Name: "world-back", Layout: sim.Public, Next: engine.App{Boot: boots}, Drifted: true, Dependent: true, Upgraded: true},
	{Name: "world-fail", Layout: sim.Public, Next: engine.App{Boot: boots, Mode: engine.Crash}, Drifted: true, Dependent: true, Fails: true},
	{Name: "no-files", Layout: sim.Public, Next: engine.App{Boot: boots}, NoFiles: true, Upgraded: true},
	{Name: "stuck", Layout: sim.Public, Next: engine.App{Boot: boots, Migrations: migrated, Mode: engine.Crash}, Stuck: true},
}

// migrated is a migration that the old version does not know.
const migrated = 52

func pathNamed(name string) (Path, error) {
	for _, p := range Paths {
		if p.Name == name {
			return p, nil
		}
	}
	return Path{}, fmt.Errorf("there is no path %q", name)
}

// What is done after a strike.
const (
	Resume   = "resume"
	Rollback = "rollback"
)

// A Injection is a fault at its n-th point, counted from 1, and what is done then.
type Injection struct {
	Fault string
	N     int
	Then  string
}

// A Case is a path and what strikes it, one after the other.
type Case struct {
	Path       string
	Injections []Injection
}

// String is the form that [ParseCase] reads.
func (c Case) String() string {
	var b strings.Builder
	b.WriteString(c.Path)
	for _, s := range c.Injections {
		fmt.Fprintf(&b, "/%s/%d/%s", s.Fault, s.N, s.Then)
	}
	return b.String()
}

// ParseCase reads PATH/FAULT/N/THEN, with a second FAULT/N/THEN behind it or
// without.
func ParseCase(s string) (Case, error) {
	f := strings.Split(s, "/")
	if len(f) < 4 || len(f)%3 != 1 {
		return Case{}, fmt.Errorf("%q is not PATH/FAULT/N/THEN", s)
	}
	c := Case{Path: f[0]}
	if _, err := pathNamed(c.Path); err != nil {
		return c, err
	}
	for f = f[1:]; len(f) > 0; f = f[3:] {
		n, err := strconv.Atoi(f[1])
		if err != nil || n < 1 || f[2] != Resume && f[2] != Rollback {
			return c, fmt.Errorf("%q is not FAULT/N/THEN", strings.Join(f[:3], "/"))
		}
		if _, err := faultNamed(f[0]); err != nil {
			return c, err
		}
		c.Injections = append(c.Injections, Injection{f[0], n, f[2]})
	}
	return c, nil
}
