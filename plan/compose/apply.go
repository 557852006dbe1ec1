package compose

import (
	"errors"
	"slices"
)

// A Result is a file before and after edits.
type Result struct {
	Before, After []byte
	// Splices turn Before into After, as [Replay] does. They are sorted and do
	// not overlap; of several at one offset the first comes first.
	Splices   []Splice
	Conflicts []Conflict
	Hunks     []Hunk // the splices as a person reads them, by line
}

// Changed reports whether there was anything to do.
func (r *Result) Changed() bool { return len(r.Splices) > 0 }

// Apply makes edits and returns what became of the file. Nothing is written.
// An error is a [*RefusalError], and then no edit was made: the edits are refused
// together. An edit whose outcome is there already adds no splice.
//
// Before it returns, Apply holds the outcome against the invariants listed in
// the package comment.
func (f *File) Apply(edits ...Edit) (*Result, error) {
	for _, e := range edits {
		if err := e.check(); err != nil {
			return nil, f.fail(err)
		}
	}
	if f.closed != nil && len(edits) > 0 {
		return nil, f.fail(f.closed)
	}
	if err := contradiction(edits); err != nil {
		return nil, f.fail(err)
	}
	edits = decided(edits)
	run := &application{file: f, pieces: newPieces(f.src)}
	for _, e := range edits {
		if err := run.edit(e); err != nil {
			return nil, f.fail(err)
		}
	}
	if err := run.flush(); err != nil {
		return nil, f.fail(err)
	}
	result := &Result{Before: f.Bytes(), After: run.file.Bytes(), Conflicts: run.conflicts}
	result.Splices = run.pieces.splices(f.text)
	if err := verify(f, run.file, edits, result.Splices); err != nil {
		return nil, f.fail(err)
	}
	result.Hunks = hunks(f.text, run.file.text, result.Splices)
	return result, nil
}

// contradiction refuses edits that want two values in one place.
func contradiction(edits []Edit) error {
	wanted := map[string]string{}
	want := func(place, value string) error {
		if other, ok := wanted[place]; ok && other != value {
			return refuse(0, BadEdit, "", "two edits want different things of the %s", place)
		}
		wanted[place] = value
		return nil
	}
	var err error
	for _, e := range edits {
		switch e := e.(type) {
		case PinImage:
			err = errors.Join(err, want(e.scope(), e.Image))
		case ReplaceEnvironment:
			err = errors.Join(err, want(e.scope()+", "+e.Key, e.Value))
		case SetEnvironment:
			for _, v := range e.Vars {
				err = errors.Join(err, want(e.scope()+", "+v.Key, v.Value))
			}
		}
	}
	return err
}

// decided puts what a person decided before what may conflict with it.
func decided(edits []Edit) []Edit {
	out := slices.Clone(edits)
	slices.SortStableFunc(out, func(a, b Edit) int { return rank(a) - rank(b) })
	return out
}

func rank(e Edit) int {
	if _, decision := e.(ReplaceEnvironment); decision {
		return 0
	}
	return 1
}

// An application makes edits one after the other. Edits that cannot be in each
// other's way are planned against one parsed file; before one that can, what
// is planned is carried out and the file is parsed anew.
type application struct {
	file      *File
	pieces    pieces
	pending   []planned
	scopes    map[string]bool
	conflicts []Conflict
}

func (a *application) edit(e Edit) error {
	if a.scopes[e.scope()] {
		if err := a.flush(); err != nil {
			return err
		}
	}
	c, err := e.plan(a.file)
	if (err != nil || a.collide(c.splices)) && len(a.pending) > 0 {
		if err := a.flush(); err != nil {
			return err
		}
		c, err = e.plan(a.file)
	}
	if err != nil {
		return err
	}
	if a.scopes == nil {
		a.scopes = map[string]bool{}
	}
	a.scopes[e.scope()] = true
	a.pending = append(a.pending, c.splices...)
	a.conflicts = append(a.conflicts, c.conflicts...)
	return nil
}

// collide reports whether new splices touch pending ones. Entries added to one
// collection at one place do not: they follow one another.
func (a *application) collide(splices []planned) bool {
	for _, s := range splices {
		for _, p := range a.pending {
			together := s.into != nil && s.into == p.into && s.Offset == p.Offset
			if s.Offset <= p.end() && p.Offset <= s.end() && !together {
				return true
			}
		}
	}
	return false
}

// flush carries out what is planned.
func (a *application) flush() error {
	a.scopes = nil
	if len(a.pending) == 0 {
		return nil
	}
	splices := make([]Splice, 0, len(a.pending))
	for _, p := range a.pending {
		splices = append(splices, p.Splice)
	}
	a.pending = nil
	slices.SortStableFunc(splices, func(x, y Splice) int { return x.Offset - y.Offset })
	src, err := Replay(a.file.src, splices)
	if err != nil {
		return err
	}
	next, refusal := parse(a.file.name, src)
	if refusal != nil && refusal.Kind == TooLarge {
		return refusal // what was added makes it so
	}
	if refusal != nil {
		return notVerified("A", "the outcome does not parse: %s", refusal.Reason)
	}
	a.pieces = a.pieces.apply(splices)
	a.file = next
	return nil
}
