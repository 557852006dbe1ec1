package batch

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// hosts reads "name:kind:client"; kind and client may be missing.
func hosts(text string) (list []Host) {
	for _, word := range strings.Fields(text) {
		parts := append(strings.Split(word, ":"), "", "")
		list = append(list, Host{Name: parts[0], Kind: parts[1], Client: parts[2]})
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
			b.Ended(h, results[h.Name])
		}
		waves = append(waves, strings.Join(names, " "))
		if len(waves) > len(list) {
			t.Fatalf("it never ends: %q", waves)
		}
	}
	for _, h := range b.Held() {
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
		{"canaries, then all", six, Policy{Canary: true}, nil, []string{"f1 s1", "f2 f3 s2 s3"}, nil},
		{"waves of three", six, Policy{Canary: true, Wave: share(t, "3")}, nil, []string{"f1 s1", "f2 f3 s2", "s3"}, nil},
		{"a part is rounded down", six, Policy{Canary: true, Wave: share(t, "49%")}, nil, []string{"f1 s1", "f2 f3", "s2 s3"}, nil},
		{"and is at least one", six, Policy{Canary: true, Wave: share(t, "1%")}, nil, []string{"f1 s1", "f2", "f3", "s2", "s3"}, nil},
		{
			"a canary fails", six, Policy{Canary: true}, map[string]Result{"f1": Failed},
			[]string{"f1 s1", "s2 s3"},
			[]string{"f2: the canary of its kind, f1, failed", "f3: the canary of its kind, f1, failed"},
		},
		{
			"a canary fails and stops all", six, Policy{Canary: true, StopAll: true}, map[string]Result{"f1": Failed},
			[]string{"f1 s1"},
			[]string{
				"f2: the canary of its kind, f1, failed", "f3: the canary of its kind, f1, failed",
				"s2: f1 failed, and a failure stops all", "s3: f1 failed, and a failure stops all",
			},
		},
		{
			"a canary cannot be tried", six, Policy{Canary: true}, map[string]Result{"f1": Skipped, "f2": Skipped},
			[]string{"f1 s1", "f2", "f3", "s2 s3"}, nil,
		},
		{
			"no ceiling: the first failure holds its kind back", six, Policy{Canary: true, Wave: share(t, "1")}, map[string]Result{"f2": Failed},
			[]string{"f1 s1", "f2", "s2", "s3"}, []string{"f3: 1 of its kind failed, the last one was f2"},
		},
		{
			"a ceiling of one", "a b c d e", Policy{Canary: true, Wave: share(t, "1"), MaxFailures: share(t, "1")}, map[string]Result{"b": Failed, "d": Failed},
			[]string{"a", "b", "c", "d"}, []string{"e: 2 of its kind failed, the last one was d"},
		},
		{
			"a ceiling in parts, of the kind's hosts", six, Policy{Canary: true, Wave: share(t, "1"), MaxFailures: share(t, "34%")}, map[string]Result{"f2": Failed, "f3": Failed},
			[]string{"f1 s1", "f2", "f3", "s2", "s3"}, nil,
		},
		{
			"a ceiling of all", six, Policy{Canary: true, Wave: share(t, "1"), MaxFailures: share(t, "1"), StopAll: true}, map[string]Result{"f2": Failed, "s2": Failed},
			[]string{"f1 s1", "f2", "f3", "s2"}, []string{"s3: 2 of all failed, the last one was s2"},
		},
		{
			"a canary's failure is above every ceiling", "a b", Policy{Canary: true, MaxFailures: share(t, "100%")}, map[string]Result{"a": Failed},
			[]string{"a"}, []string{"b: the canary of its kind, a, failed"},
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
			[]string{"a c", "b"}, nil,
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

func TestStopHoldsTheRestBack(t *testing.T) {
	b := New(hosts("a b c"), Policy{Canary: true})
	b.Ended(b.Next()[0], Done)
	b.Stop("interrupted")
	b.Stop("another reason comes too late")
	if wave := b.Next(); len(wave) > 0 {
		t.Errorf("%v are begun after the stop", wave)
	}
	want := []Held{{"b", "interrupted"}, {"c", "interrupted"}}
	if got := b.Held(); !slices.Equal(got, want) {
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
			list = append(list, Host{Name: fmt.Sprint(i), Kind: fmt.Sprint(c & 3), Client: strings.Repeat("x", int(c>>2&3))})
		}
		b := New(list, Policy{Canary: canary, StopAll: stopAll, Wave: Share{wave, percent}, MaxFailures: Share{wave / 2, percent}})
		seen := map[string]bool{}
		for next := b.Next(); len(next) > 0; next = b.Next() {
			clients, kinds := map[string]bool{}, map[string]bool{}
			for _, h := range next {
				if seen[h.Name] || h.Client != "" && clients[h.Client] {
					t.Fatalf("%v again, or its client's, in %v", h, next)
				}
				seen[h.Name], clients[h.Client], kinds[h.Kind] = true, true, true
				b.Ended(h, Result(data[0]>>4)%3)
			}
			if len(next) > max(b.WaveSize(), len(kinds)) {
				t.Fatalf("%d in a wave of %d", len(next), b.WaveSize())
			}
		}
		for _, h := range b.Held() {
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
