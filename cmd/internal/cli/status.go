package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"liftalot/cmd/internal/ui"
	"liftalot/plan/journal"
	"liftalot/plan/run"
	"liftalot/units"
)

func statusCommand(a *app) *cobra.Command {
	var refresh, watch bool
	var every time.Duration
	cmd := &cobra.Command{
		Use: "status [PATTERN...]", Short: "Say what this machine knows of each host, and what comes next",
		Long: `Tells from the saved plans and journals where each host stands and names the next
command. No host is asked, unless with --refresh: then each is looked at, and the
table says what runs there and what the channel offers.`,
		Example: `  liftalot status
  liftalot status --refresh --watch`,
		Annotations: exitCodes(exitCheck, exitAuth, exitHostKey, exitTrust, exitUnreachable, exitAlgorithms, exitState, exitCancelled),
		RunE: func(cmd *cobra.Command, patterns []string) error {
			if watch && (a.flags.json || every < time.Second) {
				return &usageError{errors.New("--watch is for people: not with --json, and at most once a second"), cmd.CommandPath()}
			}
			s, err := a.open(patterns)
			if err != nil {
				return err
			}
			ctx, cancel := a.limited(cmd.Context())
			defer cancel()
			show := func(context.Context) error { return s.status() }
			if refresh {
				show = s.refresh
			}
			if watch {
				return s.watch(ctx, every, show)
			}
			return show(ctx)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&refresh, "refresh", false, "look at the hosts")
	f.BoolVar(&watch, "watch", false, "show it again and again, until it is interrupted or --timeout is over")
	f.DurationVar(&every, "every", 30*time.Second, "pause of --watch")
	return cmd
}

// hostStatus is what is known of a host without asking it.
type hostStatus struct {
	Host    string   `json:"host"`
	Run     string   `json:"run,omitempty"`
	Says    string   `json:"says"`
	Next    string   `json:"next,omitempty"`
	Command []string `json:"command,omitempty"`

	DownSince time.Time        `json:"down_since,omitzero"` // the last run left the server without an answer
	Failed    string           `json:"failed,omitempty"`    // the release of the last upgrade, where it failed, when and why
	Failure   *journal.Failure `json:"failure,omitempty"`   // what was seen of it

	Backup time.Time   `json:"last_backup,omitzero"` // the newest that is here
	Now    *liveStatus `json:"now,omitempty"`        // with --refresh
}

func (s *session) status() error {
	all := []hostStatus{}
	errs := make([]error, len(s.hosts))
	for i, h := range s.hosts {
		t := s.target(h)
		st, err := t.currentStatus()
		t.close()
		errs[i] = err
		if err == nil {
			all = append(all, st)
		}
	}
	if s.app.flags.json {
		if err := s.term.out.JSON(map[string]any{"format": 1, "hosts": all}); err != nil {
			return err
		}
		return gather(s.hosts, errs)
	}
	for _, st := range downFirst(all) {
		if !st.DownSince.IsZero() {
			s.term.out.Printf("%s  %s\n", ui.Bold(st.Host), ui.Bad("the server is "+downSoFar(st.DownSince, s.app.env.Now())+", as far as this machine knows"))
		}
		s.term.out.Printf("%s  %s\n", ui.Bold(st.Host), st.Says)
		if st.Failed != "" {
			s.term.out.Printf("  %s\n", ui.Bad(st.Failed))
		}
		if len(all) == 1 {
			printFailure(s.term.out, st.Failure)
		}
		if st.Next != "" {
			s.term.out.Printf("  %s %s\n", ui.Dim("next:"), st.Next)
		}
	}
	return gather(s.hosts, errs)
}

// downFirst puts the hosts whose server is down before the others.
func downFirst(all []hostStatus) []hostStatus {
	slices.SortStableFunc(all, func(a, b hostStatus) int {
		switch {
		case a.DownSince.IsZero() == b.DownSince.IsZero():
			return 0
		case a.DownSince.IsZero():
			return 1
		}
		return -1
	})
	return all
}

func (t *target) currentStatus() (hostStatus, error) {
	name := t.host.Name
	st := hostStatus{Host: name, Backup: t.backups.last()}
	a, last, err := run.Standing(name, t.folder.history())
	if err != nil {
		return st, err
	}
	st.Run, st.Says = last.Run, a.Says
	if err := t.folder.addFailed(&st); err != nil {
		return st, err
	}
	if slices.Equal(a.Command, []string{"verify", name}) {
		seen, err := t.folder.seenBefore()
		if err != nil {
			return st, err
		}
		if seen.Verified.After(last.Last.Time) {
			a = run.Advice{}
			st.Says += ", and verified at " + units.Time(seen.Verified)
		}
	}
	if last.Run != "" {
		down, err := t.folder.downAfter(last, "")
		if err != nil {
			return st, err
		}
		if down != nil {
			st.DownSince = down.Since
		}
	}
	if holder, held := journal.Held(t.folder.dir); held && last.Interrupted() {
		if holder.Purpose == run.Kind(last.Action) { // as the run itself says, see carryOut
			st.Says, a = fmt.Sprintf("the %s is under way since %s%s (process %d)", run.Kind(last.Action), units.Time(last.Begun), run.AtStep(t.folder.history(), last), holder.PID), run.Advice{}
		} else {
			st.Says += fmt.Sprintf("; at work on it now: %s (process %d)", holder.Purpose, holder.PID)
		}
	}
	st.Next, st.Command = a.Next(), a.Command
	return st, nil
}

// addFailed adds why the last upgrade failed, and why the last run did, if that is another.
func (f hostFolder) addFailed(st *hostStatus) error {
	runs, err := f.history().Runs()
	if err != nil || len(runs) == 0 {
		return err
	}
	failed, err := run.LastFailed(f.history())
	if err != nil {
		return err
	}
	if failed != nil {
		st.Failed, st.Failure = failed.Words(), failed.Failure
	}
	last := runs[len(runs)-1]
	if _, why := last.Failure(); why != nil && last.Outcome != journal.Completed {
		st.Failure = why
		if failed == nil {
			st.Failed = why.Reason
		}
	}
	return nil
}
