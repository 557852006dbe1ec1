// Package sim is a simulated host: an SSH server over a modelled machine, in
// the process of the test.
//
// The scripts that run on it are the tool's own, unchanged. They run in a real
// shell language ([dash]) on a modelled machine ([machine]) with modelled
// programs ([tools], and docker from [engine]); the client on the other side is
// the tool's own, too, over real SSH on loopback. What is modelled is thus the
// host and nothing of the tool, and remote's conformance suite says how well.
//
// A host starts in a millisecond. Its clock is its own unless it is asked to
// keep real time, so that an upgrade with its waiting takes as long as its
// computing. At every message between client and host a test can break the
// connection ([Host.SetFault]), and the whole state can be kept and put back
// ([Host.Snapshot]).
//
// What it cannot say is how a real engine behaves where the model is silent;
// for that there is testenv/vps. Programs and options that are not modelled
// fail, and so does [Host.Close] then, whatever the script made of it.
package sim

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"sync"

	"golang.org/x/crypto/ssh"

	"liftalot/testenv/sim/dash"
	"liftalot/testenv/sim/machine"
	"liftalot/testenv/sim/tools"
)

// Options say what a host is like.
type Options struct {
	Machine machine.Options // Programs are added to the usual ones
	Shell   *dash.Parser    // may be shared by hosts; nil means one of its own
}

// A Host is a simulated host that listens on loopback.
type Host struct {
	Machine *machine.Machine
	HostKey ssh.PublicKey
	Addr    string
	Port    int

	shell    *dash.Parser
	listener net.Listener
	tasks    sync.WaitGroup
	onBoot   []func()

	mu     sync.Mutex
	gone   *sync.Cond // on mu: a connection was tidied away
	links  map[*link]bool
	down   bool
	fault  func(Event) Fault
	events int
}

// New starts a host. Close ends it.
func New(opt Options) (*Host, error) {
	h := &Host{shell: opt.Shell, links: map[*link]bool{}}
	h.gone = sync.NewCond(&h.mu)
	if h.shell == nil {
		h.shell = new(dash.Parser)
	}
	programs := tools.Programs()
	programs["sh"], programs["sftp-server"] = h.shell.Program, sftpServer
	maps.Copy(programs, opt.Machine.Programs)
	opt.Machine.Programs = programs
	h.Machine = machine.New(opt.Machine)
	config, err := h.serverConfig()
	if err != nil {
		return nil, fmt.Errorf("make a host key: %w", err)
	}
	if h.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	addr := h.listener.Addr().(*net.TCPAddr)
	h.Addr, h.Port = addr.IP.String(), addr.Port
	h.tasks.Go(func() { h.accept(config) })
	return h, nil
}

// settleLinks waits until nothing is left of connections that were cut.
func (h *Host) settleLinks() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.links) > 0 {
		h.gone.Wait()
	}
}

// OnBoot adds what happens when the machine is restarted, with the processor
// held.
func (h *Host) OnBoot(fn func()) { h.onBoot = append(h.onBoot, fn) }

// Close ends the host and everything on it. Its error is a [*machine.UnsimulatedError]
// where a program was asked for something that is not modelled: a test that passes then
// has proved less than it seems.
func (h *Host) Close() error {
	err := h.listener.Close()
	h.Unplug(true)
	h.Machine.Shutdown()
	h.tasks.Wait()
	return errors.Join(err, h.Machine.Unsimulated())
}
