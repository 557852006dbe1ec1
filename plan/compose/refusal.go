package compose

import "fmt"

// A Kind says why something was refused, for callers that act on it.
type Kind string

// Refusals of a file, by [Parse].
const (
	TooLarge      Kind = "too large"      // larger than a compose file ever is
	TooDeep       Kind = "too deep"       // nested beyond what a person writes
	AliasBomb     Kind = "alias bomb"     // aliases that unfold to something huge, or to themselves
	NotText       Kind = "not text"       // not UTF-8, or it holds a NUL
	LineEnd       Kind = "line end"       // a line end that editors and YAML count differently
	Syntax        Kind = "syntax"         // not YAML
	ManyDocuments Kind = "many documents" // more than one document in the file
	Layout        Kind = "layout"         // root not a mapping; by Apply too: root or services not indented line by line
	DuplicateKey  Kind = "duplicate key"  // Compose refuses it too
	BadMerge      Kind = "bad merge"      // `<<` of something that is not a mapping
)

// Refusals of an edit, by [File.Apply].
const (
	BadEdit     Kind = "bad edit"     // the edit itself makes no sense
	NoService   Kind = "no service"   // the service is not in this file
	Shared      Kind = "shared"       // an anchor carries the edit to other places
	Extended    Kind = "extended"     // an extends carries the edit to, or from, other services
	FromMerge   Kind = "from merge"   // the value comes by a merge key
	FlowStyle   Kind = "flow style"   // written in brackets where lines are needed
	KeyStyle    Kind = "key style"    // a key that does not begin its line
	WrongForm   Kind = "wrong form"   // a list, mapping or scalar that should be another
	OpenScalar  Kind = "open scalar"  // the file ends inside a text block, without a line end
	Exclusive   Kind = "exclusive"    // two settings that exclude each other
	NotVerified Kind = "not verified" // the edit was made and an invariant did not hold
)

// A RefusalError says that a file or an edit of it is left alone, and why.
type RefusalError struct {
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"` // 0 when no single line is at fault
	Kind   Kind   `json:"kind"`
	Reason string `json:"reason"`
	Hint   string `json:"hint,omitempty"` // what a person can do about it
}

func (r *RefusalError) Error() string {
	at := r.File
	if r.Line > 0 {
		at = fmt.Sprintf("%s:%d", r.File, r.Line)
	}
	if r.Hint == "" {
		return at + ": " + r.Reason
	}
	return at + ": " + r.Reason + " (" + r.Hint + ")"
}

func refuse(line int, kind Kind, hint, format string, args ...any) *RefusalError {
	return &RefusalError{Line: line, Kind: kind, Hint: hint, Reason: fmt.Sprintf(format, args...)}
}
