// Package run decides what comes next for a host, and carries it out: which plan, under
// whose lock, and what of it is written down.
//
// A [Host] is one server with what this machine knows of it. [Host.Plan] decides an
// upgrade; [Host.NextApply], [Host.NextRollback] and [Host.NextRestore] find the [Job] of a
// command: the run that was interrupted, else a new one. [Host.CarryOut] carries a job out.
// [Host.Adopt] takes a run over from another machine, [Host.Forget] gives one up, and
// [Host.Close] ends one that had changed nothing.
//
// Nothing here asks a person or prints: what is to be asked and shown is returned, and what
// a host is surrounded by are the interfaces of [Host].
//
// A command that cannot begin as the host's history is fails with a [StateError], which
// names the next command.
package run
