package plan

import (
	"io/fs"

	"liftalot/plan/compose"
)

// Backup takes the runbook's backup on the host, pulls it off and proves it.
type Backup struct {
	ID        string   `json:"id"`
	Dir       string   `json:"dir"` // on the host, 0700
	Container string   `json:"container"`
	User      string   `json:"user"`
	Database  string   `json:"database"`
	Tables    int      `json:"tables"`              // what the archive must hold
	Migration int64    `json:"migration"`           // and the migration inside it
	Files     []string `json:"files"`               // compose files and .env, then secrets outside the folder
	EnvFiles  []string `json:"env_files,omitempty"` // all others that the project names, copied where they are there
	Secrets   string   `json:"secrets"`             // the folder, "" when there is none
	Project   Project  `json:"project"`
	ImageID   string   `json:"image_id"` // of the running server

	Outside    []Outside `json:"outside,omitempty"` // what the project names and no backup can have
	MaxSeconds int       `json:"limit,omitempty"`   // seconds that it may take there
}

func (o Backup) Describe() Description {
	return Description{Kind: "backup", ReadOnly: true, Backup: o.ID}
}

// Record writes down on the host what containers are made of, as the engine tells it,
// for them to be made once more. What is written holds their environment and with it
// secrets: it is for root only and never in a plan.
type Record struct {
	Folder     string           `json:"folder"` // on the host, 0700
	Containers []RecordedTarget `json:"containers"`
}

func (Record) Describe() Description { return Description{Kind: "record"} }

// RecordedTarget is a container to be recorded.
type RecordedTarget struct {
	Name   string `json:"name"`
	ID     string `json:"id"`               // the one the plan was made for
	Parent string `json:"parent,omitempty"` // ID of the container whose namespace it shares
}

// Tag gives the running image a name of ours, so that a prune of images without a name
// leaves it. One of images without a container does not.
type Tag struct {
	ImageID string `json:"image_id"`
	Name    string `json:"name"`
}

func (Tag) Describe() Description { return Description{Kind: "tag"} }

// Pull fetches images by digest, with a login that leaves no trace.
type Pull struct {
	Registry string   `json:"registry"`
	Refs     []string `json:"refs"`
	Login    bool     `json:"login"` // credentials come from the inventory
}

func (Pull) Describe() Description { return Description{Kind: "pull"} }

// Names gives images that were pulled by digest the tags that the compose files name them
// by, or gives the tags back to what had them.
type Names struct {
	Images     []ImageName `json:"images"`
	IsRollback bool        `json:"back,omitempty"`
}

func (Names) Describe() Description {
	return Description{Kind: "names", UndoFirst: true, AsUndo: "the tags go back to the images that had them; one that nothing had stays"}
}

// ImageName is one of them.
type ImageName struct {
	Ref  string `json:"ref"`  // by digest
	Name string `json:"name"` // the tag
	Keep string `json:"keep"` // a name of ours for another image that has the tag
}

// Mode sets the mode of a folder.
type Mode struct {
	Path string      `json:"path"`
	From fs.FileMode `json:"from"`
	To   fs.FileMode `json:"to"`
}

func (o Mode) Describe() Description {
	return Description{Kind: "mode", Part: PartSecrets, Path: o.Path, AsUndo: "the folder's mode as it was"}
}

// Source says where the content of a secret file comes from; the content itself
// is never in a plan.
type Source string

// The places a secret comes from.
const (
	FromRandom      Source = "random"       // 32 bytes in hexadecimal, made on the host
	FromKey         Source = "key"          // the vendor's public key, verified here
	FromCredentials Source = "credentials"  // the registry login of the inventory
	FromNothing     Source = "nothing"      // an empty file: anonymous pulls
	FromDatabaseURL Source = "database-url" // the password the running server uses
	FromItself      Source = "itself"       // the content stays, the mode is opened
)

// WriteSecret fills a secret file that is missing or blank, or opens its mode.
type WriteSecret struct {
	Path   string      `json:"path"`
	Source Source      `json:"source"`
	Mode   fs.FileMode `json:"mode"`
	Server string      `json:"server,omitempty"` // container whose DATABASE_URL is read
	Body   []byte      `json:"body,omitempty"`   // FromKey only: public
	Prior  PriorState  `json:"was"`
}

func (o WriteSecret) Describe() Description {
	return Description{Kind: "secret", Part: PartSecrets, Path: o.Path}
}

