package vps

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"liftalot/testenv/vps/engine"
)

// The labels on everything made here. An object without labelMark is not ours
// and is never touched.
const (
	labelMark     = "liftalot.testenv"
	labelOwner    = "liftalot.testenv.owner"
	labelProcess  = "liftalot.testenv.process" // absent: outlives its process
	labelKind     = "liftalot.testenv.kind"
	labelName     = "liftalot.testenv.name"
	labelScenario = "liftalot.testenv.scenario"
	labelAddr     = "liftalot.testenv.addr"
	labelUser     = "liftalot.testenv.user"
)

const (
	kindHost    = "host"
	kindFixture = "fixture"
	kindNetwork = "network"
	kindGolden  = "golden"
	kindSeed    = "seed"
)

// labels are the arguments that mark a new object.
func (e *Env) labels(kind string, more ...string) []string {
	args := []string{"--label", labelMark + "=1", "--label", labelKind + "=" + kind}
	if kind != kindGolden {
		args = append(args, "--label", labelOwner+"="+e.options.Owner)
		if e.process != "" {
			args = append(args, "--label", labelProcess+"="+e.process)
		}
	}
	for i := 0; i+1 < len(more); i += 2 {
		args = append(args, "--label", more[i]+"="+more[i+1])
	}
	return args
}

// An object is something of ours on the engine.
type object struct {
	what    string // the docker command for its sort: container, volume, network
	id      string
	kind    string
	owner   string
	process string
}

// listObjects returns everything that is ours, in the order in which it can be
// removed: what uses before what is used.
func listObjects(ctx context.Context, docker engine.Docker) ([]object, error) {
	var all []object
	for _, sort := range []struct{ what, id string }{
		{"container", "{{.ID}}"}, {"volume", "{{.Name}}"}, {"network", "{{.ID}}"},
	} {
		args := []string{sort.what, "ls", "--filter", "label=" + labelMark, "--format", sort.id + "|" +
			label(labelKind) + "|" + label(labelOwner) + "|" + label(labelProcess)}
		if sort.what == "container" {
			args = append(args, "--all")
		}
		lines, err := docker.Lines(ctx, args...)
		if err != nil {
			return nil, err
		}
		for _, line := range lines {
			f := strings.Split(line, "|")
			if len(f) != 4 {
				return nil, fmt.Errorf("docker %s ls: line %q", sort.what, line)
			}
			all = append(all, object{what: sort.what, id: f[0], kind: f[1], owner: f[2], process: f[3]})
		}
	}
	return all, nil
}

func label(name string) string { return `{{.Label "` + name + `"}}` }

// removeObjects removes what is ours and unwanted. It goes on after a failure:
// what can be cleaned up, is.
func removeObjects(ctx context.Context, docker engine.Docker, unwanted func(object) bool) error {
	all, err := listObjects(ctx, docker)
	if err != nil {
		return err
	}
	var failed []error
	for _, o := range all {
		if !unwanted(o) {
			continue
		}
		args := []string{o.what, "rm", o.id}
		if o.what == "container" {
			args = []string{"container", "rm", "--force", "--volumes", o.id}
		}
		if _, err := docker.Output(ctx, args...); err != nil && !engine.Missing(err) {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}
