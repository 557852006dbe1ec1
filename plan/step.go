package plan

import (
	"io/fs"

	"liftalot/plan/compose"
)

// Step is one thing that is done to a host, with its reason and its way back.
type Step struct {
	ID     string `json:"id"` // stable inside a plan: journal and resume go by it
	Title  string `json:"title"`
	Reason string `json:"reason"`
	Op     Op     `json:"op"`

	// Undo is the inverse, fixed before the first change. A step that changes
	// something and has none says why in NoUndo, which is shown before anyone
	// agrees. A step with neither only looks.
	Undo   *Op    `json:"undo,omitempty"`
	NoUndo string `json:"no_undo,omitempty"`
}

// Op is one operation out of a closed set: exactly one field is set.
type Op struct {
	Backup   *Backup     `json:"backup,omitempty"`
	Record   *Record     `json:"record,omitempty"`
	Tag      *Tag        `json:"tag,omitempty"`
	Pull     *Pull       `json:"pull,omitempty"`
	Names    *Names      `json:"names,omitempty"`
	Mode     *Mode       `json:"mode,omitempty"`
	Secret   *MakeFile   `json:"secret,omitempty"`
	Unsecret *UnmakeFile `json:"unsecret,omitempty"`
	Login    *Login      `json:"login,omitempty"`
	Edit     *Edit       `json:"edit,omitempty"`
	Unedit   *Unedit     `json:"unedit,omitempty"`
	Up       *Up         `json:"up,omitempty"`
	Down     *Down       `json:"down,omitempty"`
	Gate     *Gate       `json:"gate,omitempty"`
	Swap     *Swap       `json:"swap,omitempty"`
	Restore  *Restore    `json:"restore,omitempty"`
	Send     *Send       `json:"send,omitempty"`
	Return   *Return     `json:"return,omitempty"`
	Start    *Start      `json:"start,omitempty"`
	Verify   *Verify     `json:"verify,omitempty"`
}

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

	Outside []Outside `json:"outside,omitempty"` // what the project names and no backup can have
	Limit   int       `json:"limit,omitempty"`   // seconds that it may take there
}

// Record writes down on the host what containers are made of, as the engine tells it,
// for them to be made once more. What is written holds their environment and with it
// secrets: it is for root only and never in a plan.
type Record struct {
	Folder     string           `json:"folder"` // on the host, 0700
	Containers []RecordedTarget `json:"containers"`
}

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

// Pull fetches images by digest, with a login that leaves no trace.
type Pull struct {
	Registry string   `json:"registry"`
	Refs     []string `json:"refs"`
	Login    bool     `json:"login"` // credentials come from the inventory
}