// PriorState is the state of a file before we touched it.
type PriorState struct {
	Missing bool        `json:"missing,omitempty"`
	Blank   bool        `json:"blank,omitempty"`
	Size    int64       `json:"size,omitempty"`
	Mode    fs.FileMode `json:"mode,omitempty"`
	UID     int         `json:"uid,omitempty"`
	GID     int         `json:"gid,omitempty"`
}

// RemoveSecret reverts WriteSecret.
type RemoveSecret struct {
	Path   string     `json:"path"`
	Copy   string     `json:"copy,omitempty"` // of the former file, in the backup on the host
	Source Source     `json:"source"`
	Prior  PriorState `json:"was"`
}

func (o RemoveSecret) Describe() Description {
	d := Description{Kind: "unsecret", Part: PartSecrets, Path: o.Path, AsUndo: "the file as it was"}
	if o.Prior.Missing {
		d.AsUndo = "remove the file"
	}
	return d
}

// Login proves the database password of a secret file by a login over TCP.
type Login struct {
	Container string `json:"container"`
	User      string `json:"user"`
	Database  string `json:"database"`
	File      string `json:"file,omitempty"`
}

func (Login) Describe() Description { return Description{Kind: "login", ReadOnly: true} }

// Edit changes one of the client's files by splices.
type Edit struct {
	Path    string           `json:"path"`
	Before  string           `json:"before"` // SHA-256
	After   string           `json:"after"`
	Splices []compose.Splice `json:"splices"`
	Project Project          `json:"project"`
}

func (o Edit) Describe() Description {
	return Description{Kind: "edit", Part: PartFiles, Path: o.Path, UndoFirst: true}
}

// RevertEdit takes the splices of an Edit out again, three-way: what the client has
// changed since stays.
type RevertEdit Edit

func (o RevertEdit) Describe() Description {
	return Description{Kind: "unedit", Part: PartFiles, Path: o.Path,
		AsUndo: "take exactly these lines out again; what the client changes meanwhile stays"}
}

// Up starts services and leaves what they depend on alone.
type Up struct {
	Project      Project  `json:"project"`
	Profile      string   `json:"profile"`
	Services     []string `json:"services"`
	Dependencies []string `json:"settled"` // services they depend on, which compose would not recreate
	NoDeps       bool     `json:"no_deps"` // it would: keep it from looking
}

func (Up) Describe() Description { return Description{Kind: "up", Part: PartSidecar, Volatile: true} }

// Down stops and removes containers of ours, and networks that only they used.
// Volumes stay. What ran before the upgrade comes back from the files as they
// were.
type Down struct {
	Project      Project  `json:"project"`
	Services     []string `json:"services"`
	Networks     []string `json:"networks,omitempty"`
	Former       []string `json:"back,omitempty"`
	Dependencies []string `json:"settled"`
	NoDeps       bool     `json:"no_deps"`
}

func (o Down) Describe() Description {
	d := Description{Kind: "down", Part: PartSidecar, AsUndo: "stop and remove the two containers; volumes stay"}
	if len(o.Former) > 0 {
		d.AsUndo = "the sidecar as it was: what ran before runs again, the rest is removed; volumes stay"
	}
	return d
}

// Gate holds the sidecar against everything that can be known of it while the
// old server still runs.
type Gate struct {
	Project Project           `json:"project"`
	Updater string            `json:"updater"` // services
	Proxy   string            `json:"proxy"`
	Server  string            `json:"server"`  // the container the updater must aim at
	Secrets []string          `json:"secrets"` // names under /run/secrets the updater must read
	Images  map[string]string `json:"images"`  // service to wanted digest reference
}

func (Gate) Describe() Description { return Description{Kind: "gate", ReadOnly: true, Volatile: true} }

// Swap replaces the server's container, as one detached job on the host that
// ends healthy or undoes itself.
type Swap struct {
	Project   Project `json:"project"`
	Container string  `json:"container"` // the server's name, before and after
	Port      int     `json:"port"`
	Version   string  `json:"version"`          // what health must say; "" accepts any
	ImageRef  string  `json:"image"`            // what must run afterwards, by digest; "" for a rollback
	OldImage  string  `json:"old_image"`        // image id to go back to
	OldRef    string  `json:"old_ref"`          // the name under which compose looks for it, with the files as they were
	OldID     string  `json:"old_id,omitempty"` // of the container that runs it

	// Record is the folder on the host with the record of the old container: going back
	// makes that one again. A plan of an earlier version has none, and goes back by the
	// files as they were. Dependents are made anew with the server, from DependentRecord.
	Record          string      `json:"record,omitempty"`
	Dependents      []Dependent `json:"dependents,omitempty"`
	DependentRecord string      `json:"dependent_record,omitempty"`
	Files           []SwapFile  `json:"files,omitempty"`
	Dump            string      `json:"dump"` // final dump with the server stopped, "" for none
	Database        Login       `json:"database"`
	Migration       int64       `json:"migration"` // the newest one the old server knows; 0 is not known
	Prober          string      `json:"prober"`    // container that watches the server from inside
	MaxDowntime     int         `json:"limit"`     // seconds the server may be away
	Soak            int         `json:"soak"`      // seconds it must stay healthy
	IsRollback      bool        `json:"back"`      // this is a rollback: nothing to undo to
	Dependencies    []string    `json:"settled"`
	NoDeps          bool        `json:"no_deps"`

	// A rollback that takes the database along has Fresh, which was filled for it, in the
	// place of the present one, which is called Keep from then on.
	Keep  string `json:"keep,omitempty"`
	Fresh string `json:"fresh,omitempty"`
}

