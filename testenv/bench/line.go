//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"liftalot/remote"
)

// A line is a network namespace for the servers, as far away from the clients as it
// is told: what the kernel sends at either end is a packet here, and arrives half a
// round trip later. TCP is the kernels' own from end to end, so Nagle's algorithm,
// delayed acknowledgements and windows cost what they cost between real hosts; a
// proxy that ends TCP would hide them.
//
// The addresses are those set aside for benchmarks (RFC 2544).
type line struct {
	space string       // name of the namespace
	rtt   atomic.Int64 // nanoseconds
	near  *os.File     // tun device on the clients' side
	far   *os.File
	tasks sync.WaitGroup
}

// A host is one of those that are asked: an address in the namespace.
type host struct {
	name, addr string
}

const (
	nearAddr = "198.18.0.1/15"
	farAddr  = "198.19.0.1/15"
)

// newLine needs root, iproute2 and /dev/net/tun.
func newLine(ctx context.Context) (_ *line, err error) {
	l := &line{space: "liftalot-bench-" + strconv.Itoa(os.Getpid())}
	if err := ip(ctx, "netns", "add", l.space); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.close())
		}
	}()
	device := "bench" + strconv.Itoa(os.Getpid())
	if l.near, err = tun(device); err != nil {
		return nil, err
	}
	if err := l.inside(func() (err error) { l.far, err = tun(device); return err }); err != nil {
		return nil, err
	}
	for _, side := range []struct {
		at   []string
		addr string
	}{{nil, nearAddr}, {[]string{"-n", l.space}, farAddr}} {
		err := errors.Join(
			ip(ctx, append(side.at, "addr", "add", side.addr, "dev", device)...),
			ip(ctx, append(side.at, "link", "set", device, "up")...),
		)
		if err != nil {
			return nil, err
		}
	}
	err = errors.Join(
		ip(ctx, "-n", l.space, "link", "set", "lo", "up"),
		ip(ctx, "-n", l.space, "route", "add", "local", "198.19.0.0/16", "dev", "lo"), // every address is a host
	)
	if err != nil {
		return nil, err
	}
	l.tasks.Go(func() { l.carry(ctx, l.far, l.near) })
	l.tasks.Go(func() { l.carry(ctx, l.near, l.far) })
	return l, nil
}

func hosts(n int) []host {
	var list []host
	for i := range n {
		list = append(list, host{fmt.Sprintf("web%d", i), fmt.Sprintf("198.19.%d.%d", 1+i/200, 1+i%200)})
	}
	return list
}

// close takes the namespace away, with what lies in it.
func (l *line) close() error {
	var err error
	for _, f := range []*os.File{l.near, l.far} {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
	}
	l.tasks.Wait()
	return errors.Join(err, ip(context.Background(), "netns", "del", l.space))
}

// command starts a program among the servers.
func (l *line) command(name string, args ...string) *exec.Cmd {
	return exec.Command("ip", append([]string{"netns", "exec", l.space, name}, args...)...)
}

func ip(ctx context.Context, args ...string) error {
	if out, err := exec.CommandContext(ctx, "ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %v: %w: %.300s", args, err, out)
	}
	return nil
}

// inside does something in the namespace, on a thread that ends with it.
func (l *line) inside(do func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: nothing else may run on this thread
		space, err := os.Open("/run/netns/" + l.space)
		if err != nil {
			done <- err
			return
		}
		defer space.Close()
		if err := unix.Setns(int(space.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("enter %s: %w", l.space, err)
			return
		}
		done <- do()
	}()
	return <-done
}

// tun makes a device whose packets are read and written here.
func tun(name string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("/dev/net/tun: %w", err)
	}
	request, err := unix.NewIfreq(name)
	if err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
		return nil, errors.Join(fmt.Errorf("make device %s: %w", name, err), unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), name), nil
}

// A packet is on its way.
type packet struct {
	data []byte
	due  time.Time
}

// carry brings packets from one device to the other until they are closed.
func (l *line) carry(ctx context.Context, to io.Writer, from io.Reader) {
	way := make(chan packet, 1<<14)
	l.tasks.Go(func() {
		defer close(way)
		buf := make([]byte, 1<<16)
		for {
			n, err := from.Read(buf)
			if err != nil {
				return
			}
			way <- packet{append([]byte(nil), buf[:n]...), time.Now().Add(time.Duration(l.rtt.Load()) / 2)}
		}
	})
	for p := range way {
		_ = remote.Sleep(ctx, time.Until(p.due))
		_, _ = to.Write(p.data) // what is lost, TCP sends again
	}
}
