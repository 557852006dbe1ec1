package plan

// Step is one thing that is done to a host, with its reason and its undo.
type Step struct {
	ID     string // stable inside a plan: journal and resume go by it
	Title  string
	Reason string
	Op     Op

	// Undo is the inverse, fixed before the first change. A step that changes
	// something and has none says why in NoUndo, which is shown before anyone
	// agrees. A step with neither only looks.
	Undo   Op
	NoUndo string
}
