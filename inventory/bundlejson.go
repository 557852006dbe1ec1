package inventory

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// A number is kept as it was written: 1e3 is no port, and 0.10 is not 0.1.
type number = json.Number

// maxDepth is far beyond any bundle, and ends a file made to exhaust the stack.
const maxDepth = 64

// decodeObject reads one JSON object. A key that is there twice is an error: which
// of the two counts would be up to the reader, and the vendor's may not be ours.
func decodeObject(data []byte) (map[string]any, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	d.UseNumber()
	value, err := decodeValue(d, 0)
	if err != nil {
		return nil, fmt.Errorf("is not JSON as a bundle is: %w", err)
	}
	root, ok := value.(map[string]any)
	if _, err := d.Token(); !ok || err != io.EOF {
		return nil, errors.New("is not one JSON object")
	}
	return root, nil
}

func decodeValue(d *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("it nests more than %d levels", maxDepth)
	}
	token, err := d.Token()
	if err != nil {
		return nil, jsonReason(err)
	}
	switch token {
	case json.Delim('{'):
		object := map[string]any{}
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return nil, jsonReason(err)
			}
			name, _ := key.(string) // the decoder lets nothing else be a key
			if _, twice := object[name]; twice {
				return nil, fmt.Errorf("the key %q is there twice in one object", comment(name[:min(len(name), 40)]))
			}
			if object[name], err = decodeValue(d, depth+1); err != nil {
				return nil, err
			}
		}
		_, err := d.Token()
		return object, jsonReason(err)
	case json.Delim('['):
		list := []any{}
		for d.More() {
			item, err := decodeValue(d, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, item)
		}
		_, err := d.Token()
		return list, jsonReason(err)
	}
	return token, nil
}

// jsonReason keeps where it is wrong and drops what stands there, which may be a
// piece of the token.
func jsonReason(err error) error {
	var syntax *json.SyntaxError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("it ends in the middle")
	case errors.As(err, &syntax):
		return fmt.Errorf("it is wrong at byte %d", syntax.Offset)
	}
	return errors.New("it is malformed")
}
