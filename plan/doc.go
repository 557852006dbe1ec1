// Package plan decides what to do to a host. It does nothing.
//
// It holds the words the other rooms share: [Facts] (what was seen),
// [Settings] and [Release] (what is wanted), [Check] (what stands in the way),
// [Plan] with its [Step] and [Op] (what will be done, and how each is undone).
//
// [Check] and [Build] are pure. They read no file, open no connection and ask
// for no time, so the same input gives the same bytes; whatever must be looked
// up is looked up before, by plan/probe and plan/release.
//
// # The plan file
//
// A plan is one JSON document, written by [Plan.Encode] and read by [Decode],
// which refuses a format it does not know. It is what the operator agrees to
// and all that plan/apply may do. It holds no whole file of the client's: an
// edit is kept as splices (offset, bytes out, bytes in) together with the
// SHA-256 of the file before and after, so that a file that moved is noticed.
// A secret we set is kept as the place it will come from, and in the difference
// to be shown what may be a secret is hidden. No splice takes the client's own
// words out either: a `build:` goes by signs of comments put before its lines, so
// that a token in its arguments stays where it is. The file has mode 0600 on the
// laptop all the same, and the copy a run leaves on the host can be read by root
// only.
//
// # What is never in a plan
//
// No volume is dropped, no image removed, no orphan swept, no database password
// changed, no running version lowered, and no mode or owner of a file that was
// there is tightened; the secrets folder itself, which the runbook closes, is
// the one exception and its mode comes back with a rollback.
package plan
