// Package pgarchive reads an archive of pg_dump's custom format to its end.
//
// It is no pg_restore: it restores nothing, and it trusts nothing. [Read] takes
// the archive as a stream, decodes the table of contents and every block of data
// behind it, and says what is inside. An archive that was cut anywhere, holds a
// block twice or misses one, is refused. Memory does not grow with the data.
//
// # Format
//
// Versions 1.14 to 1.16, which PostgreSQL 12 to 18 write. All numbers are a sign
// byte and a fixed count of bytes, least first; all texts are a number and as
// many bytes, -1 for none.
//
//	"PGDMP"  major minor revision  bytes-of-int bytes-of-offset format(1)
//	compression: an algorithm byte (1.15 and later), or a level
//	seven numbers of the time it was made, then three texts: the database, the
//	version of its server and that of pg_dump
//	number of entries; each entry: id, has-data, two texts, tag, description,
//	section, four texts, three of SQL and the namespace,
//	tablespace, access method, kind of relation (1.16), owner, a text, ids it
//	depends on until a null text, then a byte and an offset
//	blocks until the end: 1 and an id, then chunks; or 3 and an id, then large
//	objects, each a number and chunks, until the number 0. A chunk is its length
//	and as many bytes; one of length 0 ends the list. The chunks of a list
//	together are one compressed stream.
package pgarchive

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
)

// Contents is what an archive holds.
type Contents struct {
	Format   string // "1.14"
	Database string
	Server   string // its version, as it says it
	Dumper   string // pg_dump's
	Packing  Packing
	Tables   []Table // in the archive's order; those that an extension makes are not listed

	// Roles that must be there for it to be restored with owners and privileges, sorted.
	Roles []string
}

// Table is a table of the archive. Rows is -1 where the archive has the table
// without its rows.
type Table struct {
	Schema, Name string
	Rows         int64
}

// Packing is how the data are compressed.
type Packing byte

// What pg_dump knows; LZ4 is named and not read.
const (
	None Packing = iota
	Zlib
	LZ4
	Zstd
)

func (p Packing) String() string {
	return [...]string{"none", "zlib", "lz4", "zstd"}[p]
}

// MaxRow is how much of a row's beginning a caller of [Read] is shown.
const MaxRow = 64 << 10

// Bounds of a table of contents: a database of ten thousand tables takes 20 MiB.
const (
	maxEntries = 1 << 20
	maxText    = 16 << 20
	maxAll     = 128 << 20
)

// Read reads an archive to its end. Each row is shown to row, as the text COPY
// writes, without its line end and cut at [MaxRow]; row may be nil.
func Read(r io.Reader, row func(t Table, text []byte)) (*Contents, error) {
	a := &archive{r: bufio.NewReaderSize(r, 64<<10), row: row, data: map[int64]*entry{}, roles: map[string]bool{}}
	if err := a.read(); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("read a PostgreSQL archive: %w", err)
	}
	a.Roles = slices.Sorted(maps.Keys(a.roles))
	return &a.Contents, nil
}

type archive struct {
	Contents
	r       *bufio.Reader
	row     func(Table, []byte)
	intSize int
	offSize int
	minor   byte
	taken   int64 // bytes of texts so far
	tables  map[string]int
	data    map[int64]*entry // entries whose block has not come yet
	unpack  unpacker

	extended bool // an extension is listed
	roles    map[string]bool
}

// An entry has data behind the table of contents.
type entry struct {
	id    int64
	name  string // of the table whose rows they are, or ""
	table int    // index in Tables, or -1
}

func (a *archive) read() error {
	if err := a.head(); err != nil {
		return fmt.Errorf("its head: %w", err)
	}
	if err := a.toc(); err != nil {
		return fmt.Errorf("its table of contents: %w", err)
	}
	for {
		kind, err := a.r.ReadByte()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := a.block(kind); err != nil {
			return err
		}
	}
	if n := len(a.data); n > 0 {
		return fmt.Errorf("the data of %d entries are missing: %w", n, io.ErrUnexpectedEOF)
	}
	return nil
}

const magic = "PGDMP"

func (a *archive) head() error {
	head := make([]byte, len(magic)+6)
	if _, err := io.ReadFull(a.r, head); err != nil {
		return err
	}
	if !bytes.HasPrefix(head, []byte(magic)) {
		return errors.New("this is no archive of the custom format")
	}
	v := head[len(magic):]
	a.minor, a.intSize, a.offSize = v[1], int(v[3]), int(v[4])
	a.Format = fmt.Sprintf("%d.%d", v[0], v[1])
	if v[0] != 1 || v[1] < 14 || v[1] > 16 || v[5] != 1 {
		return fmt.Errorf("version %s of format %d is not known here", a.Format, v[5])
	}
	if a.intSize < 2 || a.intSize > 8 || a.offSize < 2 || a.offSize > 8 {
		return errors.New("its numbers have an impossible size")
	}
	if err := a.packing(); err != nil {
		return err
	}
	for range 7 {
		if _, err := a.number(); err != nil {
			return err
		}
	}
	return a.texts(&a.Database, &a.Server, &a.Dumper)
}

