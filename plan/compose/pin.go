package compose

import "regexp"

// PinImage makes a service run an image. A `build:` is commented out word for
// word, and so is the line of an image that is replaced, so that a person can
// see and undo what was done.
type PinImage struct{ Service, Image string }

var imagePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@-]*$`)

func (e PinImage) scope() string { return "image of " + e.Service }

func (e PinImage) check() *RefusalError {
	if !imagePattern.MatchString(e.Image) {
		return refuse(0, BadEdit, "", "%q is not the name of an image", e.Image)
	}
	return nil
}

func (e PinImage) plan(f *File) (change, error) {
	t, err := f.target(e.Service)
	if err != nil {
		return change{}, err
	}
	buildKey, build := t.own("build")
	if buildKey != nil && !hasBuild(t.value) {
		buildKey = nil // `build: !reset null` is what we want
	}
	if err := t.checkInheritedBuild(buildKey); err != nil {
		return change{}, err
	}
	var c change
	imageKey, image := t.own("image")
	same := t.value.get("image").scalar() == e.Image
	if imageKey != nil && !same {
		if c.splices, err = t.replaceImage(imageKey, image, e.Image); err != nil {
			return change{}, err
		}
	}
	line := "" // to add
	if imageKey == nil && !same {
		line = "image: " + scalarText(e.Image)
	}
	var more []planned
	switch {
	case buildKey != nil:
		more, err = t.commentOut(buildKey, build, line)
	case line != "":
		more, err = t.addKey(addition{
			reason: "image of " + t.name,
			lines:  func(column int) []string { return []string{spaces(column) + line} },
		})
	}
	c.splices = append(c.splices, more...)
	return c, err
}

// checkInheritedBuild refuses a build that stays in force when the service's own is
// gone: one that comes by a merge key, or from an extended service.
func (t *target) checkInheritedBuild(own *node) error {
	if hasBuild(t.mergedIn()) || own == nil && t.merged("build") && hasBuild(t.value) {
		return refuse(t.key.Line, FromMerge, "take `build:` out of what is merged",
			"the build of %q comes by a merge key and would stay in force", t.name)
	}
	seen := map[string]bool{t.name: true}
	for v := t.value; ; {
		name, file := extends(v)
		if name == "" || file != "" && !sameFile(file, t.file.name) || seen[name] {
			return nil
		}
		seen[name] = true
		if v = t.file.value.get("services", name); hasBuild(v) {
			return refuse(t.key.Line, Extended, "take `build:` out of it",
				"the build of %q, which %q extends, would stay in force", name, t.name)
		}
	}
}

// mergedIn returns what the service's merge key alone brings in, nil without.
func (t *target) mergedIn() *value {
	if t.node.Kind != mappingNode {
		return nil
	}
	for i := 0; i+1 < len(t.node.Content); i += 2 {
		if !isMergeKey(t.node.Content[i]) {
			continue
		}
		alone := &node{Kind: mappingNode, Content: t.node.Content[i : i+2]}
		if v, _, err := resolve(alone); err == nil {
			return v
		}
	}
	return nil
}

// replaceImage plans another value for `image:`, with the old line above it.
func (t *target) replaceImage(k, v *node, image string) ([]planned, error) {
	if err := t.file.leading(k); err != nil {
		return nil, err
	}
	if t.value.get("image").kind != scalarValue {
		return nil, refuse(k.Line, WrongForm, "", "the image of %q is not a text", t.name)
	}
	if v.Line > k.Line && v.Column <= k.Column {
		// The header of a text block may stand there, and nothing that is put in its place.
		return nil, refuse(v.Line, WrongForm, "write it behind `image:`", "the image of %q is not indented below its key", t.name)
	}
	if err := t.file.unshared(v); err != nil {
		return nil, err
	}
	column := k.Column - 1
	end, err := t.file.end(v, column)
	if err != nil {
		return nil, err
	}
	at := t.file.start(v)
	if v.Kind != aliasNode && v.Anchor != "" && v.Style&taggedStyle == 0 && v.Value != "" {
		at = t.file.content(v) // the anchor stays
	}
	first, last := t.file.lineOf(t.file.start(k)), t.file.lineOf(end)
	reason := "image of " + t.name
	line := string(t.file.src[t.file.starts[first-1]:at])
	if at == end {
		line += " "
	}
	line += scalarText(image) + string(t.file.src[end:t.file.lineEnd(last)])
	below := Splice{Offset: t.file.lineEnd(last), New: t.file.eol(first) + line, Reason: reason, Line: last}
	return append(t.file.comments(first, last, column, reason), planned{Splice: below}), nil
}

// commentOut plans an entry turned into comments, with a line below it if there
// is one to add.
func (t *target) commentOut(k, v *node, below string) ([]planned, error) {
	if isFlow(t.node) {
		return nil, refuse(k.Line, FlowStyle, "write it line by line", "the service %q is written in brackets", t.name)
	}
	if err := t.file.leading(k); err != nil {
		return nil, err
	}
	if err := t.file.unsharedWithin(v); err != nil {
		return nil, err
	}
	if below == "" && len(t.node.Content) == 2 {
		return nil, refuse(k.Line, WrongForm, "", "%q has nothing but %q", t.name, k.Value)
	}
	column := k.Column - 1
	end, err := t.file.end(v, column)
	if err != nil {
		return nil, err
	}
	first, last := t.file.lineOf(t.file.start(k)), t.file.lineOf(end)
	out := t.file.comments(first, last, column, "build of "+t.name)
	if below == "" {
		return out, nil
	}
	if last, err = t.file.entryEnd(v, column); err != nil {
		return nil, err
	}
	return append(out, planned{Splice: t.file.insertBelow(last, []string{spaces(column) + below}, "image of "+t.name)}), nil
}

// comments plans lines turned into comments at a column. What stands right of the
// column stays as it was and is no part of a splice: it may be a secret, such as a
// token among the arguments of a build, and splices are kept in plans.
func (t text) comments(first, last, column int, reason string) []planned {
	var out []planned
	for l := first; l <= last; l++ {
		s := Splice{Offset: t.starts[l-1], New: spaces(column) + "# ", Reason: reason, Line: l}
		indent := t.indent(l)
		switch {
		case l == first:
			s.Offset, s.New = s.Offset+column, "# Was: "
		case t.blank(l):
			s.Old, s.New = string(t.line(l)), spaces(column)+"#"
		case t.comment(l) && indent < column:
			continue // it is a comment where it stands
		case indent < column:
			s.Old = spaces(indent)
		default:
			s.Offset, s.New = s.Offset+column, "# "
		}
		out = append(out, planned{Splice: s})
	}
	return out
}

// unsharedWithin refuses a node that holds an anchor in use elsewhere.
func (f *File) unsharedWithin(n *node) error {
	if err := f.unshared(n); err != nil || n.Kind == aliasNode {
		return err
	}
	for _, c := range n.Content {
		if err := f.unsharedWithin(c); err != nil {
			return err
		}
	}
	return nil
}

func (e PinImage) expect(root *value) *value {
	service := root.get("services", e.Service)
	if hasBuild(service) {
		root = root.with(nil, "services", e.Service, "build")
	}
	if service.get("image").scalar() == e.Image {
		return root
	}
	return root.with(textValue(e.Image), "services", e.Service, "image")
}
