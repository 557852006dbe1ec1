package compose

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// Splices made in rounds, told against the first file, give the last one.
func TestPiecesFollowRounds(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		src := randomText(r, 20)
		now, ps := src, newPieces([]byte(src))
		for range 1 + r.IntN(4) {
			round := randomSplices(r, now)
			next, err := Replay([]byte(now), round)
			if err != nil {
				t.Fatal(err)
			}
			ps = ps.apply(round)
			now = string(next)
		}
		splices := ps.splices(newText([]byte(src)))
		got, err := Replay([]byte(src), splices)
		if err != nil || string(got) != now {
			t.Fatalf("%q: got %q, %v; want %q", src, got, err, now)
		}
		back, err := Replay(got, inverse(splices))
		if err != nil || string(back) != src {
			t.Fatalf("back: got %q, %v; want %q", back, err, src)
		}
	}
}

func randomText(r *rand.Rand, most int) string {
	b := make([]byte, r.IntN(most+1))
	for i := range b {
		b[i] = "ab\n "[r.IntN(4)]
	}
	return string(b)
}

func randomSplices(r *rand.Rand, src string) []Splice {
	var at []int
	for range 2 * r.IntN(4) {
		at = append(at, r.IntN(len(src)+1))
	}
	slices.Sort(at)
	var out []Splice
	for i := 0; i+1 < len(at); i += 2 {
		out = append(out, Splice{Offset: at[i], Old: src[at[i]:at[i+1]], New: randomText(r, 5)})
	}
	return out
}

func TestReplayRefuses(t *testing.T) {
	for _, splices := range [][]Splice{
		{{Offset: 1, Old: "x"}},
		{{Offset: 9, New: "x"}},
		{{Offset: -1, New: "x"}},
		{{Offset: 2, New: "x"}, {Offset: 1, New: "y"}},
		{{Offset: 0, Old: "ab"}, {Offset: 1, New: "y"}},
	} {
		if _, err := Replay([]byte("abc"), splices); err == nil {
			t.Errorf("%+v were made", splices)
		}
	}
}
