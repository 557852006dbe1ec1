package probe

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"liftalot/plan"
)

func (p *parser) hostVolumes(out []byte) error {
	for _, l := range lines(out) {
		var v plan.HostVolume
		if err := json.Unmarshal([]byte(l), &v); err != nil {
			return fmt.Errorf("a volume of the host: %w", err)
		}
		p.facts.Resources.Volumes = append(p.facts.Resources.Volumes, v)
	}
	return nil
}

// The capabilities that pass the modes of files and folders, by their bits in CapEff:
// CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH.
const passModes = 1<<1 | 1<<2

// insideContainers reads "user ID Uid: real effective saved fs Gid: … Groups: … CapEff:
// hex", and "real PATH" with what the path leads to. A container that ended meanwhile has
// nothing behind its ID.
func (p *parser) insideContainers(out []byte) error {
	p.facts.Resources.Users = map[string]plan.HostUser{}
	for _, l := range lines(out) {
		kind, rest, _ := strings.Cut(l, " ")
		path, to, tab := strings.Cut(rest, "\t")
		id, user, _ := strings.Cut(rest, " ")
		switch {
		case kind == "real" && tab:
			p.noteLink(path, to)
		case kind == "user" && strings.TrimSpace(user) == "":
		case kind == "user":
			u, err := userOf(user)
			if err != nil {
				return fmt.Errorf("the user of a container: %w", err)
			}
			p.facts.Resources.Users[id] = u
		default:
			return fmt.Errorf("what is inside a container: %q", l)
		}
	}
	return nil
}

// noteLink notes what a path is behind its links.
func (p *parser) noteLink(path, to string) {
	if p.facts.Resources.Real == nil {
		p.facts.Resources.Real = map[string]string{}
	}
	p.facts.Resources.Real[path] = to
}

// userOf reads what /proc says of a process: words that end with a colon, and what belongs
// to each.
func userOf(status string) (plan.HostUser, error) {
	at := map[string][]string{}
	key := ""
	for _, w := range strings.Fields(status) {
		if strings.HasSuffix(w, ":") {
			key = w
			continue
		}
		at[key] = append(at[key], w)
	}
	var u plan.HostUser
	if len(at["Uid:"]) < 2 || len(at["Gid:"]) < 2 {
		return u, fmt.Errorf("no user and group in %q", status)
	}
	var err error
	if u.UID, err = strconv.Atoi(at["Uid:"][1]); err != nil {
		return u, err
	}
	for _, g := range append([]string{at["Gid:"][1]}, at["Groups:"]...) {
		n, err := strconv.Atoi(g)
		if err != nil {
			return u, err
		}
		if !slices.Contains(u.Groups, n) {
			u.Groups = append(u.Groups, n)
		}
	}
	caps, err := strconv.ParseUint(strings.Join(at["CapEff:"], ""), 16, 64)
	u.Override = err == nil && caps&passModes != 0
	return u, nil
}

// listening reads "tcp6 ADDRESS:PORT" as /proc/net has it: in hexadecimal, the address in
// words of four bytes, each of them the wrong way round on the processors that the server
// is made for.
func (p *parser) listening(out []byte) error {
	for _, l := range lines(out) {
		family, at, _ := strings.Cut(l, " ")
		address, port, ok := strings.Cut(at, ":")
		raw, err := hex.DecodeString(address)
		n, perr := strconv.ParseUint(port, 16, 16)
		if !ok || err != nil || perr != nil || len(raw) != 4 && len(raw) != 16 {
			return fmt.Errorf("an address that is listened on: %q", l)
		}
		for i := 0; i < len(raw); i += 4 {
			slices.Reverse(raw[i : i+4])
		}
		ip, _ := netip.AddrFromSlice(raw)
		p.facts.Resources.Listening = append(p.facts.Resources.Listening, plan.Socket{Protocol: strings.TrimSuffix(family, "6"), IP: ip.Unmap().String(), Port: int(n)})
	}
	return nil
}
