package compose

import "slices"

// meansUndone reports whether content means what now means, less the change
// from before to ours. Texts that are no compose files mean nothing to compare.
func meansUndone(before, ours, now, content []byte) bool {
	values := make([]*value, 0, 3)
	for _, src := range [][]byte{before, ours, now} {
		f, err := parse("", src)
		if err != nil {
			return true
		}
		values = append(values, f.value)
	}
	f, err := parse("", content)
	if err != nil {
		return false
	}
	return holdsUndone(values[0], values[1], values[2], f.value)
}

// holdsUndone is three-way merging seen from its outcome: where now is as ours
// was, got must be as before; where ours left before alone, got must be as now;
// where now is as before already, got must be too; where both changed a mapping
// or list, entry by entry.
func holdsUndone(before, ours, now, got *value) bool {
	switch {
	case equalValues(ours, now):
		return equalValues(got, before)
	case equalValues(before, ours):
		return equalValues(got, now)
	case equalValues(before, now):
		return equalValues(got, before)
	case isKind(mapValue, ours, now) && (before == nil || before.kind == mapValue):
		return mappingUndone(before, ours, now, got)
	case isKind(listValue, ours, now) && (before == nil || before.kind == listValue):
		return listUndone(before, ours, now, got)
	}
	return false
}

func isKind(k valueKind, vs ...*value) bool {
	return !slices.ContainsFunc(vs, func(v *value) bool { return v == nil || v.kind != k })
}

func mappingUndone(before, ours, now, got *value) bool {
	if got == nil || got.kind != mapValue {
		return false
	}
	keys := slices.Concat(before.keys(), ours.keys(), now.keys(), got.keys())
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		if !holdsUndone(before.get(key), ours.get(key), now.get(key), got.get(key)) {
			return false
		}
	}
	return true
}

// listUndone asks that got has each item as often as now, less what ours had
// more than before. Where now has an item as often as before, both sides may
// have made the same change, and then got has it that often too: the text knows
// whether that was one change or two. The order is the text's business as well.
func listUndone(before, ours, now, got *value) bool {
	if got == nil || got.kind != listValue {
		return false
	}
	counts := map[string][4]int{}
	for i, v := range []*value{before, ours, now, got} {
		if v == nil {
			continue
		}
		for _, item := range v.items {
			n := counts[item.tag+item.String()]
			n[i]++
			counts[item.tag+item.String()] = n
		}
	}
	for _, n := range counts {
		before, ours, now, got := n[0], n[1], n[2], n[3]
		if same := before == now && got == now; !same && got != now-ours+before {
			return false
		}
	}
	return true
}
