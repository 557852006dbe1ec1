package compose

// What a file may cost. A file within them is handled in time and memory that
// grow no faster than its size.
const (
	maxSize  = 10 << 20
	maxDepth = 100
	// maxMarks is twice what a file of maxSize has that a person wrote.
	maxMarks = 1_500_000
	// maxUnfolded bounds how many nodes a file has once each alias is written
	// out, beside a multiple of the nodes it really has.
	maxUnfolded   = 1_000_000
	unfoldedRatio = 10
)

// A resolver turns nodes into values, each anchored node once.
type resolver struct {
	done   map[*node]*value
	open   map[*node]bool
	uses   map[*node]int // aliases per anchored node
	nodes  int
	merged int // entries copied by merge keys
}

// resolve follows aliases and merge keys of a whole document. It refuses what
// Compose refuses too: a key written twice, a merge of something else than a
// mapping, an alias that contains itself.
func resolve(root *node) (*value, map[*node]int, *RefusalError) {
	r := &resolver{done: map[*node]*value{}, open: map[*node]bool{}, uses: map[*node]int{}}
	v, err := r.value(root, 0)
	if err != nil {
		return nil, nil, err
	}
	if r.tooMuch(v.size) {
		return nil, nil, r.bomb(root)
	}
	return v, r.uses, nil
}

func (r *resolver) tooMuch(n int) bool { return n > maxUnfolded+unfoldedRatio*r.nodes }

func (r *resolver) bomb(n *node) *RefusalError {
	return refuse(n.Line, AliasBomb, "", "the aliases in this file unfold to more than %d values", maxUnfolded)
}

func (r *resolver) value(n *node, depth int) (*value, *RefusalError) {
	r.nodes++
	if depth > maxDepth {
		return nil, refuse(n.Line, TooDeep, "", "nested more than %d levels deep", maxDepth)
	}
	if n.Kind == aliasNode {
		return r.alias(n, depth)
	}
	if n.Anchor == "" {
		return r.plain(n, depth)
	}
	if v := r.done[n]; v != nil {
		return v, nil
	}
	if r.open[n] {
		return nil, refuse(n.Line, AliasBomb, "", "the anchor %q contains itself", n.Anchor)
	}
	r.open[n] = true
	defer delete(r.open, n)
	v, err := r.plain(n, depth)
	if err != nil {
		return nil, err
	}
	v.shared = true
	r.done[n] = v
	return v, nil
}

func (r *resolver) alias(n *node, depth int) (*value, *RefusalError) {
	r.uses[n.Alias]++
	return r.value(n.Alias, depth+1)
}

func (r *resolver) plain(n *node, depth int) (*value, *RefusalError) {
	v := &value{tag: n.ShortTag(), size: 1}
	switch n.Kind {
	case scalarNode:
		v.text = n.Value
		if v.tag == "!!null" {
			v.text = "" // ~, null and nothing are one value
		}
		return v, nil
	case mappingNode:
		v.kind = mapValue
		return v, r.mapping(n, v, depth)
	}
	v.kind = listValue
	v.items = make([]*value, 0, len(n.Content))
	for _, c := range n.Content {
		item, err := r.value(c, depth+1)
		if err != nil {
			return nil, err
		}
		v.items = append(v.items, item)
		if err := r.grow(v, item, c); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// grow counts item into v's unfolded size, and stops while it is still small.
func (r *resolver) grow(v, item *value, at *node) *RefusalError {
	v.size += item.size
	if v.size > 1<<40 {
		return r.bomb(at)
	}
	return nil
}

func (r *resolver) mapping(n *node, v *value, depth int) *RefusalError {
	v.fields = make(map[string]*value, len(n.Content)/2)
	var merge *node
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, c := n.Content[i], n.Content[i+1]
		r.nodes++
		if isMergeKey(k) {
			if merge != nil {
				return duplicate(k, "<<", merge.Line)
			}
			merge = c
			continue
		}
		key, err := r.key(k, depth)
		if err != nil {
			return err
		}
		if _, twice := v.fields[key]; twice {
			return duplicate(k, key, 0)
		}
		item, err := r.value(c, depth+1)
		if err != nil {
			return err
		}
		v.fields[key] = item
		if err := r.grow(v, item, c); err != nil {
			return err
		}
	}
	if merge == nil {
		return nil
	}
	return r.merge(merge, v, depth)
}

func duplicate(k *node, key string, first int) *RefusalError {
	if first > 0 {
		return refuse(k.Line, DuplicateKey, "write one `<<: [*a, *b]`", "the key %q is there twice, first on line %d", key, first)
	}
	return refuse(k.Line, DuplicateKey, "remove one of them", "the key %q is there twice", key)
}

// key returns a mapping key as text. Keys that are no scalars get a text no
// scalar can have, so that they stay apart.
func (r *resolver) key(k *node, depth int) (string, *RefusalError) {
	target := k
	if k.Kind == aliasNode {
		r.uses[k.Alias]++
		target = k.Alias
	}
	if target.Kind == scalarNode {
		return target.Value, nil
	}
	v, err := r.value(k, depth+1)
	if err != nil {
		return "", err
	}
	if r.tooMuch(v.size) {
		return "", r.bomb(k)
	}
	return "\x00" + v.String(), nil
}

// merge takes the entries of another mapping, or of several, into v. Entries
// v has already stay, and an earlier mapping wins over a later one.
func (r *resolver) merge(n *node, v *value, depth int) *RefusalError {
	from, err := r.value(n, depth+1)
	if err != nil {
		return err
	}
	sources := []*value{from}
	if from.kind == listValue {
		sources = from.items
	}
	for _, s := range sources {
		if s.kind != mapValue {
			return refuse(n.Line, BadMerge, "", "`<<` takes in mappings, and this is not one")
		}
		if r.merged += len(s.fields); r.tooMuch(r.merged) {
			return r.bomb(n)
		}
		for key, item := range s.fields {
			if _, own := v.fields[key]; own {
				continue
			}
			item.shared = true
			v.fields[key] = item
			if err := r.grow(v, item, n); err != nil {
				return err
			}
		}
	}
	return nil
}
