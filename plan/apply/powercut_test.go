package apply

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"liftalot/plan"
	"liftalot/plan/journal"
	"liftalot/remote"
	"liftalot/remote/job"
	"liftalot/testenv/vps"
	"liftalot/testenv/vps/vpstest"
)

// A powerCut is a moment of the swap at which the power fails for good: no laptop looks
// after it. The engine is frozen at that moment, so that nothing more happens before.
type powerCut struct {
	name string
	next string // image of the new server
	dump string // where the final dump goes, "" for a place that is there
	at   string // script that returns at the moment, or
	gone int    // how many containers of the server's are removed by then
	runs string // image that runs in the end
	down bool   // the host is shut down, and everything on it told to end
}

const (
	logSays = `until grep -qs '^stage %s' /var/lib/liftalot/cut/swap/log; do :; done`
	// The engine's events, from before the moment on; the script runs on from the first.
	gone = `rm -f /root/events; docker events --since %s --filter event=destroy --filter container=chatalot-server --format x >/root/events & until [ "$(wc -l </root/events)" -ge %d ]; do :; done`
)

var powerCuts = []powerCut{
	{name: "before the stop", next: "next:good", at: fmt.Sprintf(logSays, "stop"), runs: "old"},
	{name: "final dump", next: "next:good", at: fmt.Sprintf(logSays, "dump"), runs: "old"},
	{name: "old one removed, new one not started", next: "next:good", gone: 1, runs: "old"},
	{name: "new one started", next: "next:good", at: `until [ "$(docker inspect -f '{{.Image}} {{.State.Running}}' chatalot-server 2>/dev/null)" = "$(docker inspect -f '{{.Id}}' next:good) true" ]; do :; done`, runs: "new"},
	{name: "soak", next: "next:good", at: fmt.Sprintf(logSays, "soak"), runs: "new"},
	{name: "dump failed", next: "next:good", dump: "/var/backups/nowhere/final.dump", at: fmt.Sprintf(logSays, "stay"), runs: "old"},
	{name: "shut down in the final dump", next: "next:good", at: fmt.Sprintf(logSays, "dump"), down: true, runs: "old"},
	{name: "going back", next: "next:bad", at: fmt.Sprintf(logSays, "back"), runs: "old"},
	{name: "new one removed, old one not made", next: "next:bad", gone: 2, runs: "old"},
}

// TestP1PowerCuts takes the power of a real server away at every stage of the swap. The
// laptop never comes back, and one server, the right one, serves all the same.
func TestP1PowerCuts(t *testing.T) {
	host := vpstest.Boot(t, "public")
	at := &cutHost{t: t, Host: host}
	at.sh(`cd /srv/chatalot && cp -p docker-compose.yml /root/before.yml && sed 's/^\( *\)build: \.$/\1image: next:good/' docker-compose.yml >/root/good.yml &&
		! cmp -s /root/before.yml /root/good.yml && sed 's/next:good/next:bad/' /root/good.yml >/root/bad.yml
		docker commit -c 'LABEL next=1' chatalot-server next:good && docker commit -c 'ENTRYPOINT ["/bin/false"]' -c 'CMD []' chatalot-server next:bad`)
	for _, cut := range powerCuts {
		t.Run(cut.name, func(t *testing.T) {
			at.t = t
			at.cut(cut)
		})
		if t.Failed() {
			return // the next one would begin from nowhere
		}
	}
}

// A cutHost is a server whose power fails.
type cutHost struct {
	t *testing.T
	*vps.Host
}

func (h *cutHost) sh(script string) string {
	h.t.Helper()
	said, err := h.Run(h.t.Context(), script)
	if err != nil {
		h.t.Fatalf("%s: %v", script, err)
	}
	return strings.TrimSpace(said)
}

func (h *cutHost) client() *remote.Client {
	known := filepath.Join(h.t.TempDir(), "known_hosts")
	for _, line := range h.HostKeys {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
		if err == nil {
			err = remote.AddKnownHost(known, h.Addr, h.Port, key)
		}
		if err != nil {
			h.t.Fatal(err)
		}
	}
	return remote.NewClient(remote.Config{
		Name: h.Name, Address: h.Addr, Port: h.Port, User: vps.UserRoot,
		Identities: []string{h.KeyFile}, IdentitiesOnly: true, KnownHosts: []string{known},
	})
}

