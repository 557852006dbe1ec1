package backup

import "time"

// Times that decide what is pruned, or are shown as an age, are this machine's. Of a
// host's clock only differences are believed, and only between two bounds that are ours.

// dumpTime is when a dump was begun, by this machine's clock: at and hostNow are the host's,
// begun and now ours, before the host was first asked and after it answered.
func dumpTime(begun, now, at, hostNow time.Time) time.Time {
	taken := now.Add(-max(0, hostNow.Sub(at)))
	if taken.Before(begun) {
		taken = begun
	}
	return taken.UTC().Truncate(time.Second)
}

// timeOfID is the time at which this machine made an id, zero for one that has none.
func timeOfID(id string) time.Time {
	const form = "20060102T150405Z"
	if len(id) < len(form) {
		return time.Time{}
	}
	at, err := time.Parse(form, id[:len(form)])
	if err != nil {
		return time.Time{}
	}
	return at
}

func (t *Creator) now() time.Time {
	if t.Now != nil {
		return t.Now()
	}
	return time.Now()
}
