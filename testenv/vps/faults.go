package vps

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"liftalot/remote"
	"liftalot/testenv/vps/engine"
)

// Pause freezes the whole server: connections stay open and nothing answers. A
// process that waits for a file system of the server's own, served by a process
// that froze before it, cannot be frozen: docker lets all of them go then, and it
// is tried again.
func (h *Host) Pause(ctx context.Context) error {
	for tries := 1; ; tries++ {
		err := h.docker(ctx, "pause", h.container)
		if err == nil || tries == maxPauses || !strings.Contains(err.Error(), "unable to freeze") {
			return err
		}
		if err := remote.Sleep(ctx, pauseAgain); err != nil {
			return err
		}
	}
}

const (
	maxPauses  = 10
	pauseAgain = 300 * time.Millisecond
)

// Unpause lets a paused server run on.
func (h *Host) Unpause(ctx context.Context) error { return h.docker(ctx, "unpause", h.container) }

// Cut pulls the cable: no packet goes in or out, and the server runs on.
func (h *Host) Cut(ctx context.Context) error {
	return h.docker(ctx, "network", "disconnect", h.env.network(), h.container)
}

// Mend puts the cable back, with the same address.
func (h *Host) Mend(ctx context.Context) error {
	return h.docker(ctx, "network", "connect", "--ip", h.Addr, h.env.network(), h.container)
}

// Reboot restarts the server and returns when it lets people in and its engine
// answers. The stack may take longer; see [Host.WaitHealthy].
func (h *Host) Reboot(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, waitWithin)
	defer cancel()
	if err := h.docker(ctx, "restart", h.container); err != nil {
		return err
	}
	if _, err := h.Run(ctx, waitEngine); err != nil {
		return err
	}
	return h.WaitSSH(ctx)
}

// Crash takes the power away and gives it back: nothing is shut down cleanly.
func (h *Host) Crash(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, waitWithin)
	defer cancel()
	if err := h.docker(ctx, "kill", "--signal", "KILL", h.container); err != nil {
		return err
	}
	if err := h.docker(ctx, "start", h.container); err != nil {
		return err
	}
	if _, err := h.Run(ctx, waitEngine); err != nil {
		return err
	}
	return h.WaitSSH(ctx)
}

// FillDisk leaves no byte free under path, a folder. What is in it stays
// readable; programs that hold files open there keep the old ones. The
// workstation's own disk is not filled: a small file system is put on top.
func (h *Host) FillDisk(ctx context.Context, path string) error {
	const script = `set -eu
mkdir -p "$at"
size=$(($(du -sk "$at" | cut -f1) + 256))
new=$(mktemp -d)
mount -t tmpfs -o "size=${size}k,mode=$(stat -c %a "$at")" full "$new"
cp -a "$at/." "$new/"
dd if=/dev/zero of="$new/.full" bs=4k 2>/dev/null || true
mount --move "$new" "$at" 2>/dev/null || { mount --bind "$new" "$at" && umount "$new"; }
rmdir "$new"`
	return h.at(ctx, path, script)
}

// FreeDisk undoes FillDisk; what was written there meanwhile is lost.
func (h *Host) FreeDisk(ctx context.Context, path string) error {
	return h.at(ctx, path, `umount "$at"`)
}

func (h *Host) at(ctx context.Context, path, script string) error {
	if !strings.HasPrefix(path, "/") || path == "/" || strings.ContainsAny(path, "'\n") {
		return fmt.Errorf("folder %q: want an absolute path below / without quotes", path)
	}
	_, err := h.Run(ctx, "at='"+path+"'\n"+script)
	return err
}

// waitWithin bounds how long a server may take to come back.
const waitWithin = 2 * time.Minute

// WaitHealthy returns when the stack's server says that it and its database
// are well.
func (h *Host) WaitHealthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, waitWithin)
	defer cancel()
	_, err := h.Run(ctx, waitStack)
	return err
}

// WaitSSH returns when sshd greets.
func (h *Host) WaitSSH(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, waitWithin)
	defer cancel()
	retry := time.NewTicker(100 * time.Millisecond)
	defer retry.Stop()
	for {
		err := h.greeted(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for sshd on %s: %w", h.Name, errors.Join(context.Cause(ctx), err))
		case <-retry.C:
		}
	}
}

func (h *Host) greeted(ctx context.Context) error {
	dialer := net.Dialer{Timeout: 2 * time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(h.Addr, strconv.Itoa(h.Port)))
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Now().Add(2 * time.Second)); err != nil {
		return err
	}
	greeting := make([]byte, 4)
	if _, err := conn.Read(greeting); err != nil {
		return err
	}
	if string(greeting) != "SSH-" {
		return fmt.Errorf("%q is not how sshd greets", greeting)
	}
	return nil
}

// Destroy gives the server back: its container and its disk are gone.
func (h *Host) Destroy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var failed []error
	for _, args := range [][]string{
		{"container", "rm", "--force", "--volumes", h.container},
		{"volume", "rm", h.disk},
	} {
		if err := h.docker(ctx, args...); err != nil && !engine.Missing(err) {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

func (h *Host) docker(ctx context.Context, args ...string) error {
	_, err := h.env.docker.Output(ctx, args...)
	return err
}
