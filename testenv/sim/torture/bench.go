package torture

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"golang.org/x/crypto/ssh"

	"liftalot/remote"
	"liftalot/testenv/sim"
	"liftalot/testenv/sim/dash"
	"liftalot/testenv/sim/driver"
	"liftalot/testenv/sim/engine"
	"liftalot/testenv/sim/machine"
)

// A Bench is a server for each path, with a kept state, and a key to them. It
// runs one case at a time.
type Bench struct {
	dir     string
	keyFile string
	sites   map[string]*site
}

// A site is a server and the state from which its path begins.
type site struct {
	path     Path
	server   *sim.Server
	config   remote.Config
	begins   *sim.Snapshot
	laptop   string // folder with the state of the workstation
	pristine string // what the server looked like before any upgrade
	secrets  []string
}

// NewBench prepares the paths in a folder of its own. Close ends it.
func NewBench(ctx context.Context, dir string, shell *dash.Parser) (*Bench, error) {
	b := &Bench{dir: dir, sites: map[string]*site{}}
	public, err := b.key()
	if err != nil {
		return nil, err
	}
	for _, p := range Paths {
		s, err := b.open(ctx, p, public, shell)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("prepare the path %s: %w", p.Name, err), b.Close())
		}
		b.sites[p.Name] = s
	}
	return b, nil
}

// Close ends the servers.
func (b *Bench) Close() error {
	var all []error
	for _, s := range b.sites {
		all = append(all, s.server.Close())
	}
	return errors.Join(all...)
}

// key makes the key that opens all servers.
func (b *Bench) key() (ssh.PublicKey, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		return nil, err
	}
	b.keyFile = filepath.Join(b.dir, "key")
	if err := os.WriteFile(b.keyFile, pem.EncodeToMemory(block), 0o600); err != nil {
		return nil, err
	}
	return ssh.NewPublicKey(public)
}

func (b *Bench) open(ctx context.Context, p Path, key ssh.PublicKey, shell *dash.Parser) (*site, error) {
	server, err := sim.NewServerOf(p.Layout, sim.Options{Shell: shell, Machine: machine.Options{Hostname: "web1"}}, p.Next)
	if err != nil {
		return nil, err
	}
	s := &site{path: p, server: server, laptop: filepath.Join(b.dir, "laptop-"+p.Name), secrets: server.Secrets()}
	known := filepath.Join(b.dir, "known_hosts")
	err = errors.Join(remote.AddKnownHost(known, server.Addr, server.Port, server.HostKey), os.MkdirAll(s.laptop, 0o700))
	if err != nil {
		return nil, errors.Join(err, server.Close())
	}
	server.Machine.AddUser(machine.User{Name: "root", Home: "/root", Keys: [][]byte{key.Marshal()}})
	s.config = remote.Config{
		Name: driver.HostName, Address: server.Addr, Port: server.Port, User: "root",
		Identities: []string{b.keyFile}, IdentitiesOnly: true, KnownHosts: []string{known},
	}
	server.Machine.Do(func() {
		if p.Drifted {
			server.Drift("RUST_LOG", "debug")
		}
		if p.Dependent {
			server.AddTunnel()
		}
	})
	s.pristine = s.state()
	if p.Upgraded {
		if err := s.upgrade(ctx); err != nil {
			return nil, errors.Join(err, server.Close())
		}
	}
	if p.NoFiles {
		_, _ = server.Shell("rm " + sim.Dir + "/docker-compose.yml " + sim.Dir + "/.env")
		s.pristine = fileLines.ReplaceAllString(s.pristine, "")
	}
	s.begins = server.Snapshot()
	return s, nil
}

// fileLines are those of a state about the compose file and .env.
var fileLines = regexp.MustCompile(`(?m)^(\S+  )?(docker-compose\.yml|\.env)( .*)?\n`)

// written is what people write into the database after the upgrade.
const written = 10

func (s *site) upgrade(ctx context.Context) error {
	l, err := s.laptopAt(s.laptop)
	if err != nil {
		return err
	}
	if _, err := l.Apply(ctx); err != nil {
		return fmt.Errorf("an upgrade without trouble: %w", err)
	}
	s.server.Machine.Do(func() { s.server.Engine.Databases.Databases["chatalot"].Tables["messages"] += written })
	return nil
}

func (s *site) laptopAt(dir string) (*driver.Laptop, error) {
	release, err := driver.Release()
	return &driver.Laptop{Dir: dir, Config: s.config, Release: release, Now: time.Now}, err
}

// begin puts the server and a laptop to where the path begins.
func (b *Bench) begin(path string) (s *site, l *driver.Laptop, done func(), err error) {
	s, ok := b.sites[path]
	if !ok {
		return nil, nil, nil, fmt.Errorf("there is no path %q", path)
	}
	s.server.Restore(s.begins)
	s.server.Machine.Do(func() { clear(s.server.Engine.Did) })
	l, done, err = b.lend(s)
	return s, l, done, err
}

// lend gives a workstation with the state from which the path begins.
func (b *Bench) lend(s *site) (l *driver.Laptop, done func(), err error) {
	dir, err := os.MkdirTemp(b.dir, "case-")
	if err != nil {
		return nil, nil, err
	}
	state := filepath.Join(dir, "state")
	err = errors.Join(os.CopyFS(state, os.DirFS(s.laptop)), tighten(state))
	if err == nil {
		l, err = s.laptopAt(state)
	}
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	return l, func() { _ = os.RemoveAll(dir) }, nil
}

// tighten gives a copied state folder its modes back.
func tighten(dir string) error {
	return filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.Chmod(name, 0o700)
		}
		return os.Chmod(name, 0o600)
	})
}

// first is what the path does.
func (s *site) first(ctx context.Context, l *driver.Laptop) (driver.Result, error) {
	if s.path.Upgraded {
		return l.Rollback(ctx)
	}
	return l.Apply(ctx)
}

// healthy says whether the server answers as a version does, "" for any.
func (s *site) healthy(version string) (said string, ok bool) {
	said, _ = s.server.Shell("docker exec " + s.path.Layout.Server + " curl -fsS http://localhost:8080/api/health")
	want := []string{`"status":"ok"`}
	if version != "" {
		want = append(want, `"version":"`+version+`"`)
	}
	return said, contains(said, want...)
}

// recorded reads a file of the layout, before and after an upgrade.
func (s *site) recorded(name string) (old, after []byte, err error) {
	old, err1 := engine.Recorded(s.path.Layout.Before, name)
	after, err2 := engine.Recorded(s.path.Layout.After, name)
	return old, after, errors.Join(err1, err2)
}
