//go:build linux

package main

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"liftalot/remote"
)

// facts are the work, one fact a line, so that a contestant may ask line by line.
//
//go:embed facts.sh
var facts string

// dialEvery spreads the first dials as the command line does.
const dialEvery = 2 * time.Millisecond

// client is what the tool does to look at hosts, on the tool's own connections: the
// known_hosts file read once, the dials spread, one script in one session.
//
// With -apart it connects to all hosts before it asks the first one, and says on
// standard error what each part has cost.
func client(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("client", flag.ContinueOnError)
	list := f.String("list", "", "file of hosts: name, address and port on a line")
	user := f.String("user", "root", "the login")
	key := f.String("key", "", "private key file")
	known := f.String("known", "", "known_hosts file")
	apart := f.Bool("apart", false, "connect first, and measure the parts")
	if err := f.Parse(args); err != nil {
		return err
	}
	clients, err := clientsOf(*list, remote.Config{
		User: *user, Identities: []string{*key}, IdentitiesOnly: true, KnownHosts: []string{*known}, Known: new(remote.KnownHostsCache), Keys: new(remote.PrivateKeyCache),
	})
	if err != nil {
		return err
	}
	out := &writer{w: bufio.NewWriter(os.Stdout)}
	probe := func(c *remote.Client) error {
		res, err := c.Run(ctx, remote.Command{Name: "look", Script: facts})
		out.write(res.Stdout)
		return err
	}
	if *apart {
		err = inParts(ctx, clients, probe)
	} else {
		err = each(ctx, clients, true, func(c *remote.Client) error {
			defer c.Close()
			return probe(c)
		})
	}
	return errors.Join(err, out.w.Flush())
}

func clientsOf(list string, cfg remote.Config) ([]*remote.Client, error) {
	data, err := os.ReadFile(list)
	if err != nil {
		return nil, err
	}
	var clients []*remote.Client
	for line := range strings.Lines(string(data)) {
		words := strings.Fields(line)
		if len(words) != 3 {
			return nil, fmt.Errorf("%s: want a name, an address and a port: %q", list, line)
		}
		cfg.Name, cfg.Address = words[0], words[1]
		if cfg.Port, err = strconv.Atoi(words[2]); err != nil {
			return nil, err
		}
		clients = append(clients, remote.NewClient(cfg))
	}
	return clients, nil
}

// each does something for all hosts at once.
func each(ctx context.Context, clients []*remote.Client, spread bool, do func(*remote.Client) error) error {
	errs := make([]error, len(clients))
	var wait sync.WaitGroup
	for i, c := range clients {
		wait.Go(func() {
			if spread && len(clients) > 1 {
				_ = remote.Sleep(ctx, rand.N(time.Duration(len(clients))*dialEvery))
			}
			errs[i] = do(c)
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}

// A cost is what many hosts have taken from the client, per host.
type cost struct {
	Hosts     int
	Handshake time.Duration // processor time of connecting
	Probe     time.Duration // and of the script
	Idle      int           // bytes resident per connection that rests
	Peak      int           // bytes resident per host at the most
	Wall      time.Duration // of both parts
}

func inParts(ctx context.Context, clients []*remote.Client, probe func(*remote.Client) error) error {
	n := len(clients)
	began, cpu, empty := time.Now(), ownTime(), residentNow("VmRSS")
	if err := each(ctx, clients, true, func(c *remote.Client) error { return c.Connect(ctx) }); err != nil {
		return err
	}
	connected := ownTime()
	c := cost{Hosts: n, Handshake: (connected - cpu) / time.Duration(n)}
	peak := residentNow("VmHWM")
	wall := time.Since(began)
	debug.FreeOSMemory()
	c.Idle = (residentNow("VmRSS") - empty) / n
	again, cpu := time.Now(), ownTime()
	if err := each(ctx, clients, false, probe); err != nil {
		return err
	}
	c.Probe = (ownTime() - cpu) / time.Duration(n)
	c.Wall = wall + time.Since(again)
	c.Peak = (max(peak, residentNow("VmHWM")) - empty) / n
	_ = each(ctx, clients, false, (*remote.Client).Close) // nothing is said by it that matters now
	return json.NewEncoder(os.Stderr).Encode(c)
}

func ownTime() time.Duration { return processorTime(syscall.RUSAGE_SELF) }

func processorTime(who int) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(who, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// residentNow reads a size in bytes from the process's status.
func residentNow(field string) int {
	data, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			kib, _ := strconv.Atoi(strings.Fields(rest)[0])
			return kib << 10
		}
	}
	return 0
}

// writer keeps the hosts' answers apart.
type writer struct {
	mu sync.Mutex
	w  *bufio.Writer
}

func (w *writer) write(p []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, _ = w.w.Write(p) // Flush says it
}
