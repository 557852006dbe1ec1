package plan

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"time"

	"liftalot/plan/compose"
	"liftalot/units"
)

// Format is the version of the plan file this program writes.
const Format = 1

// Plan is what was agreed for one host.
type Plan struct {
	Format  int     `json:"format"`
	ID      string  `json:"id"` // also the run's, and part of every name we make on the host
	Host    string  `json:"host"`
	Created string  `json:"created"` // UTC, RFC 3339
	Kind    RunKind `json:"kind"`
	Undoes  string  `json:"undoes,omitempty"` // of a rollback: the plan it undoes
	Variant Variant `json:"variant"`
	From    string  `json:"from"`
	Source  string  `json:"source"` // where From comes from
	To      string  `json:"to"`

	Project  Project  `json:"project"`
	Release  Release  `json:"release"`
	Baseline Baseline `json:"rests"`
	Steps    []Step   `json:"steps"`

	Diffs      []FileDiff `json:"diffs,omitempty"`
	Model      []string   `json:"model,omitempty"` // the merged difference in words
	Warnings   []string   `json:"warnings,omitempty"`
	Deviations []string   `json:"deviations,omitempty"` // from the runbook
	FollowUps  []string   `json:"follow_ups,omitempty"`
}

// RunKind says what a plan is for.
type RunKind string

// A run upgrades a host, rolls an upgrade back, or puts a backup's database back.
const (
	Upgrade     RunKind = "upgrade"
	Rollback    RunKind = "rollback"
	Restoration RunKind = "restore"
)

// Made says when the plan was made, as [units.Time] does.
func (p *Plan) Made() string {
	at, err := time.Parse(time.RFC3339, p.Created)
	if err != nil {
		return p.Created
	}
	return units.Time(at)
}

// Empty reports whether there is nothing to do.
func (p *Plan) Empty() bool { return len(p.Steps) == 0 }

// Step returns a step by its id.
func (p *Plan) Step(id string) (Step, bool) {
	for _, s := range p.Steps {
		if s.ID == id {
			return s, true
		}
	}
	return Step{}, false
}

// FileDiff is the difference of one file, for display: values that may be
// secret are already taken out.
type FileDiff struct {
	Path  string             `json:"path"`
	Lines []compose.DiffLine `json:"lines"`
}

// Baseline is the state of a host that a plan was made for. Where the host has changed since
// (drift), the plan is stale.
type Baseline struct {
	Files      []FileFingerprint      `json:"files"`
	Containers []ContainerFingerprint `json:"containers"`
	Secrets    []SecretFingerprint    `json:"secrets"`
	Migrations string                 `json:"migrations"` // SHA-256 over the table
	Migration  int64                  `json:"migration"`
	Docker     string                 `json:"docker"`
	Compose    string                 `json:"compose"`

	// Config is a digest of what compose makes of each service, variables resolved: with
	// it an env_file, or a file that is included, counts as well, whatever compose's own
	// hash leaves out. It is keyed with the plan's ID; see [ConfigDigests].
	Config map[string]string `json:"config,omitempty"`
	// Edited is the same of the files as the plan's edits leave them.
	Edited map[string]string `json:"edited,omitempty"`
}

// FileFingerprint is the state of one of the client's files.
type FileFingerprint struct {
	Path   string      `json:"path"`
	SHA256 string      `json:"sha256"` // "" for a file that was not there
	Mode   fs.FileMode `json:"mode"`
	UID    int         `json:"uid"`
	GID    int         `json:"gid"`
}

// ContainerFingerprint is the state of a container.
type ContainerFingerprint struct {
	Service string   `json:"service"`
	ID      string   `json:"id"`
	ImageID string   `json:"image_id"`
	Mounts  []string `json:"mounts,omitempty"` // see [Facts.MountsOf]
}

// SecretFingerprint is the state of a secret file, without its content.
type SecretFingerprint struct {
	Path string      `json:"path"`
	Size int64       `json:"size"`
	Mode fs.FileMode `json:"mode"`
	UID  int         `json:"uid"`
	GID  int         `json:"gid"`
}

// Encode writes the plan file.
func (p *Plan) Encode() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(p); err != nil {
		return nil, fmt.Errorf("write the plan of %s: %w", p.Host, err)
	}
	return b.Bytes(), nil
}

// NewerError reports a file of a later version of this program.
type NewerError struct{ Format int }

func (e *NewerError) Error() string {
	return fmt.Sprintf("the plan has format %d, written by a newer liftalot (this one reads %d)", e.Format, Format)
}

// Decode reads a plan file. It refuses what it does not know: a field it would
// ignore could be the one that matters.
func Decode(data []byte) (*Plan, error) {
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("read the plan: %w", err)
	}
	if head.Format > Format {
		return nil, &NewerError{head.Format}
	}
	if head.Format != Format {
		return nil, fmt.Errorf("read the plan: format %d is not a plan's", head.Format)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var p Plan
	if err := dec.Decode(&p); err != nil {
		return nil, fmt.Errorf("read the plan: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("read the plan: something follows it")
	}
	for _, id := range p.ids() {
		if !idPattern.MatchString(id) {
			return nil, fmt.Errorf("read the plan: %q is no name of a plan, a step or a backup", id)
		}
	}
	return &p, nil
}

// idPattern is what may become the name of a folder, here and on the host: a plan
// that is adopted comes from there, and must not lead anywhere else.
var idPattern = regexp.MustCompile(`^([0-9A-Za-z][0-9A-Za-z._-]{0,99})?$`)

// ids are the names in a plan that become names of folders.
func (p *Plan) ids() []string {
	ids := []string{p.ID, p.Undoes}
	for _, s := range p.Steps {
		ids = append(ids, s.ID, s.Op.Describe().Backup)
	}
	return ids
}

// Hash names the exact bytes of a plan.
func Hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