// Names gives images that were pulled by digest the tags that the compose files name them
// by, or gives the tags back to what had them.
type Names struct {
	Images []ImageName `json:"images"`
	Back   bool        `json:"back,omitempty"`
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

// MakeFile fills a secret file that is missing or blank, or opens its mode.
type MakeFile struct {
	Path   string      `json:"path"`
	Source Source      `json:"source"`
	Mode   fs.FileMode `json:"mode"`
	Server string      `json:"server,omitempty"` // container whose DATABASE_URL is read
	Body   []byte      `json:"body,omitempty"`   // FromKey only: public
	Was    Was         `json:"was"`
}

// Was is the state of a file before we touched it.
type Was struct {
	Missing bool        `json:"missing,omitempty"`
	Blank   bool        `json:"blank,omitempty"`
	Size    int64       `json:"size,omitempty"`
	Mode    fs.FileMode `json:"mode,omitempty"`
	UID     int         `json:"uid,omitempty"`
	GID     int         `json:"gid,omitempty"`
}

// UnmakeFile takes back what MakeFile did.
type UnmakeFile struct {
	Path   string `json:"path"`
	Copy   string `json:"copy,omitempty"` // of the former file, in the backup on the host
	Source Source `json:"source"`
	Was    Was    `json:"was"`
}

// Login proves the database password of a secret file by a login over TCP.
type Login struct {
	Container string `json:"container"`
	User      string `json:"user"`
	Database  string `json:"database"`
	File      string `json:"file,omitempty"`
}

// Edit changes one of the client's files by splices.
type Edit struct {
	Path    string           `json:"path"`
	Before  string           `json:"before"` // SHA-256
	After   string           `json:"after"`
	Splices []compose.Splice `json:"splices"`
	Project Project          `json:"project"`
}

// Unedit takes the splices of an Edit out again, three-way: what the client has
// changed since stays.
type Unedit Edit

// Up starts services and leaves what they depend on alone.
type Up struct {
	Project  Project  `json:"project"`
	Profile  string   `json:"profile"`
	Services []string `json:"services"`
	Settled  []string `json:"settled"` // services they depend on, which compose would not recreate
	NoDeps   bool     `json:"no_deps"` // it would: keep it from looking
}

// Down stops and removes containers of ours, and networks that only they used.
// Volumes stay. What ran before the upgrade comes back from the files as they
// were.
type Down struct {
	Project  Project  `json:"project"`
	Services []string `json:"services"`
	Networks []string `json:"networks,omitempty"`
	Back     []string `json:"back,omitempty"`
	Settled  []string `json:"settled"`
	NoDeps   bool     `json:"no_deps"`
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

// Swap replaces the server's container, as one detached job on the host that
// ends healthy or undoes itself.
type Swap struct {
	Project   Project `json:"project"`
	Container string  `json:"container"` // the server's name, before and after
	Port      int     `json:"port"`
	Version   string  `json:"version"`          // what health must say; "" accepts any
	ImageRef  string  `json:"image"`            // what must run afterwards, by digest; "" for a way back
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
	Limit           int         `json:"limit"`     // seconds the server may be away
	Soak            int         `json:"soak"`      // seconds it must stay healthy
	Back            bool        `json:"back"`      // this is a way back: nothing to undo to
	Settled         []string    `json:"settled"`
	NoDeps          bool        `json:"no_deps"`
}

// DumpTime is how many of the seconds that the server may be away the final dump
// may take, the server's stop included: the new one needs the others to start.
func DumpTime(limit int) int { return max(limit-30, (limit+1)/2) }

// StopTime is how many of these seconds the server's stop may take before the final
// dump: one that does not end by itself is ended then.
const StopTime = 10

// SwapFile is an edited file the swap puts back when it goes back by itself.
type SwapFile struct {
	Copy   string `json:"copy"` // as it was, in the backup on the host
	Path   string `json:"path"`
	Before string `json:"before"` // SHA-256 without and with our edit
	After  string `json:"after"`
}

// Restore puts the database back from a dump: into a fresh database, then a
// swap by rename. The database that was there is kept under another name.
type Restore struct {
	Dump      string `json:"dump"`     // on the host; "" or missing: Fallback
	Fallback  string `json:"fallback"` // the dump of the backup
	Container string `json:"container"`
	User      string `json:"user"`
	Database  string `json:"database"`
	Keep      string `json:"keep"` // name the present database gets
	Server    string `json:"server"`
	Final     string `json:"final,omitempty"` // dump of the present database, the server stopped; "" for none
}

// Send puts a backup's dump onto the host, decrypted on its way.
type Send struct {
	Backup string `json:"backup"` // its id
	Copy   string `json:"copy"`   // where the host may still have it
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Return takes a Restore back: the database that was kept gets its name again,
// and the restored one is kept aside. The server is started.
type Return struct {
	Container string `json:"container"`
	User      string `json:"user"`
	Database  string `json:"database"`
	Keep      string `json:"keep"`  // the name it has
	Aside     string `json:"aside"` // the name the restored one gets
	Server    string `json:"server"`
	Port      int    `json:"port"`
}

// Start starts the server's container, as it is, and waits until it is well.
type Start struct {
	Container string `json:"container"`
	Port      int    `json:"port"`
	Limit     int    `json:"limit"` // seconds
}

// Verify looks again at the finished host.
type Verify struct {
	Version string `json:"version"`
}

// Kind names the operation, for messages and for the engine's table.
func (o Op) Kind() string {
	switch {
	case o.Backup != nil:
		return "backup"
	case o.Record != nil:
		return "record"
	case o.Tag != nil:
		return "tag"
	case o.Pull != nil:
		return "pull"
	case o.Names != nil:
		return "names"
	case o.Mode != nil:
		return "mode"
	case o.Secret != nil:
		return "secret"
	case o.Unsecret != nil:
		return "unsecret"
	case o.Login != nil:
		return "login"
	case o.Edit != nil:
		return "edit"
	case o.Unedit != nil:
		return "unedit"
	case o.Up != nil:
		return "up"
	case o.Down != nil:
		return "down"
	case o.Gate != nil:
		return "gate"
	case o.Swap != nil:
		return "swap"
	case o.Restore != nil:
		return "restore"
	case o.Send != nil:
		return "send"
	case o.Return != nil:
		return "return"
	case o.Start != nil:
		return "start"
	case o.Verify != nil:
		return "verify"
	}
	return ""
}

// single reports whether exactly one operation is set.
func (o Op) single() bool {
	n := 0
	for _, set := range []bool{
		o.Backup != nil, o.Record != nil, o.Tag != nil, o.Pull != nil, o.Names != nil, o.Mode != nil, o.Secret != nil, o.Unsecret != nil, o.Login != nil, o.Edit != nil,
		o.Unedit != nil, o.Up != nil, o.Down != nil, o.Gate != nil, o.Swap != nil, o.Restore != nil, o.Verify != nil,
		o.Send != nil, o.Return != nil, o.Start != nil,
	} {
		if set {
			n++
		}
	}
	return n == 1
}
