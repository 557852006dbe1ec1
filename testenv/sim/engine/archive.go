package engine

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"liftalot/plan/backup/pgarchive"
)

// state is the table in which an archive carries what the simulation knows of a
// database beside its rows. It belongs to a schema of its own, which no
// database of a client has.
const state = "simulation"

// dump writes the database as an archive that PostgreSQL 15 could have written:
// zlib, version 1.14.
func (d *Database) dump() []byte {
	a := &archiver{}
	a.WriteString("PGDMP\x01\x0e\x00\x04\x08\x01")
	for range 8 { // compression, and the time it was made
		a.number(6)
	}
	a.text("chatalot")
	a.text("15.18 (simulated)")
	a.text("15.18 (simulated)")
	names := slices.Sorted(maps.Keys(d.Tables))
	a.number(2*len(names) + 2)
	a.entry(1, "TABLE", state, state)
	a.entry(2, "TABLE DATA", state, state)
	for i, name := range names {
		a.entry(2*i+3, "TABLE", "public", name)
		a.entry(2*i+4, "TABLE DATA", "public", name)
	}
	data, _ := json.Marshal(d) // plain data: cannot fail
	a.data(2, string(data)+"\n")
	for i, name := range names {
		rows := strings.Repeat("row\n", d.Tables[name])
		if name == "_sqlx_migrations" {
			rows = ""
			for _, m := range d.Migrated {
				rows += fmt.Sprintf("%d\t%s\t2026-11-23 04:35:49+00\t%s\t\\\\x%s\t1000\n", m.Version, m.Description, pgBool(m.Success), m.Checksum)
			}
		}
		a.data(2*i+4, rows)
	}
	return a.Bytes()
}

// undump reads an archive back.
func undump(data []byte) (*Database, error) {
	var carried []byte
	_, err := pgarchive.Read(bytes.NewReader(data), func(t pgarchive.Table, row []byte) {
		if t.Schema == state {
			carried = bytes.Clone(row)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("could not read from input file: %w", err)
	}
	d := new(Database)
	return d, json.Unmarshal(carried, d)
}

// packers are kept: making one costs more than all that it packs here.
var packers = sync.Pool{New: func() any { return zlib.NewWriter(io.Discard) }}

// An archiver writes the pieces of an archive.
type archiver struct{ bytes.Buffer }

func (a *archiver) number(n int) {
	a.WriteByte(0)
	_ = binary.Write(a, binary.LittleEndian, uint32(n)) // a buffer takes every write
}

func (a *archiver) text(s string) {
	a.number(len(s))
	a.WriteString(s)
}

func (a *archiver) null() { a.WriteString("\x01\x01\x00\x00\x00") }

func (a *archiver) entry(id int, what, schema, name string) {
	a.number(id)
	a.number(1 - id%2) // data entries have the even ids
	a.text("0")
	a.text("0")
	a.text(name)
	a.text(what)
	a.number(2)
	for range 3 {
		a.text("")
	}
	a.text(schema)
	for range 4 {
		a.text("")
	}
	a.null()
	a.WriteString("\x01\x00\x00\x00\x00\x00\x00\x00\x00")
}

func (a *archiver) data(id int, rows string) {
	var packed bytes.Buffer
	w := packers.Get().(*zlib.Writer)
	defer packers.Put(w)
	w.Reset(&packed)
	_, _ = w.Write([]byte(rows + "\\.\n\n\n")) // a buffer takes every write
	_ = w.Close()
	a.WriteByte(1)
	a.number(id)
	a.text(packed.String())
	a.number(0)
}
