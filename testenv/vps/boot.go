package vps

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"liftalot/testenv/images"
	"liftalot/testenv/scenarios"
)

// BootOptions say which server to lend.
type BootOptions struct {
	Scenario string
	// Name is the host's name; by default the scenario's, with a number if
	// that is taken.
	Name string
	// User is who logs in: [UserDeploy] by default.
	User string
	// ComposeFile, if set, is used in place of the layout's own.
	ComposeFile []byte
	// Release, if set, is what runs in place of the layout's own.
	Release string
}

// bootWithin is long because the first server of a layout installs it.
const bootWithin = 10 * time.Minute

var hostName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,40}$`)

// Boot lends a server and returns when it lets people in and its stack is
// healthy. If it cannot, nothing of it is left.
func (e *Env) Boot(ctx context.Context, options BootOptions) (*Host, error) {
	ctx, cancel := context.WithTimeout(ctx, bootWithin)
	defer cancel()
	scenario, err := scenarios.Find(options.Scenario)
	if err != nil {
		return nil, err
	}
	if options.Name != "" && !hostName.MatchString(options.Name) {
		return nil, fmt.Errorf("name %q: want lower case letters, digits and hyphens", options.Name)
	}
	set, err := e.images(ctx)
	if err != nil {
		return nil, err
	}
	golden, err := e.golden(ctx, set, options.layout(scenario, set.Lane))
	if err != nil {
		return nil, err
	}
	host, err := e.create(ctx, set, golden, options)
	if err != nil {
		return nil, err
	}
	if err := host.start(ctx, scenario); err != nil {
		err = fmt.Errorf("boot %s: %w", host.Name, err)
		return nil, errors.Join(err, host.Destroy(context.WithoutCancel(ctx)))
	}
	return host, nil
}

func (o BootOptions) layout(s scenarios.Scenario, lane images.Lane) scenarios.Layout {
	layout := s.Layout
	if o.ComposeFile != nil {
		layout.Compose = o.ComposeFile
		layout.Name += "-custom"
	}
	if o.Release != "" {
		layout.Release = o.Release
	}
	layout.Compose = lane.Compose(layout.Compose)
	return layout
}

// create makes the server's container and disk. The lock is held so that no
// other process takes the same name or address.
func (e *Env) create(ctx context.Context, set images.Set, golden string, options BootOptions) (*Host, error) {
	unlock, err := e.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	name, err := e.freeName(ctx, options)
	if err != nil {
		return nil, err
	}
	addr, err := e.freeAddr(ctx)
	if err != nil {
		return nil, err
	}
	user := options.User
	if user == "" {
		user = UserDeploy
	}
	host := e.host(name, options.Scenario, addr.String(), user)
	labels := e.labels(kindHost, labelName, name, labelScenario, options.Scenario,
		labelAddr, host.Addr, labelUser, user)
	volume := append([]string{"volume", "create"}, labels...)
	if _, err := e.docker.Output(ctx, append(volume, host.disk)...); err != nil {
		return nil, err
	}
	m := machine{
		image: set.VPS, container: host.container, hostname: name, disk: host.disk, golden: golden,
		network: []string{"--network", e.network(), "--ip", host.Addr}, labels: labels,
	}
	if err := m.create(ctx, e.docker); err != nil {
		return nil, errors.Join(err, host.Destroy(context.WithoutCancel(ctx)))
	}
	return host, nil
}

func (e *Env) freeName(ctx context.Context, options BootOptions) (string, error) {
	lines, err := e.docker.Lines(ctx, "container", "ls", "--all", "--filter",
		"label="+labelOwner+"="+e.options.Owner, "--format", label(labelName))
	if err != nil {
		return "", err
	}
	taken := map[string]bool{}
	for _, line := range lines {
		taken[line] = true
	}
	if options.Name != "" {
		if taken[options.Name] {
			return "", fmt.Errorf("a server called %s is up already", options.Name)
		}
		return options.Name, nil
	}
	name := options.Scenario
	for n := 2; taken[name]; n++ {
		name = fmt.Sprintf("%s-%d", options.Scenario, n)
	}
	return name, nil
}

// start boots the server for the first time and applies the scenario's change.
func (h *Host) start(ctx context.Context, scenario scenarios.Scenario) error {
	keys, err := h.env.world(ctx)
	if err != nil {
		return err
	}
	err = put(ctx, h.env.docker, h.container, []images.Entry{
		{Path: "testenv/", Mode: 0o700},
		{Path: "testenv/ca.crt", Data: keys.CA, Mode: 0o644},
		{Path: "testenv/authorized_keys", Data: h.env.keys.authorized, Mode: 0o600},
		{Path: "testenv/ops-password", Data: []byte(h.env.keys.password), Mode: 0o600},
	})
	if err != nil {
		return err
	}
	if _, err := h.env.docker.Output(ctx, "start", h.container); err != nil {
		return err
	}
	if err := h.WaitHealthy(ctx); err != nil {
		return err
	}
	if err := h.change(ctx, scenario); err != nil {
		return fmt.Errorf("scenario %s: %w", scenario.Name, err)
	}
	if err := h.WaitSSH(ctx); err != nil {
		return err
	}
	return h.readHostKeys(ctx)
}

// change does to the server what its owner did, and waits until it is well
// again where it is meant to be.
func (h *Host) change(ctx context.Context, scenario scenarios.Scenario) error {
	c := scenario.Change
	if c.Edit != nil {
		path := h.ComposeDir + "/" + scenarios.ComposeFile
		before, err := h.ReadFile(ctx, path)
		if err != nil {
			return err
		}
		if err := h.WriteFile(ctx, path, c.Edit(before)); err != nil {
			return err
		}
	}
	for path, data := range c.Write {
		if err := h.WriteFile(ctx, h.ComposeDir+"/"+path, []byte(data)); err != nil {
			return err
		}
	}
	if c.Script == "" {
		return nil
	}
	if _, err := h.Run(ctx, "set -eu\ncd "+h.ComposeDir+"\n"+c.Script); err != nil {
		return err
	}
	if scenario.Stopped {
		return nil
	}
	return h.WaitHealthy(ctx)
}
