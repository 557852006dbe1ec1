package container

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// What a document and a record may hold at most. Engines stay far below.
const (
	maxDocument = 8 << 20
	maxNetworks = 100
)

const shortID = 12

var (
	validName      = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,200}$`)
	validID        = regexp.MustCompile(`^[0-9a-f]{64}$`)
	validImage     = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
	validReference = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.:/@-]{0,500}$`)
)

// document is what docker inspect tells of a container, as far as it is taken apart.
type document struct {
	ID              string                     `json:"Id"`
	Name            string                     `json:"Name"`
	Image           string                     `json:"Image"`
	Config          map[string]json.RawMessage `json:"Config"`
	HostConfig      map[string]json.RawMessage `json:"HostConfig"`
	Mounts          []mount                    `json:"Mounts"`
	NetworkSettings struct {
		Networks map[string]endpoint `json:"Networks"`
	} `json:"NetworkSettings"`
}

type mount struct {
	Type        string
	Name        string
	Destination string
	RW          bool
}

// recorder makes the record of one container.
type recorder struct {
	document
	image  map[string]json.RawMessage // the image's own Config
	server string                     // the id that becomes @SERVER@, "" for none
	mode   string                     // HostConfig.NetworkMode
}

// Record returns the files of the record of a container by name. inspect and image are
// what docker inspect prints of the container and of its image: one document each, in a
// list of one or bare. Where server is not empty it is the id of the container whose
// namespaces, volumes or links this one may share: it becomes a placeholder.
func Record(inspect, image json.RawMessage, server string) (map[string][]byte, error) {
	r := recorder{server: server}
	if server != "" && !validID.MatchString(server) {
		return nil, fmt.Errorf("%.80q is no container id", server)
	}
	whole, err := one(inspect)
	if err != nil {
		return nil, fmt.Errorf("what docker inspect says of the container: %w", err)
	}
	if err := json.Unmarshal(whole, &r.document); err != nil {
		return nil, fmt.Errorf("what docker inspect says of the container: %w", err)
	}
	r.Name = strings.TrimPrefix(r.Name, "/")
	if err := r.complete(); err != nil {
		return nil, err
	}
	if err := r.readImage(image); err != nil {
		return nil, fmt.Errorf("container %s: %w", r.Name, err)
	}
	files, err := r.files(whole)
	if err != nil {
		return nil, fmt.Errorf("container %s: %w", r.Name, err)
	}
	return files, nil
}

// one returns the document that raw holds, in a list of one or bare.
func one(raw json.RawMessage) (json.RawMessage, error) {
	if len(raw) > maxDocument {
		return nil, fmt.Errorf("%d bytes are more than one document has", len(raw))
	}
	if raw = bytes.TrimSpace(raw); !bytes.HasPrefix(raw, []byte("[")) {
		return raw, nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, err
	}
	if len(list) != 1 {
		return nil, fmt.Errorf("%d documents instead of one", len(list))
	}
	return list[0], nil
}

func (r *recorder) complete() error {
	switch {
	case !validName.MatchString(r.Name):
		return fmt.Errorf("%.80q is no name of a container", r.Name)
	case !validID.MatchString(r.ID):
		return fmt.Errorf("container %s: %.80q is no container id", r.Name, r.ID)
	case !validImage.MatchString(r.Image):
		return fmt.Errorf("container %s: %.80q is no image id", r.Name, r.Image)
	case r.Config == nil || r.HostConfig == nil:
		return fmt.Errorf("container %s: the engine does not tell how it was made", r.Name)
	case len(r.NetworkSettings.Networks) > maxNetworks:
		return fmt.Errorf("container %s: it is in %d networks, more than can be recorded", r.Name, len(r.NetworkSettings.Networks))
	}
	r.mode = text(r.HostConfig["NetworkMode"])
	// A value that is not text in UTF-8 reaches nobody through the engine's API, but with
	// another sign in its place.
	for _, key := range []string{"Env", "Cmd", "Entrypoint"} {
		for _, v := range texts(r.Config[key]) {
			if strings.ContainsRune(v, '\ufffd') {
				name, _, _ := strings.Cut(v, "=")
				if key != "Env" {
					name = "an argument"
				}
				return fmt.Errorf("container %s: %.80q in %s holds bytes that the engine does not tell, so it could not be made again as it is", r.Name, name, key)
			}
		}
	}
	return nil
}

