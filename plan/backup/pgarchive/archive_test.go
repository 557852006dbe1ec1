package pgarchive

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

func recorded(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// The archives were made by pg_dump 15 of one database: odd names, rows that
// look like the closing mark, an empty table, views, large objects.
func TestReadSaysWhatPgRestoreSays(t *testing.T) {
	want := []Table{
		{"public", "Odd name", 3}, {"public", "_sqlx_migrations", 51}, {"public", "empty_one", 0},
		{"public", "messages", 3000}, {"public", "users", 20},
	}
	for name, packing := range map[string]Packing{"zlib.dump": Zlib, "none.dump": None} {
		var versions int
		c, err := Read(iotest.OneByteReader(bytes.NewReader(recorded(t, name))), func(t Table, row []byte) {
			if t.Name == "_sqlx_migrations" && strings.Count(string(row), "\t") == 5 {
				versions++
			}
		})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, c.Tables); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if c.Packing != packing || c.Database != "chat" || !strings.HasPrefix(c.Server, "15.") || c.Format != "1.14" || versions != 51 {
			t.Errorf("%s: %+v, %d migrations", name, c, versions)
		}
	}
}

// An extension's table is made by the extension, with the rows that it brings: the dump
// has only those that users have added to it, and those without their table. The rows
// of a partitioned table are its partitions'.
func TestReadRowsOfAnExtensionsTable(t *testing.T) {
	data := recorded(t, "extension.dump")
	var shown []string
	c, err := Read(bytes.NewReader(data), func(t Table, row []byte) { shown = append(shown, t.Name) })
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Table{{"public", "users", 20}, {"public", "parted", -1}, {"public", "parted_1", 1}}, c.Tables); diff != "" {
		t.Error(diff)
	}
	if len(shown) != 21 || slices.Contains(shown, "spatial_ref_sys") {
		t.Errorf("rows of %q", shown)
	}
	// Without an extension nothing would make the table.
	bad := bytes.Replace(data, []byte("EXTENSION"), []byte("EXTENDING"), 1)
	if _, err := Read(bytes.NewReader(bad), nil); err == nil || !strings.Contains(err.Error(), `"spatial_ref_sys"`) {
		t.Errorf("%v", err)
	}
}

