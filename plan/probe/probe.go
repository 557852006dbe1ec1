// Package probe takes one read-only look at a host and turns it into
// [plan.Facts].
//
// [Gather] sends a single script over a single session, and another one only where compose
// files include or extend further files, which are read for what they name. The script starts no
// container, writes no file, takes no lock and logs in nowhere; [Commands] lists
// what it may run. It needs sh, docker and compose on the host and nothing more:
// everything is parsed here, on the workstation, and everything the host says
// is bounded.
//
// [RenderModel] asks the host's own compose what it makes of an edited file that
// is not in place. The file travels on standard input, so that this too leaves
// the host as it was. Of several files at once compose takes only one from there:
// for the length of the question they lie in a folder of their own in memory.
package probe

import (
	"bytes"
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"liftalot/plan"
	"liftalot/remote"
)

//go:embed probe.sh
var script string

// A Runner runs a command on a host; [remote.Client] is one.
type Runner interface {
	Run(ctx context.Context, cmd remote.Command) (remote.Result, error)
}

// Options say what to look for.
type Options struct {
	Host       string   // the name in the inventory
	ComposeDir string   // "" or "auto": find it by the containers' labels
	Service    string   // "" means chatalot
	DiskPaths  []string // folders whose free space matters
}

const (
	maxOutput  = 16 << 20
	maxMessage = 8000 // bytes that the script passes on of what a part says on stderr
	timeout    = 2 * time.Minute
)

// Gather probes a host. A part that fails on the host is reported in
// Facts.Failures; an error means that there was no answer to read.
func Gather(ctx context.Context, host Runner, opt Options) (*plan.Facts, error) {
	marker, err := newMarker()
	if err != nil {
		return nil, err
	}
	dir := opt.ComposeDir
	if dir == "auto" {
		dir = ""
	}
	service := opt.Service
	if service == "" {
		service = "chatalot"
	}
	res, err := host.Run(ctx, remote.Command{
		Name: "look at the host", Script: script, Root: true, Timeout: timeout,
		Args:      []string{marker, dir, service, strings.Join(opt.DiskPaths, ":")},
		MaxStdout: maxOutput,
	})
	if err != nil {
		return nil, err
	}
	if res.StdoutLost > 0 {
		return nil, fmt.Errorf("look at the host: it answered with more than %d MiB", maxOutput>>20)
	}
	parts, err := split(marker, res.Stdout)
	if err != nil {
		return nil, err
	}
	facts := &plan.Facts{Host: opt.Host, Project: plan.Project{Service: service}}
	if err := parse(facts, parts); err != nil {
		return facts, err
	}
	return facts, readIncluded(ctx, host, facts)
}

func newMarker() (string, error) {
	b := make([]byte, 16)
	if _, err := rand.Read(b); err != nil {
		return "", fmt.Errorf("make a marker: %w", err)
	}
	return "@@" + hex.EncodeToString(b), nil
}

// A part is what one command of the script said.
type part struct {
	name   string
	out    []byte
	code   int
	stderr string
}

// split cuts the output at the marker's lines. Profile noise before the first
// marker is ignored; a part that was begun and not ended means the answer was
// cut off.
func split(marker string, out []byte) ([]part, error) {
	var parts []part
	begin, end := []byte(marker+" begin "), []byte("\n"+marker+" end ")
	for {
		i := bytes.Index(out, begin)
		if i < 0 {
			break
		}
		out = out[i+len(begin):]
		nl := bytes.IndexByte(out, '\n')
		if nl < 0 {
			return nil, errors.New("look at the host: the answer is cut off")
		}
		p := part{name: string(out[:nl])}
		out = out[nl+1:]
		j := bytes.Index(out, end)
		if j < 0 {
			return nil, fmt.Errorf("look at the host: the answer is cut off in %q", p.name)
		}
		p.out = out[:j]
		rest := out[j+len(end):]
		nl = bytes.IndexByte(rest, '\n')
		if nl < 0 {
			nl = len(rest)
		}
		tail := string(rest[:nl])
		// NAME STATUS STDERR
		fields := strings.SplitN(tail, " ", 3)
		if len(fields) < 2 || fields[0] != p.name {
			return nil, fmt.Errorf("look at the host: part %q ends as %q", p.name, fields[0])
		}
		code, err := strconv.Atoi(fields[1])
		if err != nil {
			return nil, fmt.Errorf("look at the host: part %q ends with status %q", p.name, fields[1])
		}
		p.code = code
		if len(fields) == 3 {
			said := fields[2]
			if len(said) >= maxMessage { // half a word may be half a secret
				said = said[:strings.LastIndexByte(said, ' ')+1]
			}
			p.stderr = strings.TrimSpace(said)
		}
		parts = append(parts, p)
		out = rest[nl:]
	}
	if len(parts) == 0 {
		return nil, errors.New("look at the host: it did not answer the script")
	}
	return parts, nil
}

// Commands lists what check, plan, verify and status may run on a host, for
// "check --commands".
func Commands() []string {
	return []string{
		"id, uname, cat, date, sed, readlink, stat, sha256sum, df, find, tr, grep, wc, tail, head, cut, sort (of files that are there)",
		"docker version, docker info, docker ps, docker inspect, docker network ls, docker network inspect, docker volume ls, docker image inspect",
		"docker compose version, docker compose ls, docker compose config (also of a candidate file given on standard input)",
		"docker exec SERVER curl http://127.0.0.1:PORT/{api/health,version.json,api/admin/updates/status}",
		"docker exec DATABASE psql -c 'select …' (four read-only statements)",
		"plan, where it edits two files: mktemp, head and rm in a folder of its own in /dev/shm, gone again after the question",
		"verify: docker exec SERVER curl http://UPDATER:8081/health, docker exec SERVER cat /run/secrets/updater_token (to nowhere), docker exec UPDATER curl http://PROXY:2375/_ping",
	}
}
