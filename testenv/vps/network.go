package vps

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"net/netip"
	"strings"

	"liftalot/testenv/vps/engine"
)

// pools is where networks are taken from: 10.214.0.0/16, a /24 each. Engines
// hand out 172.16/12 and 192.168/16 by themselves, and the engines inside the
// servers use 10.200 and 10.201.
const pools = 256

func pool(i int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 214, byte(i % pools), 0}), 24)
}

func (e *Env) network() string { return "liftalot-testenv-" + e.options.Owner }

// findNetwork returns the environment's subnet, or [ErrNoEnv].
func (e *Env) findNetwork(ctx context.Context) (netip.Prefix, error) {
	out, err := e.docker.Output(ctx, "network", "inspect", "--format",
		`{{index .Labels "`+labelOwner+`"}} {{range .IPAM.Config}}{{.Subnet}}{{end}}`, e.network())
	if engine.Missing(err) {
		return netip.Prefix{}, fmt.Errorf("owner %q: %w", e.options.Owner, ErrNoEnv)
	}
	if err != nil {
		return netip.Prefix{}, err
	}
	owner, subnet, _ := strings.Cut(out, " ")
	if owner != e.options.Owner {
		return netip.Prefix{}, fmt.Errorf("network %s is there and is not ours", e.network())
	}
	return netip.ParsePrefix(subnet)
}

// makeNetwork makes a network without a way out, on a subnet nobody uses. The
// subnet is explicit because only then does an address survive being cut off.
func (e *Env) makeNetwork(ctx context.Context) (netip.Prefix, error) {
	taken, err := localAddrs()
	if err != nil {
		return netip.Prefix{}, err
	}
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(e.options.Owner)) // a hash takes every write
	first := int(hash.Sum32() % pools)
	for i := range pools {
		subnet := pool(first + i)
		if containsAny(subnet, taken) {
			continue
		}
		args := append([]string{"network", "create", "--internal", "--subnet", subnet.String()}, e.labels(kindNetwork)...)
		_, err := e.docker.Output(ctx, append(args, e.network())...)
		if engine.Says(err, "overlaps") {
			continue
		}
		return subnet, err
	}
	return netip.Prefix{}, errors.New("no free subnet under 10.214.0.0/16")
}

func localAddrs() ([]netip.Addr, error) {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("list local addresses: %w", err)
	}
	var addrs []netip.Addr
	for _, a := range list {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			addrs = append(addrs, p.Addr())
		}
	}
	return addrs, nil
}

func containsAny(subnet netip.Prefix, addrs []netip.Addr) bool {
	for _, a := range addrs {
		if subnet.Contains(a) {
			return true
		}
	}
	return false
}

// Addresses in a subnet: .1 is the workstation, .2 the vendor's hosts, servers
// follow from .10.
const (
	fixtureNumber   = 2
	firstHostNumber = 10
	lastHostNumber  = 250
)

func numbered(subnet netip.Prefix, n byte) netip.Addr {
	b := subnet.Addr().As4()
	b[3] = n
	return netip.AddrFrom4(b)
}

func (e *Env) fixtureAddr() netip.Addr { return numbered(e.subnet, fixtureNumber) }

// freeAddr returns an address no server of the environment has. It reads the
// labels, since a server that is cut off is not on the network.
func (e *Env) freeAddr(ctx context.Context) (netip.Addr, error) {
	lines, err := e.docker.Lines(ctx, "container", "ls", "--all", "--filter",
		"label="+labelOwner+"="+e.options.Owner, "--format", label(labelAddr))
	if err != nil {
		return netip.Addr{}, err
	}
	used := map[string]bool{}
	for _, line := range lines {
		used[line] = true
	}
	for n := byte(firstHostNumber); n <= lastHostNumber; n++ {
		if a := numbered(e.subnet, n); !used[a.String()] {
			return a, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("environment %q is full", e.options.Owner)
}
