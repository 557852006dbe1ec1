package cli

import (
	"context"
	"errors"
	"time"

	"liftalot/cmd/internal/ui"
	"liftalot/plan"
	"liftalot/remote"
	"liftalot/units"
)

// liveStatus is what a fresh look adds to what is known of a host.
type liveStatus struct {
	Version string       `json:"version"`
	Variant plan.Variant `json:"variant"`
	Updater string       `json:"updater"`           // state of its container; "none" without one
	Healthy bool         `json:"healthy"`           // the server
	Pending string       `json:"pending,omitempty"` // the version offered, when it is another
}

// refresh looks at the hosts and shows the fleet as a table.
func (s *session) refresh(ctx context.Context) error {
	all := collectLooks(ctx, s, "look at the host", func(ctx context.Context, t *target) (*hostStatus, error) {
		st, err := t.currentStatus()
		if err != nil {
			return nil, err
		}
		if st.Now, err = t.lookNow(ctx); st.Now != nil && st.Now.Healthy {
			st.DownSince = time.Time{}
		}
		return &st, err
	})
	if s.app.flags.json {
		return present(s, "hosts", all, func(*hostStatus) {})
	}
	table := &ui.Table{Columns: []ui.Column{
		{Title: "HOST"}, {Title: "VERSION"}, {Title: "SERVER"}, {Title: "UPDATER"}, {Title: "LAST BACKUP"}, {Title: "PENDING"}, {Title: "STANDS", Min: 12},
	}}
	for _, st := range all.found {
		now := st.Now
		if now == nil {
			table.Add(st.Host, "?", ui.Bad("not seen"), "?", backupDate(st.Backup), "?", st.Says)
			continue
		}
		server := ui.Good("well")
		switch {
		case !st.DownSince.IsZero():
			server = ui.Bad(downSoFar(st.DownSince, s.app.env.Now()))
		case !now.Healthy:
			server = ui.Bad("not well")
		}
		pending := now.Pending
		if pending == "" {
			pending = "-"
		}
		table.Add(st.Host, now.Version, server, now.Updater, backupDate(st.Backup), pending, st.Says)
	}
	s.term.out.Table(table)
	return gather(s.hosts, all.errs)
}

func (t *target) lookNow(ctx context.Context) (*liveStatus, error) {
	f, err := t.server(nil).Look(ctx)
	if err != nil {
		return nil, err
	}
	if err := t.folder.addSeen(f); err != nil {
		return nil, err
	}
	now := &liveStatus{Updater: "none", Healthy: f.Health.OK()}
	now.Version, _ = plan.RunningVersion(f)
	if c, ok := f.Container(plan.UpdaterService); ok {
		now.Updater = c.State
		if c.Health != "" {
			now.Updater += ", " + c.Health
		}
	}
	rel, err := t.release.Resolve(ctx, f)
	if err != nil {
		now.Variant = plan.VariantOf(f, nil)
		return now, err
	}
	now.Variant = plan.VariantOf(f, &rel)
	if rel.Version != now.Version {
		now.Pending = rel.Version
	}
	return now, nil
}

func backupDate(at time.Time) string {
	if at.IsZero() {
		return "none here"
	}
	return units.Time(at)
}

// watch shows the status again and again until it is interrupted, or until
// --timeout is over.
func (s *session) watch(ctx context.Context, every time.Duration, show func(context.Context) error) error {
	for {
		s.app.lookups = new(releaseCache) // the vendor is asked anew as well
		if s.term.out.IsTerminal() {
			s.term.out.Clear()
		}
		s.term.out.Printf("%s\n", ui.Dim(units.Time(s.app.env.Now())))
		if err := show(ctx); err != nil && ctx.Err() == nil {
			s.term.explain(err) // and look again: a host that is away may come back
		}
		if err := remote.Sleep(ctx, every); err != nil {
			if errors.Is(err, errInterrupted) {
				return err
			}
			return nil
		}
	}
}