// packing reads the compression: before 1.15 it was zlib, or nothing at level 0.
func (a *archive) packing() error {
	if a.minor < 15 {
		level, err := a.number()
		if err != nil {
			return err
		}
		if level < -1 || level > 9 {
			return fmt.Errorf("compression level %d is not zlib's", level)
		}
		if level != 0 {
			a.Packing = Zlib
		}
		return nil
	}
	p, err := a.r.ReadByte()
	if err != nil {
		return err
	}
	a.Packing = Packing(p)
	if a.Packing != None && a.Packing != Zlib && a.Packing != Zstd {
		return fmt.Errorf("compression %d is not known here", p)
	}
	return nil
}

func (a *archive) toc() error {
	n, err := a.number()
	if err != nil {
		return err
	}
	if n < 0 || n > maxEntries {
		return fmt.Errorf("%d entries are not possible", n)
	}
	a.tables = map[string]int{}
	for range n {
		if err := a.entry(); err != nil {
			return err
		}
	}
	return nil
}

func (a *archive) entry() error {
	id, err := a.number()
	if err != nil {
		return err
	}
	has, err := a.number()
	if err != nil {
		return err
	}
	if id <= 0 || has != 0 && has != 1 {
		return fmt.Errorf("entry %d cannot be read", id)
	}
	var skip, tag, what, space, define, remove, owner string
	if err := a.texts(&skip, &skip, &tag, &what); err != nil {
		return err
	}
	if _, err := a.number(); err != nil { // section
		return err
	}
	// definition, drop and copy statements, namespace, tablespace, access method
	if err := a.texts(&define, &remove, &skip, &space, &skip, &skip); err != nil {
		return err
	}
	if a.minor >= 16 {
		if _, err := a.number(); err != nil { // kind of relation
			return err
		}
	}
	if err := a.texts(&owner, &skip); err != nil { // and oids
		return err
	}
	for _, role := range rolesOf(tag, what, define, remove, owner) {
		a.roles[role] = true
	}
	for null := false; !null; {
		if skip, null, err = a.text(); err != nil {
			return err
		}
	}
	state := make([]byte, 1+a.offSize)
	if _, err := io.ReadFull(a.r, state); err != nil {
		return err
	}
	return a.noted(id, has == 1, what, Table{Schema: space, Name: tag, Rows: -1})
}

// noted keeps what matters of an entry: tables, and whose data must follow.
func (a *archive) noted(id int64, has bool, what string, t Table) error {
	key := t.Schema + "\x00" + t.Name
	if what == "TABLE" {
		if _, twice := a.tables[key]; twice {
			return fmt.Errorf("table %q is listed twice", t.Name)
		}
		a.tables[key] = len(a.Tables)
		a.Tables = append(a.Tables, t)
	}
	a.extended = a.extended || what == "EXTENSION"
	if !has {
		return nil
	}
	if a.data[id] != nil {
		return fmt.Errorf("entry %d is listed twice", id)
	}
	e := &entry{id: id, table: -1}
	if what == "TABLE DATA" {
		e.name = t.Name
		// An extension makes its tables itself; what users add to them is dumped.
		if i, known := a.tables[key]; known {
			e.table = i
		} else if !a.extended {
			return fmt.Errorf("there are data of a table %q that is not listed", t.Name)
		}
	}
	a.data[id] = e
	return nil
}

// texts reads texts one after the other; what is null is empty.
func (a *archive) texts(to ...*string) error {
	for _, p := range to {
		s, _, err := a.text()
		if err != nil {
			return err
		}
		*p = s
	}
	return nil
}

func (a *archive) text() (s string, null bool, err error) {
	n, err := a.number()
	if err != nil || n == -1 {
		return "", n == -1, err
	}
	a.taken += n
	if n < 0 || n > maxText || a.taken > maxAll {
		return "", false, fmt.Errorf("a text of %d bytes is not possible", n)
	}
	var b bytes.Buffer // grows with what is there, not with what is announced
	if _, err := io.CopyN(&b, a.r, n); err != nil {
		return "", false, err
	}
	return b.String(), false, nil
}

func (a *archive) number() (int64, error) {
	var b [9]byte
	if _, err := io.ReadFull(a.r, b[:1+a.intSize]); err != nil {
		return 0, err
	}
	var n uint64
	for i := a.intSize; i > 0; i-- {
		n = n<<8 | uint64(b[i])
	}
	switch {
	case b[0] > 1 || n > 1<<62:
		return 0, errors.New("a number cannot be read")
	case b[0] == 1:
		return -int64(n), nil
	}
	return int64(n), nil
}
