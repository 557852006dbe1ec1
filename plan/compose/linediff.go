package compose

import (
	"slices"
	"sort"
	"strings"
)

// A region is a run of lines of a replaced by a run of lines of b, ends not
// included.
type region struct{ a0, a1, b0, b1 int }

// splitLines returns lines with their line ends.
func splitLines(src []byte) []string {
	return slices.Collect(strings.Lines(string(src)))
}

// lineDiff returns what turns a into b. Lines that are there once on both
// sides hold the two together, so that a block put in is seen as one block.
func lineDiff(a, b []string) []region {
	d := &differ{a: a, b: b}
	d.between(0, len(a), 0, len(b))
	return d.out
}

type differ struct {
	a, b []string
	out  []region
}

func (d *differ) emit(r region) {
	if r.a0 == r.a1 && r.b0 == r.b1 {
		return
	}
	if n := len(d.out); n > 0 && d.out[n-1].a1 == r.a0 && d.out[n-1].b1 == r.b0 {
		d.out[n-1].a1, d.out[n-1].b1 = r.a1, r.b1
		return
	}
	d.out = append(d.out, r)
}

func (d *differ) between(a0, a1, b0, b1 int) {
	for a0 < a1 && b0 < b1 && d.a[a0] == d.b[b0] {
		a0, b0 = a0+1, b0+1
	}
	endA, endB := a1, b1
	for a0 < endA && b0 < endB && d.a[endA-1] == d.b[endB-1] {
		endA, endB = endA-1, endB-1
	}
	if a0 == endA || b0 == endB {
		d.emit(region{a0, endA, b0, endB})
		return
	}
	anchors := d.anchors(a0, endA, b0, endB)
	if len(anchors) == 0 {
		anchors = d.longest(a0, endA, b0, endB)
	}
	if len(anchors) == 0 {
		d.emit(region{a0, endA, b0, endB})
		return
	}
	for _, at := range anchors {
		if at[0] < a0 || at[1] < b0 {
			continue // a run of equal lines went past it
		}
		d.between(a0, at[0], b0, at[1])
		a0, b0 = at[0]+1, at[1]+1
		for a0 < endA && b0 < endB && d.a[a0] == d.b[b0] {
			a0, b0 = a0+1, b0+1
		}
	}
	d.between(a0, endA, b0, endB)
}

// anchors returns pairs of lines that are there once on each side, as many as
// come in the same order on both.
func (d *differ) anchors(a0, a1, b0, b1 int) [][2]int {
	type count struct{ inA, inB, a, b int }
	counts := map[string]*count{}
	at := func(line string) *count {
		if counts[line] == nil {
			counts[line] = &count{}
		}
		return counts[line]
	}
	for i := a0; i < a1; i++ {
		c := at(d.a[i])
		c.inA, c.a = c.inA+1, i
	}
	for j := b0; j < b1; j++ {
		c := at(d.b[j])
		c.inB, c.b = c.inB+1, j
	}
	var pairs [][2]int
	for i := a0; i < a1; i++ {
		if c := counts[d.a[i]]; c.inA == 1 && c.inB == 1 {
			pairs = append(pairs, [2]int{i, c.b})
		}
	}
	return longestRising(pairs)
}

// longestRising returns a longest choice of pairs whose second numbers rise.
func longestRising(pairs [][2]int) [][2]int {
	var tails []int // tails[n]: the pair a choice of n+1 ends with
	before := make([]int, len(pairs))
	for i, p := range pairs {
		n := sort.Search(len(tails), func(n int) bool { return pairs[tails[n]][1] >= p[1] })
		before[i] = -1
		if n > 0 {
			before[i] = tails[n-1]
		}
		if n == len(tails) {
			tails = append(tails, i)
		} else {
			tails[n] = i
		}
	}
	if len(tails) == 0 {
		return nil
	}
	var out [][2]int
	for i := tails[len(tails)-1]; i >= 0; i = before[i] {
		out = append(out, pairs[i])
	}
	slices.Reverse(out)
	return out
}

// tableLimit bounds the table of [differ.longest]. Beyond it a run is taken as
// replaced whole, which is always true, if not always short.
const tableLimit = 1 << 20

// longest returns a longest common subsequence of a short stretch in which no
// line is there once.
func (d *differ) longest(a0, a1, b0, b1 int) [][2]int {
	n, m := a1-a0, b1-b0
	if n*m > tableLimit {
		return nil
	}
	table := make([]int, (n+1)*(m+1))
	cell := func(i, j int) *int { return &table[i*(m+1)+j] }
	for i := n - 1; i >= 0; i-- {
		for j := m - 1; j >= 0; j-- {
			if d.a[a0+i] == d.b[b0+j] {
				*cell(i, j) = *cell(i+1, j+1) + 1
			} else {
				*cell(i, j) = max(*cell(i+1, j), *cell(i, j+1))
			}
		}
	}
	var out [][2]int
	for i, j := 0, 0; i < n && j < m; {
		switch {
		case d.a[a0+i] == d.b[b0+j]:
			out = append(out, [2]int{a0 + i, b0 + j})
			i, j = i+1, j+1
		case *cell(i+1, j) >= *cell(i, j+1):
			i++
		default:
			j++
		}
	}
	return out
}
