package plan

import (
	"fmt"
	"slices"
	"strings"

	"liftalot/units"
)

// A spaceNeed is room that a database which is put back takes on a host's disks.
type spaceNeed struct {
	folder string // folder, "" where it is not known
	what   string
	bytes  int64
}

const (
	// A dump is packed: of a database with its indexes a quarter is rarely left.
	usualPacking = 4
	// One transaction that fills a database is written to the log (WAL) too, which
	// grows up to max_wal_size before it is cut.
	longestLog = 1 << 30
	// What the live server and the live database need meanwhile.
	spareRoom = 128 << 20
)

// fillSpace returns how many bytes a database takes that is filled from a dump. The present one
// may have been emptied, which is why it is put back: the dump counts too.
func fillSpace(f *Facts, dump int64) int64 {
	n := max(f.Database.Bytes, dump)
	return n + min(n, longestLog)
}

// databaseHome is where the images of PostgreSQL keep a database's files, or above it.
const databaseHome = "/var/lib/postgresql"

// databasePlace is where the database's files are on the host, "" where that is not
// known: docker's folder, if a volume of it is mounted for them and nothing else, or the
// nameless one that the image asks for, or nothing at all. A folder of the host, such as
// an attached disk, is not among what a look sees.
func databasePlace(f *Facts) string {
	c, _ := f.Container(f.Database.Service)
	host, ok := f.OnHost(c.ID)
	if !ok {
		return placeByModel(f, c)
	}
	m, mounted := host.mountOf(dataFolder(f))
	switch {
	case !mounted, m.Type == "volume" && anonymousVolume.MatchString(m.Name):
		return f.Docker.Root
	case m.Type != "volume":
		return ""
	}
	for _, v := range f.Model.Service(f.Database.Service).Volumes {
		if v.Type == "volume" && v.Source != "" && f.Model.VolumeID(v.Source) == m.Name && !f.Model.VolumeElsewhere(v.Source) {
			return f.Docker.Root
		}
	}
	return ""
}

// placeByModel goes by the compose files, where nothing is known of what the container
// mounts. A nameless volume says nothing then: it is there, and empty, beside a folder of
// the host too.
func placeByModel(f *Facts, c Container) string {
	service := f.Model.Service(f.Database.Service)
	if data := service.Environment["PGDATA"]; data != "" && !isInside(data, databaseHome) {
		return ""
	}
	place := ""
	for _, v := range service.Volumes {
		if v.Target != databaseHome && !isInside(v.Target, databaseHome) {
			continue
		}
		if v.Type != "volume" || f.Model.VolumeElsewhere(v.Source) {
			return ""
		}
		if v.Source != "" && slices.Contains(c.Volumes, f.Model.VolumeID(v.Source)) {
			place = f.Docker.Root
		}
	}
	return place
}

// RoomForDrill holds what the throw-away database of a drill needs against what is
// free. Its data is in a volume of its own.
func RoomForDrill(f *Facts, dump int64) (warnings []string, err error) {
	return checkSpace(f, []spaceNeed{{BackupRoot, "the dump", dump}, {f.Docker.Root, "a throw-away database", fillSpace(f, dump)}})
}

// checkSpace refuses what does not fit: a disk that is filled up takes the live
// database down. Needs on one file system are added up. What is not known keeps
// nobody from a rollback: it is a warning.
func checkSpace(f *Facts, all []spaceNeed) (warnings []string, err error) {
	type mount struct {
		free, bytes   int64
		places, whats []string
	}
	mounts := map[string]*mount{}
	var order, unknown []string
	for _, n := range all {
		d, ok := f.DiskFor(n.folder)
		if !ok {
			unknown = append(unknown, fmt.Sprintf("%s (%s)", n.what, units.Bytes(n.bytes)))
			continue
		}
		m := mounts[d.Mount]
		if m == nil {
			m = &mount{free: d.Free}
			mounts[d.Mount], order = m, append(order, d.Mount)
		}
		m.bytes += n.bytes
		m.whats = append(m.whats, fmt.Sprintf("%s (%s)", n.what, units.Bytes(n.bytes)))
		if !slices.Contains(m.places, n.folder) {
			m.places = append(m.places, n.folder)
		}
	}
	var bad []string
	for _, name := range order {
		if m := mounts[name]; m.free < m.bytes+spareRoom {
			bad = append(bad, fmt.Sprintf("%s (%s) has %s free, but %s is needed: %s, and %s to spare",
				strings.Join(m.places, " and "), name, units.Bytes(m.free), units.Bytes(m.bytes+spareRoom), strings.Join(m.whats, ", "), units.Bytes(spareRoom)))
		}
	}
	if len(bad) > 0 {
		return nil, refuse(f.Host, "disk space", strings.Join(bad, "; ")+"; nothing was changed", "make room on the host first, and say the same again")
	}
	if len(unknown) > 0 {
		warnings = append(warnings, "disk space: it is not known whether there is room for "+strings.Join(unknown, ", ")+": look at it yourself: df -h")
	}
	if f.Database.Bytes == 0 {
		warnings = append(warnings, "disk space: the database did not say how large it is, so there may be too little room for another one")
	}
	return warnings, nil
}