// An archive that pg_dump 17 made of a throw-away server, packed with zstd.
func TestReadWhatPostgres17Packs(t *testing.T) {
	var newest []string
	c, err := Read(bytes.NewReader(recorded(t, "zstd.dump")), func(t Table, row []byte) {
		if t.Name == "_sqlx_migrations" {
			version, _, _ := strings.Cut(string(row), "\t")
			newest = append(newest, version)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	var rows int64
	for _, table := range c.Tables {
		rows += table.Rows
	}
	if c.Format != "1.16" || c.Packing != Zstd || !strings.HasPrefix(c.Server, "17.") || len(c.Tables) != 33 || rows != 636 || newest[len(newest)-1] != "51" {
		t.Errorf("%+v: %d rows, migrations %q", c, rows, newest)
	}
}

// modern rewrites an archive of version 1.14 in the form of a later one, packed
// with zstd: 1.15 is PostgreSQL 16's, of which no server was at hand.
func modern(t testing.TB, old []byte, minor byte) []byte {
	t.Helper()
	var out bytes.Buffer
	a := &archive{r: bufio.NewReader(bytes.NewReader(old)), intSize: 4, offSize: 8, minor: 14}
	copyN := func(n int) []byte {
		b := make([]byte, n)
		if _, err := io.ReadFull(a.r, b); err != nil {
			t.Fatal(err)
		}
		return b
	}
	number := func() int64 {
		b := copyN(5)
		out.Write(b)
		n := int64(b[1]) | int64(b[2])<<8 | int64(b[3])<<16 | int64(b[4])<<24
		if b[0] == 1 {
			n = -n
		}
		return n
	}
	text := func() bool {
		n := number()
		if n > 0 {
			out.Write(copyN(int(n)))
		}
		return n != -1
	}
	head := copyN(11)
	head[6] = minor
	out.Write(head)
	copyN(5)
	out.WriteByte(byte(Zstd))
	for range 7 {
		number()
	}
	for range 3 {
		text()
	}
	for range number() {
		number()
		number()
		for range 4 {
			text()
		}
		number()
		for range 6 {
			text()
		}
		if minor >= 16 {
			out.Write([]byte{0, 'r', 0, 0, 0})
		}
		text()
		text()
		for text() {
		}
		out.Write(copyN(9))
	}
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	write := func(b []byte) {
		n := len(b)
		out.Write([]byte{0, byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)})
		out.Write(b)
	}
	list := func() {
		var plain bytes.Buffer
		c := &chunks{a: a}
		if err := a.unpack.to(&plain, Zlib, c); err != nil {
			t.Fatal(err)
		}
		if !c.ended {
			_ = c.next()
		}
		if plain.Len() > 0 {
			packed := enc.EncodeAll(plain.Bytes(), nil)
			write(packed[:len(packed)/2])
			write(packed[len(packed)/2:])
		}
		write(nil)
	}
	for {
		kind, err := a.r.ReadByte()
		if err == io.EOF {
			return out.Bytes()
		}
		out.WriteByte(kind)
		number()
		if kind == blockData {
			list()
			continue
		}
		for number() != 0 {
			list()
		}
	}
}

func TestReadModernArchives(t *testing.T) {
	old, err := Read(bytes.NewReader(recorded(t, "zlib.dump")), nil)
	if err != nil {
		t.Fatal(err)
	}
	for minor, format := range map[byte]string{15: "1.15", 16: "1.16"} {
		got, err := Read(bytes.NewReader(modern(t, recorded(t, "zlib.dump"), minor)), nil)
		if err != nil {
			t.Fatalf("%s: %v", format, err)
		}
		if diff := cmp.Diff(old.Tables, got.Tables); diff != "" || got.Packing != Zstd || got.Format != format {
			t.Errorf("%s: %+v\n%s", format, got, diff)
		}
	}
}

// Every cut is found by reading on, in packed and unpacked archives alike.
func TestReadFindsEveryCut(t *testing.T) {
	for name, data := range map[string][]byte{
		"zlib": recorded(t, "zlib.dump"), "none": recorded(t, "none.dump"), "zstd": recorded(t, "zstd.dump"),
		"extension": recorded(t, "extension.dump"),
	} {
		step := max(1, len(data)/500)
		for n := 0; n < len(data); n += step {
			if _, err := Read(bytes.NewReader(data[:n]), nil); err == nil {
				t.Errorf("%s: cut at %d of %d was not found", name, n, len(data))
			}
		}
		if _, err := Read(bytes.NewReader(append(bytes.Clone(data), 0)), nil); err == nil {
			t.Errorf("%s: a byte more was not found", name)
		}
	}
}

// zlib carries a checksum: a changed bit of packed data is found even without
// the hash of the whole.
func TestReadFindsChangedBitsOfPackedData(t *testing.T) {
	data := recorded(t, "zlib.dump")
	first := bytes.Index(data, []byte{0x78, 0x9c}) // zlib's own head
	if first < 0 {
		t.Fatal("no packed data in the recording")
	}
	for i := range 400 {
		at := first + (len(data)-first)*i/400
		bad := bytes.Clone(data)
		bad[at] ^= 1 << (i % 8)
		if c, err := Read(bytes.NewReader(bad), nil); err == nil {
			t.Errorf("bit %d of byte %d was changed and nothing was noticed: %+v", i%8, at, c.Tables)
		}
	}
}

func FuzzRead(f *testing.F) {
	data := recorded(f, "zlib.dump")
	f.Add(data[:2000])
	f.Add(data)
	f.Add(modern(f, data, 16))
	f.Add([]byte("PGDMP\x01\x0e\x00\x04\x08\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Read(bytes.NewReader(data), nil)
		if err == nil && c.Format == "" {
			t.Error("an archive without a format")
		}
	})
}
