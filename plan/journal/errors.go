package journal

import "fmt"

// A DamagedError says that a journal is not as liftalot left it. Nothing was
// changed, and nothing should be done to the host until a person has looked.
type DamagedError struct {
	Path   string
	Line   int // counted from one; 0 when it is about the whole file
	Reason string
}

func (e *DamagedError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("read %s: line %d is damaged: %s", e.Path, e.Line, e.Reason)
	}
	return fmt.Sprintf("read %s: %s", e.Path, e.Reason)
}

// A NewerError says that a newer liftalot wrote the journal. It was not read
// any further: what a newer record means can only be guessed.
type NewerError struct {
	Path    string
	Version int
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("read journal %s: its format has version %d and this liftalot knows %d: use a newer liftalot",
		e.Path, e.Version, Version)
}

// A WriteError says that a record may or may not be on the disk. The journal
// it came from takes no more records.
type WriteError struct {
	Path string
	Err  error
}

func (e *WriteError) Error() string {
	return fmt.Sprintf("write journal %s: the last record may be missing, nothing more is recorded: %v", e.Path, e.Err)
}

// Unwrap gives the cause, so that a full disk can be told from a broken one.
func (e *WriteError) Unwrap() error { return e.Err }

// A LockedError says that another liftalot on this machine works on the host.
type LockedError struct {
	Path   string
	Holder Holder // zero when the holder has not said who it is
}

func (e *LockedError) Error() string {
	if e.Holder.PID == 0 {
		return fmt.Sprintf("lock %s: another liftalot on this machine holds it", e.Path)
	}
	return fmt.Sprintf("lock %s: held by process %d (%q) since %s",
		e.Path, e.Holder.PID, e.Holder.Purpose, e.Holder.Since.UTC().Format("2006-01-02 15:04 UTC"))
}
