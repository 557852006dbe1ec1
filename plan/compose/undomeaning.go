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
// where both changed a mapping or list, entry by entry.
func holdsUndone(before, ours, now, got *value) bool {
	switch {
	case equalValues(ours, now):
		return equalValues(got, before)
	case equalValues(before, ours):
		return equalValues(got, now)
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
// more than before. The order is the text's business.
func listUndone(before, ours, now, got *value) bool {
	if got == nil || got.kind != listValue {
		return false
	}
	want := map[string]int{}
	count := func(v *value, by int) {
		if v == nil {
			return
		}
		for _, item := range v.items {
			want[item.tag+item.String()] += by
		}
	}
	count(now, 1)
	count(ours, -1)
	count(before, 1)
	count(got, -1)
	for _, n := range want {
		if n != 0 {
			return false
		}
	}
	return true
}
