package compose

// A style says how far a file indents.
type style struct {
	mapping int // a mapping's keys from the key it hangs on
	list    int // a list's dashes from the key it hangs on
}

// maxStep bounds what is taken for a habit: deeper steps align with something.
const maxStep = 8

// styleOf returns the steps root uses most often, two where it shows none.
func styleOf(t text, root *node) style {
	var mappings, lists [maxStep + 1]int
	countSteps(t, root, &mappings, &lists)
	return style{
		mapping: max(1, commonest(mappings)),
		list:    commonest(lists),
	}
}

func countSteps(t text, n *node, mappings, lists *[maxStep + 1]int) {
	for _, c := range n.Content {
		countSteps(t, c, mappings, lists)
	}
	if n.Kind != mappingNode || isFlow(n) {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if v.Kind == scalarNode || v.Kind == aliasNode || isFlow(v) {
			continue
		}
		column, err := t.column(v)
		if step := column - (k.Column - 1); err == nil && step >= 0 && step <= maxStep {
			if v.Kind == mappingNode {
				mappings[step]++
			} else {
				lists[step]++
			}
		}
	}
}

func commonest(steps [maxStep + 1]int) int {
	best := 2
	for step, times := range steps {
		if times > steps[best] {
			best = step
		}
	}
	return best
}
