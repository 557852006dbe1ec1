package compose

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"

	"gopkg.in/yaml.v3"
)

// The parser is asked where things are and what they mean, never to write.
// This file is the only one that knows which parser it is.

type node = yaml.Node

const (
	sequenceNode = yaml.SequenceNode
	mappingNode  = yaml.MappingNode
	scalarNode   = yaml.ScalarNode
	aliasNode    = yaml.AliasNode

	taggedStyle  = yaml.TaggedStyle
	doubleQuoted = yaml.DoubleQuotedStyle
	singleQuoted = yaml.SingleQuotedStyle
	literalStyle = yaml.LiteralStyle
	foldedStyle  = yaml.FoldedStyle
	flowStyle    = yaml.FlowStyle
)

var errSecondDocument = errors.New("a second document")

// decode parses src, which must hold exactly one document, and returns that
// document's root.
func decode(src []byte) (root *node, err error) {
	// The parser reads what strangers wrote; a slip of its own must stay an
	// error about one file.
	defer func() {
		if r := recover(); r != nil {
			root, err = nil, fmt.Errorf("yaml parser: %v", r)
		}
	}()
	dec := yaml.NewDecoder(bytes.NewReader(src))
	var doc, next node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("yaml: the file is empty")
		}
		return nil, err
	}
	switch err := dec.Decode(&next); {
	case errors.Is(err, io.EOF):
	case err != nil:
		return nil, err
	default:
		return nil, errSecondDocument
	}
	if len(doc.Content) != 1 {
		return nil, errors.New("yaml: the file is empty")
	}
	return doc.Content[0], nil
}

var syntaxErrorLine = regexp.MustCompile(`^yaml: line (\d+): `)

// splitSyntaxError takes the line number out of a parser error. The parser
// reports it in words only: "yaml: line 3: mapping values are not allowed".
func splitSyntaxError(err error) (line int, text string) {
	text = err.Error()
	if m := syntaxErrorLine.FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1])
		return line, text[len(m[0]):]
	}
	return 0, text
}

// isMergeKey reports whether n is the key `<<`, which takes in another mapping.
func isMergeKey(n *node) bool {
	return n.Kind == scalarNode && n.Value == "<<" && n.ShortTag() == "!!merge"
}

// isNull reports whether n is a null that carries no meaning of its own, as
// `!reset null` does.
func isNull(n *node) bool {
	return n.Kind == scalarNode && n.ShortTag() == "!!null"
}

// isFlow reports whether n is written in brackets.
func isFlow(n *node) bool { return n.Style&flowStyle != 0 }

// field returns the key and the value of an entry m holds itself, not by merge.
func field(m *node, key string) (k, v *node) {
	if m == nil || m.Kind != mappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(m.Content); i += 2 {
		k := m.Content[i]
		if k.Kind == scalarNode && k.Value == key && !isMergeKey(k) {
			return k, m.Content[i+1]
		}
	}
	return nil, nil
}
