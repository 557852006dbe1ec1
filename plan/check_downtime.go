package plan

import (
	"fmt"
	"time"

	"liftalot/units"
)

// dumpRate is how many bytes of a database a small host dumps in a second, and
// reads back to the end of the archive: an old processor core, and no fast disk.
const dumpRate = 15_000_000

// downtime warns of the final dump of a swap. Where the release runs and is managed
// there is nothing to swap.
func (c *checker) downtime() {
	if c.rel != nil && VariantOf(c.f, c.rel) == Managed && runsRelease(c.f, c.rel, c.s.Pin) {
		return
	}
	c.out = append(c.out, downtime(c.f, c.s)...)
}

// downtime warns of a final dump that takes the time the new server needs: the
// swap would give it up and start the old server again, having been away for
// nothing.
func downtime(f *Facts, s Settings) []Check {
	limit := s.limit()
	takes, may := StopTime+f.Database.Bytes/dumpRate, int64(DumpTime(limit))
	if takes <= may || s.Allows(AllowNoFinalDump) {
		return nil
	}
	enough := (time.Duration(takes+30)*time.Second + time.Minute).Truncate(time.Minute)
	return []Check{{
		Name: "downtime", Level: Warn,
		Detail: fmt.Sprintf("the server's stop and the final dump of %s may take %d seconds; of the %d that it may be away they get %d, and the dump is given up then",
			units.Bytes(f.Database.Bytes), takes, limit, may),
		Hint: fmt.Sprintf("set max_downtime: %dm, or skip that dump: allow: [%s]", max(1, enough/time.Minute), AllowNoFinalDump),
	}}
}
