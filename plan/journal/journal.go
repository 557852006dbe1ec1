package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"liftalot/plan/statefile"
)

// Options say how a journal is opened.
type Options struct {
	Host    string       // the host that the journal is about; required
	Purpose string       // told to whoever finds the journal locked, such as "apply"
	Now     time.Time    // when it is opened; required
	Lock    *Lock        // the folder's lock, when the caller holds it already
	FS      statefile.FS // the file system; nil is the machine's
}

// A Journal takes records. Its methods may be called from several goroutines.
type Journal struct {
	path string
	host string
	fsys statefile.FS

	mu      sync.Mutex
	file    statefile.File
	lock    *Lock // when the journal took it itself
	records []Record
	cut     int
	head    head
	size    int64 // of what was acknowledged
	failed  error // of an earlier write; nothing is written after it
}

// Open takes the folder's lock, reads its journal and makes it ready for new
// records. A folder or a journal that is not there is made; a torn tail is
// cut. Nobody else can open it until [Journal.Close].
func Open(dir string, opts Options) (*Journal, error) {
	if opts.Host == "" || opts.Now.IsZero() {
		return nil, errors.New("open journal: a host and a time are needed")
	}
	j := &Journal{path: filepath.Join(dir, FileName), host: opts.Host, fsys: opts.FS}
	if j.fsys == nil {
		j.fsys = statefile.OS{}
	}
	if err := j.fsys.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	if opts.Lock == nil {
		lock, err := TakeLock(dir, Holder{PID: os.Getpid(), Purpose: opts.Purpose, Since: opts.Now})
		if err != nil {
			return nil, err
		}
		j.lock = lock
	}
	opened := false
	defer func() {
		if !opened { // also where a file system panics, as one does that stands for a killed process
			_ = j.lock.Release()
		}
	}()
	if err := j.open(opts.Now); err != nil {
		return nil, err
	}
	opened = true
	return j, nil
}

func (j *Journal) open(now time.Time) error {
	if err := statefile.Sweep(j.path); err != nil {
		return fmt.Errorf("open journal: %w", err)
	}
	c, err := load(j.fsys, j.path, j.host)
	if isMissing(err) {
		if err = j.create(now); err == nil {
			c, err = load(j.fsys, j.path, j.host)
		}
	}
	if err != nil {
		return err
	}
	j.records, j.cut, j.head = c.Records, c.Cut, c.head
	if j.file, err = j.fsys.OpenFile(j.path, os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		return fmt.Errorf("open journal: %w", err)
	}
	if err := j.repairTail(c); err != nil {
		return errors.Join(&WriteError{Path: j.path, Err: err}, j.file.Close())
	}
	if j.size = c.size; !c.whole {
		j.size++
	}
	return nil
}

// create writes a journal that holds only its first line.
func (j *Journal) create(now time.Time) error {
	line, _, err := encode(entry{V: Version, Host: j.host, Record: Record{Kind: opened, Time: now}})
	if err != nil {
		return err
	}
	if err := statefile.WriteFileTo(j.fsys, j.path, line, 0o600); err != nil {
		return err
	}
	// The folder may be new too, and its name is kept by the one above.
	return j.fsys.SyncDir(filepath.Dir(filepath.Dir(j.path)))
}

// repairTail cuts a torn tail and gives a whole last line the newline it lacks.
func (j *Journal) repairTail(c Contents) error {
	if c.Cut == 0 && c.whole {
		return nil
	}
	if c.Cut > 0 {
		if err := j.file.Truncate(c.size); err != nil {
			return err
		}
	}
	if !c.whole {
		if _, err := j.file.Write([]byte("\n")); err != nil {
			return err
		}
	}
	return j.file.Sync()
}

// Append adds a record. When it returns nil the record is on the disk.
//
// A record that is refused for what it says leaves the journal usable. After
// a [*WriteError] every later call returns the same error.
func (j *Journal) Append(r Record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failed != nil {
		return j.failed
	}
	if err := r.check(); err != nil {
		return err
	}
	line, sum, err := encode(entry{V: Version, Seq: j.head.seq + 1, Prev: j.head.sum, Host: j.host, Record: r})
	if err != nil {
		return err
	}
	written, _, err := decode(line[:len(line)-1]) // remember what a reader will see
	if err != nil {
		return fmt.Errorf("write a journal record that can not be read again: %w", err)
	}
	if err := j.write(line); err != nil {
		j.failed = &WriteError{Path: j.path, Err: err}
		return j.failed
	}
	j.size += int64(len(line))
	j.records = append(j.records, written.Record)
	j.head = head{seq: written.Seq, sum: sum}
	return nil
}

// write adds a line. One that was written and could not be flushed is cut off
// again, or the next start would find what this one has said is not there: a run
// told as interrupted would be over. Cutting needs no room, so it works on a full
// disk; where it fails nobody can say more than the error does.
func (j *Journal) write(line []byte) error {
	_, err := j.file.Write(line)
	if err == nil {
		err = j.file.Sync()
	}
	if err != nil && j.file.Truncate(j.size) == nil {
		_ = j.file.Sync()
	}
	return err
}

// Records returns what the journal holds, oldest first.
func (j *Journal) Records() []Record {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.records)
}

// Cut returns how many bytes of a torn record were cut when the journal was
// opened. Above zero, the last thing a crashed run wanted to record is lost;
// what it had acknowledged is not.
func (j *Journal) Cut() int { return j.cut }

// errClosed is what a closed journal answers.
var errClosed = errors.New("journal is closed")

// Close ends the journal and releases the lock it took. Everything that was
// acknowledged is on the disk already.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return nil
	}
	if j.failed == nil {
		j.failed = errClosed
	}
	err := errors.Join(j.file.Close(), j.lock.Release())
	j.file = nil
	return err
}
