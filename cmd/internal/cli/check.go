package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"liftalot/cmd/internal/ui"
	"liftalot/plan"
	"liftalot/plan/probe"
	"liftalot/units"
)

func checkCommand(a *app) *cobra.Command {
	var commands bool
	cmd := &cobra.Command{
		Use: "check [PATTERN...]", Short: "Say what stands in the way of an upgrade",
		Long: `Looks at hosts and changes nothing: named checks that pass, warn or stop, each with
a hint. The release is looked up too, so that what would be installed is known.`,
		Example: `  liftalot check acme
  liftalot check @eu '!globex'`,
		Annotations: exitCodes(exitCheck, exitAuth, exitHostKey, exitTrust, exitUnreachable, exitAlgorithms, exitState, exitCancelled),
		RunE: func(cmd *cobra.Command, patterns []string) error {
			if commands {
				for _, c := range probe.Commands() {
					a.term.out.Println(c)
				}
				return nil
			}
			return a.onHosts(cmd, patterns, func(ctx context.Context, s *session) error { return s.check(ctx) })
		},
	}
	a.addSelection(a.addManifest(cmd), plan.Upgrade)
	cmd.Flags().BoolVar(&commands, "commands", false, "list the commands a look may run on a host")
	return cmd
}

// checked is what is known of one host after a look.
type checked struct {
	Host    string       `json:"host"`
	Variant plan.Variant `json:"variant"`
	Version string       `json:"version"`
	Checks  []plan.Check `json:"checks"`
}

func (s *session) check(ctx context.Context) error {
	all := collectLooks(ctx, s, "look at the host", func(ctx context.Context, t *target) (*checked, error) {
		c, err := t.check(ctx)
		if err != nil {
			return c, err
		}
		if stop := plan.Stopped(c.Checks); len(stop) > 0 {
			return c, &plan.RefusedError{Host: t.host.Name, Checks: stop}
		}
		return c, nil
	})
	err := present(s, "hosts", all, s.term.printChecks)
	if !s.term.flags.json && len(s.hosts) > 1 {
		s.term.printReasons(all)
	}
	return err
}

// A reason is a check that did not pass, with the hosts that it did not pass on.
type reason struct {
	level        plan.Level
	name, detail string // the detail where it is the same on all
	hosts        []string
}