func (h *cutHost) cut(c powerCut) {
	h.sh(`rm -rf /var/lib/liftalot /var/backups/cut && mkdir -p -m 700 /var/backups/cut
		cp /root/before.yml /srv/chatalot/docker-compose.yml && cp /root/before.yml /var/backups/cut/file.0
		cd /srv/chatalot && docker compose up -d --no-build chatalot 2>&1`)
	if err := h.WaitHealthy(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	f := strings.Fields(h.sh(`docker inspect -f '{{.Id}} {{.Image}}' chatalot-server; docker inspect -f '{{.Id}}' ` + c.next + `; sha256sum </root/before.yml | cut -d' ' -f1; sha256sum </root/` + strings.TrimPrefix(c.next, "next:") + `.yml | cut -d' ' -f1`))
	id, old, next := f[0], f[1], f[2]
	h.sh("cp /root/" + strings.TrimPrefix(c.next, "next:") + ".yml /srv/chatalot/docker-compose.yml")
	op := plan.Swap{
		Project:   plan.Project{Name: "chatalot", WorkingDir: "/srv/chatalot", Files: []string{"/srv/chatalot/docker-compose.yml"}, Service: "chatalot"},
		Container: "chatalot-server", Port: 8080, ImageRef: c.next, OldImage: old, OldRef: "chatalot-chatalot:latest", OldID: id,
		Record: "/var/backups/cut/ran", DependentRecord: "/var/backups/cut/ran",
		Files:    []plan.SwapFile{{Copy: "/var/backups/cut/file.0", Path: "/srv/chatalot/docker-compose.yml", Before: f[3], After: f[4]}},
		Database: plan.Login{Container: "chatalot-db", User: "chatalot", Database: "chatalot"}, Migration: 51, MaxDowntime: 60, Soak: 10,
		Dump: cmp.Or(c.dump, "/var/backups/cut/final.dump"), Dependencies: []string{"postgres"},
	}
	client := h.client()
	defer client.Close()
	e := &Engine{Host: client, Plan: &plan.Plan{Host: h.Name, ID: "cut"}, Journal: &journal.Journal{}, Workstation: Workstation{Now: time.Now}}
	ctx := h.t.Context()
	if err := e.record(ctx, plan.Record{Folder: op.Record, Containers: []plan.RecordedTarget{{Name: op.Container, ID: id}}}); err != nil {
		h.t.Fatal(err)
	}
	events := h.sh("date +%s.%N")
	const dir = "/var/lib/liftalot/cut/swap"
	err := job.Start(ctx, client, job.Spec{Dir: dir, Script: swapScript, Args: swapArgs(op, dir, "cut"), Timeout: 5 * time.Minute})
	if err != nil {
		h.t.Fatal(err)
	}
	moment := c.at
	if c.gone > 0 {
		moment = fmt.Sprintf(gone, events, c.gone)
	}
	then, boot := "kill -STOP $(pidof dockerd)", h.Crash
	if c.down {
		// As an init ends everything there is, the engine among it.
		then, boot = "pkill -TERM -f "+dir+"/script", h.Reboot
	}
	h.sh(`timeout 120 sh -c "$(cat <<'END'
` + moment + `
END
)" && ` + then)
	if err := boot(ctx); err != nil {
		h.t.Fatal(err)
	}
	if err := h.WaitHealthy(ctx); err != nil {
		h.t.Errorf("it does not serve: %v", err)
	}
	want := map[string]string{"old": old, "new": next}[c.runs]
	const all = `docker ps -a --filter label=com.docker.compose.service=chatalot --format '{{.Names}}'; docker inspect -f '{{.Image}} {{.State.Running}}' chatalot-server`
	if got := strings.Fields(h.sh(all)); len(got) != 3 || got[0] != "chatalot-server" || got[1] != want || got[2] != "true" {
		h.t.Errorf("it ends with %q, want the %s one (%s)\n%s", got, c.runs, want, h.sh("docker ps -a; cat "+dir+"/log"))
	}
	if c.runs == "old" {
		h.sh("set -- && " + containerScript + "\nmatches_record " + op.Record + " chatalot-server")
	}
	h.unwatched()
}

// unwatched waits until the watchdog has done its work and has removed itself.
func (h *cutHost) unwatched() {
	if left := h.sh(`for n in $(seq 60); do [ -n "$(docker ps -aq --filter name=liftalot-watchdog)" ] || exit 0; sleep 0.5; done; docker logs $(docker ps -aq --filter name=liftalot-watchdog) 2>&1`); left != "" {
		h.t.Errorf("the watchdog stays: %s", left)
	}
}
