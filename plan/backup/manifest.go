package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"liftalot/plan/statefile"
)

// formatVersion is the manifest's; see the package comment. In format 2 the time at
// which it was taken is the host's.
const (
	formatVersion   = 3
	formatHostClock = 2
)

// Manifest is what is known of a proven backup. It holds no secret.
type Manifest struct {
	Format     int              `json:"format"`
	ID         string           `json:"id"`
	Host       string           `json:"host"`
	Taken      time.Time        `json:"taken"`               // by this machine's clock, before the dump began
	HostClock  time.Time        `json:"host_clock,omitzero"` // the same moment by the host's, which its rows have
	Run        bool             `json:"run"`                 // taken by an upgrade
	OnHost     string           `json:"on_host"`
	Version    string           `json:"version"` // of the server
	ImageID    string           `json:"image_id"`
	Database   string           `json:"database"`
	Postgres   string           `json:"postgres"` // version of its server
	Tables     int              `json:"tables"`
	Migration  int64            `json:"migration"`
	Rows       map[string]int64 `json:"rows"`            // by table of the schema public
	Roles      []string         `json:"roles,omitempty"` // that a server must have for the dump to be restored
	Recipients []string         `json:"recipients"`
	Uploads    *Uploads         `json:"uploads,omitempty"` // nil: uploaded files were not asked for
	Files      []File           `json:"files"`
	Left       []Left           `json:"left,omitempty"` // what the project names and the backup is without
	Sum        string           `json:"sum"`            // SHA-256 of this object with an empty sum

	// RolesFound are what a look into the dump has found of a backup in whose manifest
	// they are not: one of format 2.
	RolesFound []string `json:"-"`
}

// NeededRoles are those that a server must have for the dump to be restored, as far as
// they are known: of a backup of format 2 once it was verified.
func (m *Manifest) NeededRoles() []string { return slices.Concat(m.Roles, m.RolesFound) }

// File is one file of a backup: what the host had, and what lies here of it.
type File struct {
	Name         string `json:"name"`
	Path         string `json:"path,omitempty"` // of a client's file, on the host
	Size         int64  `json:"size"`
	SHA256       string `json:"sha256"`
	Sealed       int64  `json:"sealed"` // bytes of NAME.age
	SealedSHA256 string `json:"sealed_sha256"`
}

// Left is something of the project that is not in its backup.
type Left struct {
	Name string `json:"name"` // a path on the host, or what the project calls it
	Why  string `json:"why"`
}

// Dump is the database's file, and Image that of the server's image.
const (
	Dump  = "db.dump"
	Image = "image.tar.gz"
)

// Find returns the backup's copy of a client's file.
func (m *Manifest) Find(path string) (File, bool) {
	return m.find(func(f File) bool { return f.Path == path })
}

// File returns a file by its name.
func (m *Manifest) File(name string) (File, bool) {
	return m.find(func(f File) bool { return f.Name == name })
}

func (m *Manifest) find(match func(File) bool) (File, bool) {
	i := slices.IndexFunc(m.Files, match)
	if i < 0 {
		return File{}, false
	}
	return m.Files[i], true
}

// Size is the whole backup's on this machine, in bytes.
func (m *Manifest) Size() int64 {
	var n int64
	for _, f := range m.Files {
		n += f.Sealed
	}
	return n
}

// encode gives the one form a manifest has on the disk.
func (m *Manifest) encode() ([]byte, error) {
	c := *m
	c.Sum = ""
	if c.Format == formatHostClock {
		c.Taken, c.HostClock = c.HostClock, time.Time{}
	}
	plain, err := json.MarshalIndent(c, "", " ")
	if err != nil {
		return nil, fmt.Errorf("write the manifest: %w", err)
	}
	sum := sha256.Sum256(plain)
	c.Sum = hex.EncodeToString(sum[:])
	m.Sum = c.Sum
	data, err := json.MarshalIndent(c, "", " ")
	return append(data, '\n'), err
}

const manifestFile = "manifest.json"

func (m *Manifest) save(dir string) error {
	data, err := m.encode()
	if err != nil {
		return err
	}
	if err := statefile.WriteFile(filepath.Join(dir, manifestFile), data, 0o600); err != nil {
		return &UnprovenError{Host: m.Host, What: "write the manifest", Err: err}
	}
	return nil
}

// fileName is what a manifest may call a file: it becomes a path here.
var fileName = regexp.MustCompile(`^(db\.dump|secrets\.tar|containers\.json|inspect\.json|ran\.tar|image\.tar\.gz|files\.list|file\.[0-9]{1,3}|tree\.[0-9]{1,3}\.tar)$`)

// maxManifest bounds what is read: a thousand tables take 40 KiB.
const maxManifest = 16 << 20

// Load reads a backup's manifest. One that is not byte for byte what this
// program wrote is refused.
func Load(dir string) (*Manifest, error) {
	path := filepath.Join(dir, manifestFile)
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxManifest {
		return nil, fmt.Errorf("read the manifest of a backup: %d bytes are too many", info.Size())
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	m, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("read the manifest of a backup: %w", err)
	}
	return m, nil
}

func decode(data []byte) (*Manifest, error) {
	var m Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, err
	}
	switch m.Format {
	case formatVersion:
	case formatHostClock: // a clock that is not ours decides nothing
		m.HostClock = m.Taken
		if at := timeOfID(m.ID); !at.IsZero() {
			m.Taken = at
		}
	default:
		return nil, fmt.Errorf("format %d is not known here", m.Format)
	}
	again, err := m.encode()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(data, again) {
		return nil, errors.New("it is not as it was written: its sum does not fit")
	}
	for i, f := range m.Files {
		if !fileName.MatchString(f.Name) || f.Size < 0 || f.Sealed < 0 {
			return nil, fmt.Errorf("file %q is not one of a backup", f.Name)
		}
		if slices.ContainsFunc(m.Files[:i], func(e File) bool { return e.Name == f.Name }) {
			return nil, fmt.Errorf("file %q is listed twice", f.Name)
		}
	}
	return &m, nil
}

// isMissing reports a folder that is no backup, or none any more.
func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// encodeJSON and decodeJSON write and read the small files beside a manifest.
func encodeJSON(v any) ([]byte, error) {
	data, err := json.MarshalIndent(v, "", " ")
	return append(data, '\n'), err
}

func decodeJSON(file string, v any) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	return dec.Decode(v)
}