func (Swap) Describe() Description {
	return Description{Kind: "swap", Part: PartServer, AsUndo: "the old container's image again, by its id, without a build"}
}

// DumpTime is how many of the seconds that the server may be away the final dump
// may take, the server's stop included: the new one needs the others to start.
func DumpTime(limit int) int { return max(limit-30, (limit+1)/2) }

// StopTime is how many of these seconds the server's stop may take before the final
// dump: one that does not end by itself is ended then.
const StopTime = 10

// SwapFile is an edited file the swap puts back when it rolls back by itself.
type SwapFile struct {
	Copy   string `json:"copy"` // as it was, in the backup on the host
	Path   string `json:"path"`
	Before string `json:"before"` // SHA-256 without and with our edit
	After  string `json:"after"`
}

// Fill fills a fresh database from a dump, beside the present one and made like it, while
// the server goes on.
type Fill struct {
	Dump      string `json:"dump"`     // on the host; "" or missing: Fallback
	Fallback  string `json:"fallback"` // the dump of the backup
	Container string `json:"container"`
	User      string `json:"user"`
	Database  string `json:"database"`
	Fresh     string `json:"fresh"`
}

func (Fill) Describe() Description { return Description{Kind: "fill"} }

// Restore puts a database that Fill has filled in the place of the present one, by their
// names, with the server stopped, and starts the server again. The database that was there
// is kept under another name.
type Restore struct {
	Container string        `json:"container"`
	User      string        `json:"user"`
	Database  string        `json:"database"`
	Keep      string        `json:"keep"`  // name the present database gets
	Fresh     string        `json:"fresh"` // the one that takes its place
	Final     string        `json:"final"` // dump of the present database, the server stopped
	Server    WatchedServer `json:"server"`
}

// WatchedServer is a server that a step stops and starts again, with all that a watchdog
// needs to start it where the step's job is killed.
type WatchedServer struct {
	Container  string      `json:"container"`
	Image      string      `json:"image"` // the id of what it runs
	Project    string      `json:"project"`
	Service    string      `json:"service"`
	Record     string      `json:"record"` // folder on the host with what it and its dependents are made of
	Dependents []Dependent `json:"dependents,omitempty"`
}

func (Restore) Describe() Description { return Description{Kind: "restore", Part: PartServer} }

// Send puts a backup's dump onto the host, decrypted on its way.
type Send struct {
	Backup string `json:"backup"` // its id
	Copy   string `json:"copy"`   // where the host may still have it
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

func (o Send) Describe() Description { return Description{Kind: "send", Backup: o.Backup} }

// UndoRestore reverts a Restore: the database that was kept gets its name again,
// and the restored one is kept aside. The server is started.
type UndoRestore struct {
	Container string        `json:"container"`
	User      string        `json:"user"`
	Database  string        `json:"database"`
	Keep      string        `json:"keep"`  // the name it has
	Aside     string        `json:"aside"` // the name the restored one gets
	Fresh     string        `json:"fresh"` // the name of one that was filled only: it is dropped
	Server    WatchedServer `json:"server"`
	Port      int           `json:"port"`
}

func (UndoRestore) Describe() Description {
	return Description{Kind: "return",
		AsUndo: "the former database gets its name back, the restored one is kept aside, and the server starts"}
}

// Start starts the server's container, as it is, and waits until it is well.
type Start struct {
	Container  string `json:"container"`
	Port       int    `json:"port"`
	MaxSeconds int    `json:"limit"` // seconds
}

func (Start) Describe() Description { return Description{Kind: "start"} }

// Verify looks again at the finished host.
type Verify struct {
	Version string `json:"version"`
}

func (Verify) Describe() Description {
	return Description{Kind: "verify", ReadOnly: true, Volatile: true}
}
