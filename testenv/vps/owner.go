package vps

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"liftalot/testenv/images"
	"liftalot/testenv/vps/engine"
)

// thisProcess names the running process so that another one can tell later
// whether it still lives: boot, process namespace, number, start time. The
// number alone is given out again.
func thisProcess() (string, error) {
	boot, space, err := thisMachine()
	if err != nil {
		return "", err
	}
	pid := os.Getpid()
	start, err := startTime(pid)
	if err != nil {
		return "", err
	}
	return processName(boot, space, pid, start), nil
}

func processName(boot, space string, pid int, start string) string {
	return fmt.Sprintf("%s:%s:%d:%s", boot, space, pid, start)
}

// gone reports that the named process has certainly ended. In doubt it has
// not: a process of another namespace cannot be seen from here.
func gone(process string) bool {
	f := strings.Split(process, ":")
	if len(f) != 4 {
		return false
	}
	boot, space, err := thisMachine()
	if err != nil {
		return false
	}
	if f[0] != boot {
		return true // the machine has been restarted since
	}
	pid, err := strconv.Atoi(f[2])
	if err != nil || f[1] != space {
		return false
	}
	start, err := startTime(pid)
	if errors.Is(err, os.ErrNotExist) {
		return true
	}
	return err == nil && start != f[3]
}

func thisMachine() (boot, space string, err error) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", "", fmt.Errorf("identify machine (Linux only): %w", err)
	}
	link, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return "", "", fmt.Errorf("identify process namespace: %w", err)
	}
	return string(bytes.TrimSpace(id)), strings.Trim(strings.TrimPrefix(link, "pid:"), "[]"), nil
}

// startTime is field 22 of /proc/PID/stat. The second field is the program's
// name in parentheses and may hold anything, so counting starts after it.
func startTime(pid int) (string, error) {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return "", err
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 20 {
		return "", fmt.Errorf("/proc/%d/stat: only %d fields", pid, len(fields))
	}
	return fields[19], nil
}

// sweep removes what processes that are gone have left behind.
func sweep(ctx context.Context, docker engine.Docker, cache string) error {
	dead := map[string]bool{}
	err := removeObjects(ctx, docker, func(o object) bool {
		if o.process == "" || !gone(o.process) {
			return false
		}
		if o.owner != "" { // a golden disk in the making has none
			dead[o.owner] = true
		}
		return true
	})
	for owner := range dead {
		err = errors.Join(err, os.RemoveAll(filepath.Join(cache, "envs", owner)))
	}
	return err
}

// RemoveAll ends every environment on the engine, whoever owns it.
func RemoveAll(ctx context.Context) error {
	docker, err := engine.Find(ctx)
	if err != nil {
		return err
	}
	cache, err := defaultCache()
	if err != nil {
		return err
	}
	err = removeObjects(ctx, docker, func(o object) bool { return o.kind != kindGolden })
	return errors.Join(err, os.RemoveAll(filepath.Join(cache, "envs")))
}

// RemoveCache removes golden disks, images and compiled programs. Disks that a
// server still uses stay, and that is an error.
func RemoveCache(ctx context.Context) error {
	docker, err := engine.Find(ctx)
	if err != nil {
		return err
	}
	cache, err := defaultCache()
	if err != nil {
		return err
	}
	err = removeObjects(ctx, docker, func(o object) bool { return o.kind == kindGolden })
	return errors.Join(err,
		images.New(docker, cache, nil).Remove(ctx),
		os.RemoveAll(filepath.Join(cache, "golden")),
		os.RemoveAll(filepath.Join(cache, "programs")))
}
