package cli

import (
	"context"
	"time"

	"liftalot/cmd/internal/ui"
	"liftalot/plan"
	"liftalot/plan/apply"
	"liftalot/plan/run"
	"liftalot/remote"
)

// server is the host of a target as a run sees it: with this invocation's state folder,
// inventory, vendor and screen. track may be nil.
func (t *target) server(track *ui.Track) *run.Host {
	h := &run.Host{
		Name: t.host.Name, ComposeDir: t.host.ComposeDir, Settings: settingsOf(t.host), By: whoWorks(), Client: t.client, State: t.folder.history(),
		Release: t.release, Backups: t.backups.forRun(track), Clock: clock{t.now}, Teller: hostLine{t.host.Name, t.term, track},
		Credentials: t.release.credentials(), Downtime: t.folder.downBefore, Stop: t.stop,
	}
	if t.host.PublicURL != "" {
		h.Public = func(ctx context.Context) plan.Check { return publicCheck(ctx, t.host.PublicURL) }
	}
	return h
}

type clock struct{ now func() time.Time }

func (c clock) Now() time.Time                                   { return c.now() }
func (c clock) Sleep(ctx context.Context, d time.Duration) error { return remote.Sleep(ctx, d) }

// A hostLine shows a run on its line, and logs it.
type hostLine struct {
	host  string
	term  *terminal
	track *ui.Track
}

func (l hostLine) Event(ev apply.Event) {
	show(l.track, ev)
	l.term.logEvent(l.host, ev)
}

func (l hostLine) Say(sentence string) {
	if l.track == nil {
		l.term.err.Printf("%s  %s\n", l.host, sentence)
		return
	}
	l.track.Say(sentence)
}

func (l hostLine) Secrets(words []string) {
	for _, w := range words {
		l.term.secret.Add([]byte(w))
	}
}

func (l hostLine) Redact(text string) string { return l.term.secret.String(text) }
