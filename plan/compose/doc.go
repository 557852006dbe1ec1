// Package compose edits compose files that other people wrote, and changes
// only the bytes it must.
//
// [Parse] reads a file, [File.Service] says what is in it, [File.Apply] makes
// edits and returns the file before and after:
//
//	f, err := compose.Parse("docker-compose.yml", src)
//	...
//	r, err := f.Apply(
//		compose.PinImage{Service: "web", Image: "registry.example/web:1.2"},
//		compose.SetEnvironment{Service: "web", Vars: []compose.Var{{Key: "MODE", Value: "live"}}},
//		compose.AddTopLevel{Section: "volumes", Name: "data"},
//	)
//
// Nothing is written anywhere: r.After is for the caller to put in place. The
// package knows nothing of any product; it knows files, and a little of what
// Compose makes of them.
//
// # What it promises
//
// A file is edited or refused. When it is edited, each byte outside the
// [Splice] values of the result is the byte that was there: comments, order,
// quotes, blank lines, line ends, byte order mark, anchors. No encoder ever
// touches the file; the YAML parser is asked only where things are and what
// they mean. Nobody has to take our word for it: before Apply returns it holds
// the outcome against six invariants, and an edit that breaks one is refused
// with [NotVerified].
//
//	A  it parses: one document, no key twice
//	B  only the announced bytes differ, and no line that was there is lost
//	C  with aliases and merge keys followed, every service and section means
//	   what it meant, and what the edits say
//	D  the same edits, applied again, change nothing
//	E  the splices, reverted, give the original bytes
//	F  no new kind of line end; byte order mark and last line end as before
//
// What a look at one file cannot show are `include`, an `extends` of another
// file, override files and variables. For those ask Compose: [ParseModel] reads
// what `docker compose config --format json` prints, and [CheckModels] compares
// it before and after with what the edits [Declare].
//
// # Refusals and conflicts
//
// An error of Parse or Apply is a [*RefusalError]: which file, which line, why, and
// what a person can do. Apply refuses all of its edits or none. Typical are an
// anchor that carries the edit to another service, a `build:` that comes by a
// merge key and would stay in force, a service another one extends.
//
// A value that is already there and different is no refusal but a [Conflict]:
// the rest is done, that value is left alone, and a person decides. The
// decision is carried out with [ReplaceEnvironment].
//
// # Where things go
//
// A new entry goes behind the last entry of its mapping or list, and behind the
// comments below that which are indented deeper than its key: a commented-out
// item of a list stays with its list, the heading of the next block stays with
// the block. It is indented as its neighbours are, or as the file does most
// often, ends its lines as the line above it does, and is quoted so that every
// reader of YAML reads the same text.
//
// # The rollback
//
// [Undo] takes our change out of a file somebody has edited since. It works on
// any text, `.env` files too, and stops with an [*UndoConflictError] where both
// changed the same place.
//
// # Limits
//
// A file has at most 10 MB and 100 levels, and its aliases may unfold to about
// a million values. Within that, time and memory grow with the size of the file.
package compose
