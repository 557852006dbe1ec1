package journal_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"liftalot/plan/journal"
)

// file writes a journal's bytes into a folder of its own.
func file(t testing.TB, data []byte) (dir string) {
	t.Helper()
	dir = t.TempDir()
	put(t, dir, data)
	return dir
}

func put(t testing.TB, dir string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, journal.FileName), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func sampleBytes(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, sample())
	return bytesOf(t, dir)
}

func bytesOf(t *testing.T, dir string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, journal.FileName))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Row F9: a crash can cut the file at any byte. What was acknowledged before
// the cut is kept, and the journal takes records again.
func TestCutAtEveryByte(t *testing.T) {
	whole := sampleBytes(t)
	header := bytes.IndexByte(whole, '\n')
	dir := t.TempDir()
	for n := range len(whole) {
		put(t, dir, whole[:n])
		j, err := journal.Open(dir, options())
		if n < header { // the file is made whole with its first line
			var damaged *journal.DamagedError
			if !errors.As(err, &damaged) {
				t.Fatalf("cut at %d: %v, want a damaged journal", n, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("cut at %d: %v", n, err)
		}
		// A last line that lacks only its newline is whole.
		kept := max(bytes.Count(append(whole[:n:n], whole[n]), []byte("\n"))-1, 0)
		if diff := cmp.Diff(sample()[:kept], j.Records(), cmpEmpty()); diff != "" {
			t.Fatalf("cut at %d (-want +got):\n%s", n, diff)
		}
		torn := whole[n-1] != '\n' && whole[n] != '\n'
		if (j.Cut() > 0) != torn {
			t.Fatalf("cut at %d: %d bytes were reported cut", n, j.Cut())
		}
		if err := errors.Join(j.Append(sample()[0]), j.Close()); err != nil {
			t.Fatalf("cut at %d: append: %v", n, err)
		}
		if c, err := journal.Load(dir, "web1"); err != nil || c.Cut != 0 || len(c.Records) != kept+1 {
			t.Fatalf("cut at %d: afterwards %d records, cut %d, %v", n, len(c.Records), c.Cut, err)
		}
	}
}

func cmpEmpty() cmp.Option {
	return cmp.FilterValues(func(a, b []journal.Record) bool { return len(a) == 0 && len(b) == 0 },
		cmp.Comparer(func(a, b []journal.Record) bool { return true }))
}

// A refused journal is left as it is, for the person who looks at it. That no
// flipped bit is accepted is held by TestFlipEveryBit.
func TestARefusedJournalIsLeftAlone(t *testing.T) {
	whole := sampleBytes(t)
	dir := t.TempDir()
	for n := 0; n < len(whole); n += 7 {
		flipped := bytes.Clone(whole)
		flipped[n] ^= 1 << (n % 8)
		put(t, dir, flipped)
		_, err := journal.Open(dir, options())
		var damaged *journal.DamagedError
		if !errors.As(err, &damaged) {
			t.Fatalf("byte %d: %v, want a damaged journal", n, err)
		}
		if !bytes.Equal(bytesOf(t, dir), flipped) {
			t.Fatalf("byte %d: the refused journal was changed", n)
		}
	}
}

func TestWhatIsNotATornTailIsRefused(t *testing.T) {
	whole := string(sampleBytes(t))
	lines := strings.SplitAfter(whole, "\n")
	other := t.TempDir()
	opts := options()
	opts.Host = "web2"
	j, err := journal.Open(other, opts)
	if err != nil {
		t.Fatal(err)
	}
	j.Close()

	for name, data := range map[string]string{
		"empty":                     "",
		"a first line cut off":      whole[:40],
		"a line removed":            lines[0] + lines[2],
		"a line said twice":         lines[0] + lines[1] + lines[1],
		"two lines swapped":         lines[0] + lines[2] + lines[1],
		"the first line removed":    lines[1],
		"two journals in one":       whole + whole,
		"another host's":            string(bytesOf(t, other)),
		"an empty line":             lines[0] + "\n" + lines[1],
		"foreign text at the end":   whole + "hello",
		"foreign line at the end":   whole + "hello\n",
		"a few zeros at the end":    whole + "\x00\x00",
		"zeros in the middle":       lines[0] + strings.Repeat("\x00", 64) + "\n" + lines[1],
		"DOS line ends":             strings.ReplaceAll(whole, "\n", "\r\n"),
		"a byte order mark":         "\ufeff" + whole,
		"something after a newline": strings.TrimSuffix(whole, "\n") + "x",
	} {
		t.Run(name, func(t *testing.T) {
			dir := file(t, []byte(data))
			_, err := journal.Open(dir, options())
			var damaged *journal.DamagedError
			if !errors.As(err, &damaged) {
				t.Fatalf("got %v, want a damaged journal", err)
			}
			if damaged.Path == "" || !strings.Contains(err.Error(), journal.FileName) {
				t.Errorf("the error does not name the file: %v", err)
			}
			if got := bytesOf(t, dir); string(got) != data {
				t.Error("a refused journal was changed")
			}
		})
	}
}

// After power loss a file system may have grown the file without writing all
// of what was appended.
func TestPagesThatWereNeverWrittenAreATornTail(t *testing.T) {
	whole := sampleBytes(t)
	last := bytes.LastIndexByte(whole[:len(whole)-1], '\n') + 1
	hole := bytes.Clone(whole)
	clear(hole[last+20 : last+80])
	for name, data := range map[string][]byte{
		"a hole in the last line": hole,
		"only zeros":              append(whole[:last:last], make([]byte, 300)...),
		"zeros after a piece":     append(whole[:last+30:last+30], make([]byte, 100)...),
	} {
		t.Run(name, func(t *testing.T) {
			j, err := journal.Open(file(t, data), options())
			if err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			if len(j.Records()) != len(sample())-1 || j.Cut() == 0 {
				t.Errorf("%d records, cut %d", len(j.Records()), j.Cut())
			}
		})
	}
}

func TestOthersMayNotWriteIt(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("NOT RUN: Windows has no modes")
	}
	dir := file(t, sampleBytes(t))
	path := filepath.Join(dir, journal.FileName)
	if err := os.Chmod(path, 0o622); err != nil {
		t.Fatal(err)
	}
	var damaged *journal.DamagedError
	if _, err := journal.Open(dir, options()); !errors.As(err, &damaged) {
		t.Errorf("a journal that others may write: %v", err)
	}
	if err := errors.Join(os.Remove(path), os.Symlink("/dev/zero", path)); err != nil {
		t.Fatal(err)
	}
	if _, err := journal.Open(dir, options()); !errors.As(err, &damaged) {
		t.Errorf("a journal that is a link: %v", err)
	}
}

// FuzzOpen holds that whatever is in the file, Open refuses it untouched or
// makes of it a journal that can be read again with the same records.
func FuzzOpen(f *testing.F) {
	seed := f.TempDir()
	j, err := journal.Open(seed, options())
	if err != nil {
		f.Fatal(err)
	}
	for _, r := range sample() {
		if err := j.Append(r); err != nil {
			f.Fatal(err)
		}
	}
	j.Close()
	data, err := os.ReadFile(filepath.Join(seed, journal.FileName))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:len(data)-10])
	f.Add(append(bytes.Clone(data), make([]byte, 40)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := file(t, data)
		j, err := journal.Open(dir, options())
		if err != nil {
			if !bytes.Equal(bytesOf(t, dir), data) {
				t.Error("a refused journal was changed")
			}
			return
		}
		records := j.Records()
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		journal.LastRun(records)
		c, err := journal.Load(dir, "web1")
		if err != nil || c.Cut != 0 {
			t.Fatalf("what was opened cannot be read: cut %d, %v", c.Cut, err)
		}
		if diff := cmp.Diff(records, c.Records, cmpEmpty()); diff != "" {
			t.Errorf("records (-opened +read):\n%s", diff)
		}
	})
}
