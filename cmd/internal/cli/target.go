package cli

import (
	"os"
	"os/user"
	"time"

	"liftalot/inventory"
	"liftalot/plan"
	"liftalot/plan/backup"
	"liftalot/remote"
)

// target is one host of an invocation.
type target struct {
	host    inventory.Host
	client  *remote.Client
	folder  hostFolder
	backups *hostBackups
	release vendorRelease
	ssh     *connector
	dialog  *dialog
	term    *terminal
	now     func() time.Time
	stop    <-chan struct{} // closed by the first interrupt
}

func (s *session) target(h inventory.Host) *target {
	now := s.app.env.Now
	t := &target{
		host: h, client: remote.NewClient(s.ssh.config(h)), folder: hostFolder{h.Name, s.state.host(h.Name), now},
		ssh: s.ssh, dialog: s.dialog, term: s.term, now: now, stop: s.app.stop,
	}
	t.backups = &hostBackups{
		host: h, state: t.folder, term: s.term, dialog: s.dialog, keyring: s.keyring, getenv: s.app.env.Getenv, now: now, client: t.client,
		dial: func() backup.Runner { return remote.NewClient(s.ssh.config(h)) }, connections: s.connections, trustBucket: s.trustBucket, latest: s.latest,
	}
	t.release = vendorRelease{
		host: h, manifest: s.app.flags.manifest, vendor: s.app.env.Vendor, lookups: s.app.lookups, state: s.state, dialog: s.dialog,
		now: now, warn: s.term.warnOnce,
	}
	return t
}

func (t *target) close() { _ = t.client.Close() }

func settingsOf(h inventory.Host) plan.Settings {
	return plan.Settings{
		Host: h.Name, Channel: h.Channel, ManifestHost: h.ManifestHost, Pin: plan.Pin(h.Pin),
		MaxDowntime: h.MaxDowntime, PublicURL: h.PublicURL, Credentials: h.Registry.Username != "", Allow: h.Allow,
		ProxyDigests: h.ProxyDigests, DumpTimeout: h.Backup.DumpTimeout,
	}
}

// whoami is who a lock's loser reads.
func whoami() (name, machine string) {
	machine, _ = os.Hostname()
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	return name, machine
}
