package torture

import (
	"io/fs"
	"path/filepath"
	"runtime/metrics"
)

const (
	// maxHeap bounds what the tool and the simulated servers of all benches keep
	// in memory together, as the last collection found it: 150 MiB with two dozen
	// servers and their kept states, and no more after five hundred cases. A tool
	// that kept what hosts say would pass it.
	maxHeap = 384 << 20
	// maxState bounds the state folder of a workstation after two runs or three,
	// with the backup of each.
	maxState = 1 << 20
)

// limits holds memory and disk against their bounds.
func (t *trial) limits() {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	if n := live[0].Value.Uint64(); n > maxHeap {
		t.say("%d MiB are kept in memory", n>>20)
	}
	var state int64
	err := filepath.WalkDir(t.laptop.Dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			state += info.Size()
		}
		return err
	})
	if err != nil || state > maxState {
		t.say("the state folder holds %d KiB (%v)", state>>10, err)
	}
}
