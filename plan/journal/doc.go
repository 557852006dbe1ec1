// Package journal is the record of what liftalot did to one host: what it was
// about to do, written down before it did it, and how that ended, written
// down after.
//
// [Open] takes the host's folder for writing, [Journal.Append] adds a record
// that is on the disk when the call returns, and [Load] reads without
// touching anything, for status and history. [LastRun] turns the records
// into the one question everyone asks: where are we?
//
// # Promises
//
// A record that Append acknowledged survives a crash of the program and of
// the machine. A write or fsync that failed poisons the journal: every later
// call returns the same [*WriteError], because after a failed fsync nobody
// can say what is on the disk, and trying again can report a success that is
// none. The record that failed is cut off, as far as the disk lets itself be
// changed at all, so that a later reader finds what the caller was told.
//
// A torn tail, which is what a crash in the middle of Append leaves, is cut
// and reported in [Journal.Cut]. Any other damage is refused with a
// [*DamagedError], a journal of a newer liftalot with a [*NewerError], and
// nothing is changed: a wrong guess about what was done is worse than none.
//
// What the journal cannot see by itself is that whole records are missing at its end, as when
// yesterday's copy was put back. Compare [Contents.Head] with a copy kept elsewhere, on the
// host, to notice that.
//
// # Secrets
//
// Records hold names of steps, hashes, times and a small structure of the
// caller's, at most [MaxData] bytes. Remote output does not belong here but for
// the last words of what failed, see [Failure]: who writes them has redacted them.
//
// # Format
//
// A journal is the file journal.jsonl, mode 0600, in a folder of mode 0700:
// one JSON object a line, each line ended by one newline (0x0A). A line is,
// byte for byte,
//
//	{"sum":"S","rec":R}
//
// where R is a JSON object without line breaks and S is the SHA-256 of R's
// bytes in 64 lower-case hexadecimal digits. This frame holds for every
// version of the format, and so does the first member of R, "v", its version:
// 1 here. R then holds, in this order and without what is empty,
//
//	v       1
//	seq     0 for the first line of the file, then counting by one
//	prev    S of the line before; empty in the first line
//	host    the host that the journal is about, the same in every line
//	kind    see [Kind]
//	run     the run's name
//	action  in run-begun: "apply", "rollback" or "restore"
//	undoes  in run-begun of a rollback: the run being undone
//	step    the step's id
//	outcome in run-ended: how the run ended, see [Outcome]
//	time    RFC 3339, UTC
//	plan    SHA-256 of the plan file being carried out
//	data    what the caller adds, an object of at most [MaxData] bytes; of a
//	        failed or unknown step, or undoing, with a member "failure", see [Failure]
//
// The first line has the kind "opened" and is written together with the file,
// by temporary file and rename, so a journal is never empty. Since each line
// carries the hash of the one before, a record cannot be changed, removed
// from the middle or moved to another journal without being noticed.
//
// Beside it lies the file lock, which is empty or tells who holds it; the
// lock itself is the kernel's and ends with the process. See [Lock].
package journal
