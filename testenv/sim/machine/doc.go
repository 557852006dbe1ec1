// Package machine is a small Unix machine inside the process: a file tree,
// users, processes with signals and descriptors, a clock. Programs on it are Go
// functions, see [Program].
//
// # One processor
//
// A machine has one processor. A process holds it while it computes and lets go
// of it when it waits: for a pipe, a child, a lock, the clock, the world
// outside. All state is therefore touched by one goroutine at a time and needs
// no locks of its own; whoever is not a process comes in by [Machine.Do].
//
// # Time
//
// A machine made with [Options.RealTime] sleeps for real. Any other has a clock
// of its own, which stands still while a process computes and jumps to the next
// alarm when all of them wait: an hour's job takes as long as its commands, and
// no deadline is missed because the computer is busy. [Machine.Settle] waits until nothing
// can happen any more without the world outside.
//
// # Snapshots
//
// [Machine.Snapshot] copies all that a disk holds; processes are not part of it,
// as they are not of a disk. File contents are shared until they are written.
package machine
