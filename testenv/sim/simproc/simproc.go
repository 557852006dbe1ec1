// Package simproc keeps many simulated hosts in a process of its own, so that what a
// client spends on them, in memory, files and processor time, is the client's alone.
//
// The process is a program that calls [Serve]; a test or a benchmark is mostly its
// own, started a second time. [Start] runs it and says where the hosts are. It ends
// when its standard input does, so that it cannot outlive who has started it.
package simproc

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sync/errgroup"

	"liftalot/testenv/sim"
	"liftalot/testenv/sim/dash"
	"liftalot/testenv/sim/engine"
	"liftalot/testenv/sim/machine"
)

// A Kind is how a host answers.
type Kind string

// The kinds.
const (
	Well  Kind = "well"
	Dead  Kind = "dead"  // refuses the connection
	Lost  Kind = "lost"  // takes the connection and drops it
	Mute  Kind = "mute"  // takes the connection and says nothing
	Stuck Kind = "stuck" // falls silent as a command starts
)

// A Place is where a host is.
type Place struct {
	Name    string
	Kind    Kind
	Addr    string
	Port    int
	HostKey string // as in authorized_keys, without a comment
}

// KnownHost is the host's line of a known_hosts file.
func (p Place) KnownHost() string { return fmt.Sprintf("[%s]:%d %s\n", p.Addr, p.Port, p.HostKey) }

// An order is what the process is told.
type order struct {
	Key   []byte // the client's public key, in SSH's wire format
	Kinds []Kind
}

// Mix returns the kinds of n hosts, one in twenty of them out of reach and one in
// fifty hanging, spread over the whole.
func Mix(n int) []Kind {
	kinds := make([]Kind, n)
	for i := range kinds {
		switch {
		case i%40 == 7:
			kinds[i] = Dead
		case i%40 == 27:
			kinds[i] = Lost
		case i%100 == 50:
			kinds[i] = Mute
		case i%100 == 90:
			kinds[i] = Stuck
		default:
			kinds[i] = Well
		}
	}
	return kinds
}

// A Process is a process with hosts.
type Process struct {
	Hosts []Place
	stop  func() error
}

// Close ends the process and waits for it.
func (f *Process) Close() error { return f.stop() }

// Start runs the program and waits until its hosts are up. They are root's, who
// logs in with key.
func Start(ctx context.Context, key ssh.PublicKey, kinds []Kind, program string, args ...string) (*Process, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	f := &Process{stop: func() error {
		in.Close()
		return cmd.Wait()
	}}
	err = json.NewEncoder(in).Encode(order{key.Marshal(), kinds})
	if err == nil {
		err = json.NewDecoder(out).Decode(&f.Hosts)
	}
	if err != nil {
		return nil, fmt.Errorf("start the hosts: %w (the process: %v)", err, f.stop())
	}
	return f, nil
}

// Serve is the process: it reads its order, says where the hosts are and keeps
// them until in ends.
func Serve(in io.Reader, out io.Writer) (err error) {
	lines := json.NewDecoder(in)
	var o order
	if err := lines.Decode(&o); err != nil {
		return fmt.Errorf("read the order: %w", err)
	}
	b := builder{key: o.Key, shell: new(dash.Parser)}
	defer func() { err = errors.Join(err, b.close()) }()
	places := make([]Place, len(o.Kinds))
	for i, kind := range o.Kinds {
		p, err := b.build(fmt.Sprintf("h%04d", i), kind)
		if err != nil {
			return fmt.Errorf("host %d: %w", i, err)
		}
		places[i] = p
	}
	if err := json.NewEncoder(out).Encode(places); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, in)
	return err
}

// builder makes hosts that share what may be shared.
type builder struct {
	key    []byte
	shell  *dash.Parser
	ending []func() error
}

func (b *builder) close() error {
	var all errgroup.Group
	for _, end := range b.ending {
		all.Go(end)
	}
	return all.Wait()
}

func (b *builder) build(name string, kind Kind) (Place, error) {
	p := Place{Name: name, Kind: kind}
	switch kind {
	case Dead:
		p.Addr, p.Port = "127.0.0.2", 1 // where nothing listens
		return p, b.stranger(&p)
	case Mute:
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return p, err
		}
		// Connections wait in the kernel, as they do where sshd is stopped.
		b.ending = append(b.ending, l.Close)
		p.Addr, p.Port = "127.0.0.1", l.Addr().(*net.TCPAddr).Port
		return p, b.stranger(&p)
	}
	s, err := sim.NewServer(sim.Options{Machine: machine.Options{Hostname: name}, Shell: b.shell}, engine.App{})
	if err != nil {
		return p, err
	}
	b.ending = append(b.ending, s.Close)
	s.Machine.AddUser(machine.User{Name: "root", Home: "/root", Keys: [][]byte{b.key}})
	switch kind {
	case Lost:
		s.Unplug(true)
	case Stuck:
		s.SetFault(func(e sim.Event) sim.Fault {
			if e.Point == sim.Started {
				return sim.Silence
			}
			return sim.None
		})
	}
	p.Addr, p.Port, p.HostKey = s.Addr, s.Port, authorized(s.HostKey)
	return p, nil
}

// stranger gives a host that will never show its key one.
func (b *builder) stranger(p *Place) error {
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	key, err := ssh.NewPublicKey(public)
	p.HostKey = authorized(key)
	return err
}

func authorized(key ssh.PublicKey) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
}