func (r *recorder) readImage(image json.RawMessage) error {
	whole, err := one(image)
	if err != nil {
		return fmt.Errorf("what docker inspect says of its image: %w", err)
	}
	var told struct {
		ID     string                     `json:"Id"`
		Config map[string]json.RawMessage `json:"Config"`
	}
	if err := json.Unmarshal(whole, &told); err != nil {
		return fmt.Errorf("what docker inspect says of its image: %w", err)
	}
	if told.ID != r.Image {
		return fmt.Errorf("it was made from the image %s, and %.80q is described", r.Image, told.ID)
	}
	r.image = told.Config
	return nil
}

func (r *recorder) files(whole json.RawMessage) (map[string][]byte, error) {
	files := map[string][]byte{}
	reference := text(r.Config["Image"])
	if err := r.reshape(); err != nil {
		return nil, err
	}
	fields, err := r.fields(whole)
	if err != nil {
		return nil, err
	}
	first, further := r.endpoints()
	body := maps.Clone(r.Config)
	if body["Image"], err = encode(markImage); err != nil {
		return nil, err
	}
	if body["HostConfig"], err = encode(r.HostConfig); err != nil {
		return nil, err
	}
	if body["NetworkingConfig"], err = encode(map[string]any{"EndpointsConfig": first}); err != nil {
		return nil, err
	}
	create, err := r.body(body)
	if err != nil {
		return nil, err
	}

	sum := sha256.New()
	_, _ = sum.Write(create) // a hash takes every write
	var facts strings.Builder
	fmt.Fprintf(&facts, "image %s\n", r.Image)
	if validReference.MatchString(reference) {
		fmt.Fprintf(&facts, "reference %s\n", reference)
	}
	for i, name := range slices.Sorted(maps.Keys(further)) {
		connect, err := r.body(map[string]any{"Container": markSelf, "EndpointConfig": further[name]})
		if err != nil {
			return nil, err
		}
		_, _ = sum.Write(connect)
		files[fmt.Sprintf("%s.connect.%d.json", r.Name, i+1)] = connect
		fmt.Fprintf(&facts, "connect %d %s\n", i+1, url.PathEscape(name))
	}
	if userDefined(r.mode) && len(first) == 0 {
		fmt.Fprintf(&facts, "disconnect %s\n", url.PathEscape(r.mode))
	}
	fmt.Fprintf(&facts, "aside %s.%s\n", r.Name, hex.EncodeToString(sum.Sum(nil))[:shortID])
	files[r.Name+".create.json"] = create
	files[r.Name+".record"] = []byte(facts.String())
	files[r.Name+".fields"] = fields
	files[r.Name+".template"] = []byte(Template)
	return files, nil
}

// The placeholders, as they stand in a body, and what they are until every other @ is
// escaped: no argument, variable or label of a container holds a NUL.
const (
	markImage  = "\x00IMAGE\x00"
	markSelf   = "\x00ID\x00"
	markServer = "\x00SERVER\x00"
)

var marks = strings.NewReplacer("@", `\u0040`,
	`\u0000IMAGE\u0000`, "@IMAGE@", `\u0000ID\u0000`, "@ID@", `\u0000SERVER\u0000`, "@SERVER@")

func (r *recorder) body(v any) ([]byte, error) {
	data, err := encode(v)
	if err != nil {
		return nil, err
	}
	return []byte(marks.Replace(string(data)) + "\n"), nil
}

// encode is JSON as short as it gets, and without escapes for browsers.
func encode(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// text and texts read a string and a list of strings, and nothing from what is none.
func text(raw json.RawMessage) (s string) {
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

func texts(raw json.RawMessage) (list []string) {
	if json.Unmarshal(raw, &list) != nil {
		return nil
	}
	return list
}

var errShape = errors.New("the engine tells it in a form that is not known")
