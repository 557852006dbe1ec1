// Package batch decides in which order the hosts of an inventory are changed, and
// when no more of them are. It changes nothing itself, asks for no time and knows
// nothing of a host but its name, its kind, its release and its client: the same answers
// give the same order.
//
// Ask [Batch.Next] for the next wave, tell [Batch.Report] how each host of it
// ended, and ask again until the wave is empty. What [Batch.Skipped] then names was
// not begun, each with its reason.
//
// # Order
//
// Hosts of one kind fail alike. So one host goes first of all, alone, and then the
// first of each other kind, each alone too: the canaries. A release that is no good
// for anybody takes one server down and not one of each kind. The others follow in
// waves when the canaries are through. A canary that could not be tried proves
// nothing: the next host takes its place. Two hosts of one client are never in the
// same wave: whoever rings the client's bell should find the other server up.
//
// # Stop
//
// A canary that fails holds its kind back. So do more failures than
// [Policy.MaxFailures] allows. Both put the release in doubt: other kinds are not
// begun with it either, until [Batch.Accept] says so; hosts with another release go
// on, unless [Policy.StopAll] is set. What is under way is never stopped from here,
// but [Batch.Why] tells whether a host of a wave may still begin.
package batch

import "fmt"

// A Host is a member of a batch.
type Host struct {
	Name   string
	Kind   string // hosts of a kind fail alike
	Client string // "" is a client of its own
	// Release is what is installed there; "" where a failure puts nothing in doubt, as of
	// what brings a host back.
	Release string
}

// A Policy says how careful a batch is. The zero Policy changes all hosts in one
// wave, but for those of the same client, and stops a kind at its first failure.
type Policy struct {
	Canary      bool  // one host of each kind first, one after the other
	Wave        Share // of all hosts; zero: all that may go
	MaxFailures Share // of a kind's hosts, or of all with StopAll; one more is too many
	StopAll     bool  // what stops a kind stops everything
}

// A Result is how a host ended, as far as others must know.
type Result int

// The results.
const (
	Done    Result = iota // changed as planned
	Failed                // the change failed there, whatever became of it
	Skipped               // it could not be tried: unreachable, locked, no login
)

// A SkippedHost is a host that was not begun.
type SkippedHost struct {
	Host string
	Why  string // as in "held back: …"
}

// A Batch is a batch under way. It is not safe for use by several goroutines.
type Batch struct {
	policy Policy
	hosts  []Host
	begun  map[string]bool
	kinds  map[string]*kind
	failed int
	doubt  map[string]string // the host that a release has failed on, by the release
	stop   string            // why nothing more is begun
}

type kind struct {
	hosts  int
	proven bool // its canary is through, or none was wanted
	failed int
	stop   string // why no more of it are begun
}

// New returns a batch of hosts, each with a name of its own, in the order in which
// they should be changed.
func New(hosts []Host, p Policy) *Batch {
	b := &Batch{policy: p, hosts: hosts, begun: map[string]bool{}, kinds: map[string]*kind{}, doubt: map[string]string{}}
	for _, h := range hosts {
		k, ok := b.kinds[h.Kind]
		if !ok {
			k = &kind{proven: !p.Canary}
			b.kinds[h.Kind] = k
		}
		k.hosts++
	}
	return b
}

// Next returns the hosts to change now, which may run at the same time. None:
// nothing more is begun.
func (b *Batch) Next() []Host {
	if b.stop != "" {
		return nil
	}
	wave := b.canary()
	if len(wave) == 0 {
		wave = b.wave()
	}
	for _, h := range wave {
		b.begun[h.Name] = true
	}
	return wave
}

// canary is the first host left of the kinds that nothing is known of.
func (b *Batch) canary() []Host {
	for _, h := range b.hosts {
		if !b.begun[h.Name] && !b.kinds[h.Kind].proven && b.Why(h) == "" {
			return []Host{h}
		}
	}
	return nil
}