// reasons are what stands in the way, each once: what stops before what warns, and what
// holds for most hosts first.
func reasons(all []*checked) (list []*reason) {
	place := map[string]*reason{}
	for _, c := range all {
		for _, k := range c.Checks {
			if k.Level == plan.Pass {
				continue
			}
			r := place[string(k.Level)+k.Name]
			if r == nil {
				r = &reason{level: k.Level, name: k.Name, detail: k.Detail}
				place[string(k.Level)+k.Name], list = r, append(list, r)
			}
			if r.detail != k.Detail {
				r.detail = ""
			}
			if !slices.Contains(r.hosts, c.Host) {
				r.hosts = append(r.hosts, c.Host)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b *reason) int {
		if a.level != b.level {
			return cmp.Compare(rank(a.level), rank(b.level))
		}
		return len(b.hosts) - len(a.hosts)
	})
	return list
}

func rank(l plan.Level) int {
	if l == plan.Stop {
		return 0
	}
	return 1
}

// printReasons ends a check of several hosts: the reasons, counted.
func (t *terminal) printReasons(all look[checked]) {
	stopped := 0
	for _, c := range all.found {
		if len(plan.Stopped(c.Checks)) > 0 {
			stopped++
		}
	}
	t.out.Printf("\n%s checked, %d stopped by a check", ui.Count(len(all.found), "host", "hosts"), stopped)
	if missed := len(all.errs) - len(all.found); missed > 0 {
		t.out.Printf(", %d not looked at", missed)
	}
	t.out.Printf("\n")
	table := &ui.Table{Columns: []ui.Column{{Title: "LEVEL"}, {Title: "CHECK"}, {Title: "COUNT", Right: true}, {Title: "HOSTS", Min: 10}, {Title: "WHAT", Min: 12}}}
	list := reasons(all.found)
	for _, r := range list {
		table.Add(mark(r.level), r.name, len(r.hosts), nameSome(r.hosts), cmp.Or(r.detail, "(differs, see above)"))
	}
	if len(list) > 0 {
		t.out.Table(table)
	}
}

func (t *target) check(ctx context.Context) (*checked, error) {
	h := t.server(nil)
	f, err := h.Look(ctx)
	if err != nil {
		return nil, err
	}
	c := &checked{Host: t.host.Name}
	var rel *plan.Release
	r, err := t.release.Resolve(ctx, f)
	if err == nil {
		rel = &r
	}
	c.Variant = plan.VariantOf(f, rel)
	c.Version, _ = plan.RunningVersion(f)
	c.Checks = append(plan.Checks(f, settingsOf(t.host), rel), t.keyCheck(), clockCheck(f.Machine.Clock, t.now()), sessionsCheck(t.client.CheckSessions(ctx)))
	left, lerr := h.LeftBehind(ctx, c.Variant, len(plan.Stopped(c.Checks)) > 0)
	c.Checks = slices.Concat(left, c.Checks)
	h.Hints(c.Checks)
	return c, errors.Join(err, lerr, t.folder.addSeen(f))
}

// maxSkew is how far apart two clocks may be that somebody sets: a look takes seconds.
const maxSkew = 5 * time.Minute

// clockCheck warns of a host whose clock is wrong: certificates and logins of users
// depend on it, and the ages of backups and of what a restore would lose are read from it.
func clockCheck(there, here time.Time) plan.Check {
	off := there.Sub(here).Round(time.Second)
	if there.IsZero() || off.Abs() <= maxSkew {
		return plan.Check{Name: "clock", Level: plan.Pass, Detail: "the host's clock goes with this machine's"}
	}
	way := "ahead of"
	if off < 0 {
		way = "behind"
	}
	return plan.Check{
		Name: "clock", Level: plan.Warn, Detail: fmt.Sprintf("the host's clock is %s %s this machine's", units.Duration(off.Abs()), way),
		Hint: "timedatectl on both says which of them is not set by the network",
	}
}

// sessionsCheck stops where sshd gives fewer sessions at a time than an upgrade needs, and
// further connections cannot be had either.
func sessionsCheck(err error) plan.Check {
	if err == nil {
		return plan.Check{Name: "ssh sessions", Level: plan.Pass, Detail: "the host gives as many at a time as an upgrade needs"}
	}
	return plan.Check{
		Name: "ssh sessions", Level: plan.Stop, Detail: err.Error(),
		Hint: "whoever runs the host raises MaxSessions in its sshd_config to 3, or lets this login connect several times at once",
	}
}

// keyCheck warns of backups that only this machine can open. Its own key named in the
// inventory is no second one.
func (t *target) keyCheck() plan.Check {
	own := t.backups.keyring.ownRecipient()
	others := slices.DeleteFunc(slices.Clone(t.host.Backup.Recipients), func(r string) bool { return r == own })
	if len(others) == 0 {
		return plan.Check{
			Name: "backup key", Level: plan.Warn, Detail: "backups are encrypted to the key of this machine alone: with the machine they are lost",
			Hint: "liftalot key --recovery makes a second key, to be kept offline",
		}
	}
	return plan.Check{Name: "backup key", Level: plan.Pass, Detail: fmt.Sprintf("backups open with this machine's key and %s", ui.Count(len(others), "other", "others"))}
}

func (t *terminal) printChecks(c *checked) {
	t.out.Printf("%s  %s, running %s\n", ui.Bold(c.Host), c.Variant, c.Version)
	for _, k := range c.Checks {
		t.out.Printf("  %s  %s\n", mark(k.Level), ui.Textf("%s: %s", ui.Bold(k.Name), k.Detail))
		if k.Hint != "" && k.Level != plan.Pass {
			t.out.Printf("        %s\n", ui.Dim(k.Hint))
		}
	}
}

func mark(l plan.Level) ui.Text {
	switch l {
	case plan.Pass:
		return ui.Good("pass")
	case plan.Warn:
		return ui.Warn("warn")
	}
	return ui.Bad("stop")
}
