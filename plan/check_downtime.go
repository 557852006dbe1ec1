package plan

import (
	"fmt"
	"time"
)

// dumpRate is how many bytes of a database a small host dumps in a second, and
// reads back to the end of the archive: an old processor core, and no fast disk.
const dumpRate = 15_000_000

// downtime warns of a final dump that takes the time the new server needs: the
// swap would give it up and start the old server again, having been away for
// nothing.
func (c *checker) downtime() {
	limit := c.s.limit()
	takes, may := StopTime+c.f.Database.Bytes/dumpRate, int64(DumpTime(limit))
	if takes <= may || c.s.Allows(AllowNoFinalDump) {
		return
	}
	enough := (time.Duration(takes+30)*time.Second + time.Minute).Truncate(time.Minute)
	c.add("downtime", Warn, fmt.Sprintf("set max_downtime: %dm, or skip that dump: allow: [%s]", max(1, enough/time.Minute), AllowNoFinalDump),
		"the server's stop and the final dump of %s may take %d seconds; of the %d that it may be away they get %d, and the dump is given up then",
		size(c.f.Database.Bytes), takes, limit, may)
}