// Canaries are the hosts that go first, one after the other, if all goes well.
func (b *Batch) Canaries() (first []Host) {
	seen := map[string]bool{}
	for _, h := range b.hosts {
		if b.policy.Canary && !seen[h.Kind] {
			seen[h.Kind] = true
			first = append(first, h)
		}
	}
	return first
}

func (b *Batch) wave() (wave []Host) {
	size := b.WaveSize()
	for _, h := range b.hosts {
		if len(wave) == size {
			break
		}
		if b.begun[h.Name] || b.Why(h) != "" || meets(wave, h) {
			continue
		}
		wave = append(wave, h)
	}
	return wave
}

// Why says why a host must not be begun now; "" is that it may.
func (b *Batch) Why(h Host) string {
	if why := b.kinds[h.Kind].stop; why != "" {
		return why
	}
	if b.stop != "" {
		return b.stop
	}
	if on, bad := b.doubt[h.Release]; bad {
		return fmt.Sprintf("%s failed on %s", h.Release, on)
	}
	return ""
}

// Return gives a host of a wave back that was not begun after all.
func (b *Batch) Return(h Host) { b.begun[h.Name] = false }

// A Doubt is a release that has failed on a host, and how many hosts would follow with it.
type Doubt struct {
	Release, Failed string
	Hosts           []Host
}

// Doubts are the releases that somebody has to decide about before more hosts are begun
// with them, in the order of the hosts.
func (b *Batch) Doubts() (list []Doubt) {
	place := map[string]int{}
	for _, h := range b.hosts {
		on, bad := b.doubt[h.Release]
		if !bad || b.begun[h.Name] || b.kinds[h.Kind].stop != "" || b.stop != "" {
			continue
		}
		i, ok := place[h.Release]
		if !ok {
			i = len(list)
			place[h.Release] = i
			list = append(list, Doubt{Release: h.Release, Failed: on})
		}
		list[i].Hosts = append(list[i].Hosts, h)
	}
	return list
}

// Accept has hosts of other kinds begun with a release although it has failed; the next
// failure puts it in doubt again.
func (b *Batch) Accept(release string) { delete(b.doubt, release) }

// WaveSize is how many hosts a wave after the canaries has at most.
func (b *Batch) WaveSize() int {
	if b.policy.Wave.IsZero() {
		return len(b.hosts)
	}
	return max(1, b.policy.Wave.Of(len(b.hosts)))
}

// meets reports whether a host of the same client is in the wave.
func meets(wave []Host, h Host) bool {
	for _, other := range wave {
		if h.Client != "" && other.Client == h.Client {
			return true
		}
	}
	return false
}

// Report tells how a host of a wave ended.
func (b *Batch) Report(h Host, r Result) {
	k := b.kinds[h.Kind]
	switch r {
	case Done:
		k.proven = true
	case Failed:
		b.failed++
		k.failed++
		b.judge(h, k)
	}
}

// judge stops what a failure stops.
func (b *Batch) judge(h Host, k *kind) {
	failed, hosts, whose := k.failed, k.hosts, "of its variant"
	if b.policy.StopAll {
		failed, hosts, whose = b.failed, len(b.hosts), "of all"
	}
	switch {
	case !k.proven:
		k.stop = fmt.Sprintf("the canary of its variant, %s, failed", h.Name)
	case failed > b.policy.MaxFailures.Of(hosts):
		k.stop = fmt.Sprintf("%d %s failed, the last one was %s", failed, whose, h.Name)
	default:
		return
	}
	if h.Release != "" {
		b.doubt[h.Release] = h.Name
	}
	if b.policy.StopAll {
		b.Stop(h.Name + " failed, and a failure stops all")
	}
}

// Stop ends the batch for a reason from outside, such as an interrupt.
func (b *Batch) Stop(why string) {
	if b.stop == "" {
		b.stop = why
	}
}

// Skipped returns the hosts that were not begun, each with its reason. It makes
// sense when Next has returned none.
func (b *Batch) Skipped() (held []SkippedHost) {
	for _, h := range b.hosts {
		if b.begun[h.Name] {
			continue
		}
		held = append(held, SkippedHost{Host: h.Name, Why: b.Why(h)})
	}
	return held
}
