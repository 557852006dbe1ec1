package batch

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// hosts reads "name:kind:client:release"; all but the name may be missing.
func hosts(text string) (list []Host) {
	for _, word := range strings.Fields(text) {
		parts := append(strings.Split(word, ":"), "", "", "")
		list = append(list, Host{Name: parts[0], Kind: parts[1], Client: parts[2], Release: parts[3]})
	}
	return list
}

// play runs a batch; results say how hosts end that are not done.
func play(t *testing.T, list []Host, p Policy, results map[string]Result) (waves []string, held []string) {
	t.Helper()
	b := New(list, p)
	for wave := b.Next(); len(wave) > 0; wave = b.Next() {
		var names []string
		for _, h := range wave {
			names = append(names, h.Name)
			b.Report(h, results[h.Name])
		}
		waves = append(waves, strings.Join(names, " "))
		if len(waves) > len(list) {
			t.Fatalf("it never ends: %q", waves)
		}
	}
	for _, h := range b.Skipped() {
		held = append(held, h.Host+": "+h.Why)
	}
	return waves, held
}

func share(t *testing.T, text string) Share {
	t.Helper()
	s, err := ParseShare(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWaves(t *testing.T) {
	const six = "f1:full f2:full f3:full s1:staged s2:staged s3:staged"
	for _, c := range []struct {
		name    string
		hosts   string
		policy  Policy
		results map[string]Result
		waves   []string
		held    []string
	}{
		{"nobody", "", Policy{Canary: true}, nil, nil, nil},
		{"one", "a:full", Policy{Canary: true}, nil, []string{"a"}, nil},
		{"no canary, no waves", six, Policy{}, nil, []string{"f1 f2 f3 s1 s2 s3"}, nil},
		{"canaries, then all", six, Policy{Canary: true}, nil, []string{"f1", "s1", "f2 f3 s2 s3"}, nil},
		{"waves of three", six, Policy{Canary: true, Wave: share(t, "3")}, nil, []string{"f1", "s1", "f2 f3 s2", "s3"}, nil},
		{"a part is rounded down", six, Policy{Canary: true, Wave: share(t, "49%")}, nil, []string{"f1", "s1", "f2 f3", "s2 s3"}, nil},
		{"and is at least one", six, Policy{Canary: true, Wave: share(t, "1%")}, nil, []string{"f1", "s1", "f2", "f3", "s2", "s3"}, nil},
		{
			"a canary fails", six, Policy{Canary: true}, map[string]Result{"f1": Failed},
			[]string{"f1", "s1", "s2 s3"},
			[]string{"f2: the canary of its variant, f1, failed", "f3: the canary of its variant, f1, failed"},
		},
		{
			"a canary fails and stops all", six, Policy{Canary: true, StopAll: true}, map[string]Result{"f1": Failed},
			[]string{"f1"},
			[]string{
				"f2: the canary of its variant, f1, failed", "f3: the canary of its variant, f1, failed",
				"s1: f1 failed, and a failure stops all", "s2: f1 failed, and a failure stops all", "s3: f1 failed, and a failure stops all",
			},
		},
		{
			"a canary cannot be tried", six, Policy{Canary: true}, map[string]Result{"f1": Skipped, "f2": Skipped},
			[]string{"f1", "f2", "f3", "s1", "s2 s3"}, nil,
		},
		{
			"no ceiling: the first failure holds its kind back", six, Policy{Canary: true, Wave: share(t, "1")}, map[string]Result{"f2": Failed},
			[]string{"f1", "s1", "f2", "s2", "s3"}, []string{"f3: 1 of its variant failed, the last one was f2"},
		},
		{
			"a ceiling of one", "a b c d e", Policy{Canary: true, Wave: share(t, "1"), MaxFailures: share(t, "1")}, map[string]Result{"b": Failed, "d": Failed},
			[]string{"a", "b", "c", "d"}, []string{"e: 2 of its variant failed, the last one was d"},
		},
		{
			"a ceiling in parts, of the kind's hosts", six, Policy{Canary: true, Wave: share(t, "1"), MaxFailures: share(t, "34%")}, map[string]Result{"f2": Failed, "f3": Failed},
			[]string{"f1", "s1", "f2", "f3", "s2", "s3"}, nil,
		},
		{
			"a ceiling of all", six, Policy{Canary: true, Wave: share(t, "1"), MaxFailures: share(t, "1"), StopAll: true}, map[string]Result{"f2": Failed, "s2": Failed},
			[]string{"f1", "s1", "f2", "f3", "s2"}, []string{"s3: 2 of all failed, the last one was s2"},
		},
		{
			"a canary's failure is above every ceiling", "a b", Policy{Canary: true, MaxFailures: share(t, "100%")}, map[string]Result{"a": Failed},
			[]string{"a"}, []string{"b: the canary of its variant, a, failed"},
		},
		{
			"one client's hosts never meet", "a::acme b::acme c::globex d e", Policy{}, nil,
			[]string{"a c d e", "b"}, nil,
		},
		{
			"also as canaries", "a:full:acme b:staged:acme c:full:globex", Policy{Canary: true}, nil,
			[]string{"a", "b", "c"}, nil,
		},
		{
			"another host of the kind is the canary then", "a:full:acme b:staged:acme c:staged:globex", Policy{Canary: true}, nil,
			[]string{"a", "b", "c"}, nil,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			waves, held := play(t, hosts(c.hosts), c.policy, c.results)
			if !slices.Equal(waves, c.waves) {
				t.Errorf("waves %q, want %q", waves, c.waves)
			}
			if !slices.Equal(held, c.held) {
				t.Errorf("held back %q, want %q", held, c.held)
			}
		})
	}
}

// P4: one host goes first of all, and a release that fails there takes no second one down.
func TestP4OneHostGoesFirst(t *testing.T) {
	const three = "a:full::1 b:staged::1 c:drifted::1"
	waves, held := play(t, hosts(three), Policy{Canary: true, Wave: share(t, "1")}, map[string]Result{"a": Failed})
	if !slices.Equal(waves, []string{"a"}) || !slices.Equal(held, []string{"b: 1 failed on a", "c: 1 failed on a"}) {
		t.Errorf("waves %q, held back %q", waves, held)
	}
	waves, held = play(t, hosts(three), Policy{Canary: true, Wave: share(t, "1")}, map[string]Result{"a": Skipped, "b": Failed})
	if !slices.Equal(waves, []string{"a", "b"}) || !slices.Equal(held, []string{"c: 1 failed on b"}) {
		t.Errorf("waves %q, held back %q", waves, held)
	}
	if waves, _ = play(t, hosts(three), Policy{Canary: true, Wave: share(t, "1")}, nil); !slices.Equal(waves, []string{"a", "b", "c"}) {
		t.Errorf("waves %q", waves)
	}
}

// P4: what has failed anywhere is begun nowhere without a decision; another release is.
func TestP4AReleaseThatFailedIsInDoubt(t *testing.T) {
	for _, c := range []struct {
		name    string
		hosts   string
		policy  Policy
		results map[string]Result
		accept  int // how often it is accepted
		waves   []string
		held    []string
	}{
		{"another release goes on", "a:full::1 b:staged::2 c:staged::1 d:staged::2", Policy{Canary: true}, map[string]Result{"a": Failed}, 0, []string{"a", "b", "d"}, []string{"c: 1 failed on a"}},
		{"it is accepted", "a:full::1 a2:full::1 b:staged::1", Policy{Canary: true}, map[string]Result{"a": Failed}, 1, []string{"a", "b"}, []string{"a2: the canary of its variant, a, failed"}},
		{"the next failure asks again", "a:full::1 b:staged::1 c:other::1", Policy{Canary: true}, map[string]Result{"a": Failed, "b": Failed}, 1, []string{"a", "b"}, []string{"c: 1 failed on b"}},
		{"in a wave, beyond the ceiling", "a:full::1 b:staged::1 a2:full::1 b2:staged::1", Policy{Canary: true, Wave: share(t, "1")}, map[string]Result{"a2": Failed}, 0, []string{"a", "b", "a2"}, []string{"b2: 1 failed on a2"}},
		{"a failure that was allowed is a decision", "a:full::1 b:staged::1 a2:full::1 b2:staged::1", Policy{Canary: true, Wave: share(t, "1"), MaxFailures: share(t, "1")}, map[string]Result{"a2": Failed}, 0, []string{"a", "b", "a2", "b2"}, nil},
		{"without a release nothing is in doubt", "a:full b:staged", Policy{Canary: true}, map[string]Result{"a": Failed}, 0, []string{"a", "b"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := New(hosts(c.hosts), c.policy)
			var waves, held []string
			for {
				for _, d := range b.Doubts() {
					if c.accept--; c.accept >= 0 {
						b.Accept(d.Release)
					}
				}
				wave := b.Next()
				if len(wave) == 0 {
					break
				}
				for _, h := range wave {
					waves = append(waves, h.Name)
					b.Report(h, c.results[h.Name])
				}
			}
			for _, h := range b.Skipped() {
				held = append(held, h.Host+": "+h.Why)
			}
			if !slices.Equal(waves, c.waves) || !slices.Equal(held, c.held) {
				t.Errorf("order %q, held back %q; want %q, %q", waves, held, c.waves, c.held)
			}
		})
	}
}

// P4: a host that waited for its turn in a wave is given back where the release failed
// meanwhile.
func TestP4AHostThatWaitedIsGivenBack(t *testing.T) {
	b := New(hosts("a:full::1 b:full::1 c:full::1"), Policy{Canary: true})
	b.Report(b.Next()[0], Done)
	wave := b.Next()
	b.Report(wave[0], Failed)
	if why := b.Why(wave[1]); why != "1 of its variant failed, the last one was b" {
		t.Errorf("it may begin: %q", why)
	}
	b.Return(wave[1])
	if held := b.Skipped(); len(held) != 1 || held[0].Host != "c" {
		t.Errorf("held back %+v", held)
	}
}

func TestP4CanariesAreNamedBefore(t *testing.T) {
	b := New(hosts("a:full b:full c:staged d:full"), Policy{Canary: true})
	if got := b.Canaries(); len(got) != 2 || got[0].Name != "a" || got[1].Name != "c" {
		t.Errorf("%+v", got)
	}
}

func TestStopHoldsTheRestBack(t *testing.T) {
	b := New(hosts("a b c"), Policy{Canary: true})
	b.Report(b.Next()[0], Done)
	b.Stop("interrupted")
	b.Stop("another reason comes too late")
	if wave := b.Next(); len(wave) > 0 {
		t.Errorf("%v are begun after the stop", wave)
	}
	want := []SkippedHost{{"b", "interrupted"}, {"c", "interrupted"}}
	if got := b.Skipped(); !slices.Equal(got, want) {
		t.Errorf("held back %v, want %v", got, want)
	}
}

func TestShares(t *testing.T) {
	for _, c := range []struct {
		text  string
		total int
		want  int
	}{
		{"5", 40, 5}, {"5", 3, 5}, {"0", 40, 0}, {"25%", 40, 10}, {"25%", 41, 10}, {"25%", 3, 0}, {"100%", 7, 7}, {"0%", 7, 0},
	} {
		if got := share(t, c.text).Of(c.total); got != c.want {
			t.Errorf("%s of %d is %d, want %d", c.text, c.total, got, c.want)
		}
	}
	for _, text := range []string{"", "%", "-1", "+5", "five", "101%", "5 %", "1e3", "5%%", "99999999999999999999"} {
		if s, err := ParseShare(text); err == nil {
			t.Errorf("%q is read as %s", text, s)
		}
	}
}

// Whatever happens, a batch ends; every host is begun once or held back with a
// reason; a wave never has more hosts than was asked for, nor two of a client.
func FuzzBatch(f *testing.F) {
	f.Add([]byte("abcdefgh"), 2, false, true, true)
	f.Fuzz(func(t *testing.T, data []byte, wave int, percent, canary, stopAll bool) {
		if len(data) > 200 || wave < 0 || wave > 100 {
			return
		}
		var list []Host
		for i, c := range data {
			list = append(list, Host{Name: fmt.Sprint(i), Kind: fmt.Sprint(c & 3), Release: fmt.Sprint(c >> 4 & 1), Client: strings.Repeat("x", int(c>>2&3))})
		}
		b := New(list, Policy{Canary: canary, StopAll: stopAll, Wave: Share{wave, percent}, MaxFailures: Share{wave / 2, percent}})
		seen := map[string]bool{}
		for next := b.Next(); len(next) > 0; next = b.Next() {
			clients := map[string]bool{}
			for _, h := range next {
				if seen[h.Name] || h.Client != "" && clients[h.Client] {
					t.Fatalf("%v again, or its client's, in %v", h, next)
				}
				seen[h.Name], clients[h.Client] = true, true
				b.Report(h, Result(data[0]>>4)%3)
			}
			if len(next) > b.WaveSize() {
				t.Fatalf("%d in a wave of %d", len(next), b.WaveSize())
			}
		}
		for _, h := range b.Skipped() {
			if seen[h.Host] || h.Why == "" {
				t.Fatalf("held back: %+v", h)
			}
			seen[h.Host] = true
		}
		if len(seen) != len(list) {
			t.Fatalf("%d of %d hosts are accounted for", len(seen), len(list))
		}
	})
}
