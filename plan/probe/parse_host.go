package probe

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"crypto/sha256"
	"encoding/hex"

	"liftalot/plan"
)

func (p *parser) machine(out []byte) error {
	m := &p.facts.Machine
	m.Tools = map[string]string{}
	m.UID = -1
	for _, l := range lines(out) {
		k, v, _ := strings.Cut(l, "=")
		switch k {
		case "uid":
			uid, err := strconv.Atoi(v)
			if err != nil {
				return fmt.Errorf("user id: %w", err)
			}
			m.UID = uid
		case "kernel":
			m.Kernel = v
		case "arch":
			m.Arch = v
		case "hostname":
			m.Hostname = v
		case "boot":
			m.BootID = v
		case "os":
			m.OS = v
		case "clock":
			sec, err := strconv.ParseInt(v, 10, 64)
			if err != nil {
				return fmt.Errorf("clock: %w", err)
			}
			m.Clock = time.Unix(sec, 0).UTC()
		case "ipv6off":
			m.IPv6Off = true
		default:
			if t, ok := strings.CutPrefix(k, "tool."); ok {
				m.Tools[t] = v
			}
		}
	}
	return nil
}

// safeEnv are the variables of a container whose values are no secrets and are
// needed to decide.
var safeEnv = []string{
	"LISTEN_ADDR", "PUBLIC_URL", "FILE_STORAGE_PATH", "POSTGRES_USER", "POSTGRES_DB", "PGDATA",
	"UPDATER_API_URL", "UPDATER_API_TOKEN_FILE", "UPDATE_CHANNEL", "UPDATE_MANIFEST_HOST",
	"CHATALOT_UPDATER_SERVER_CONTAINER", "TOTP_ENCRYPTION_KEY_FILE",
}

// inspected is the part of `docker inspect` we read.
type inspected struct {
	ID           string `json:"Id"`
	Name, Image  string
	RestartCount int

	// The platform's own manifest, where the engine keeps images in containerd.
	ImageManifestDescriptor *struct{ Digest string }

	State struct {
		Status    string
		StartedAt string
		Health    *struct{ Status string }
	}
	Config struct {
		Image, User string
		Env         []string
		Labels      map[string]string
	}
	NetworkSettings struct {
		Networks map[string]json.RawMessage
		Ports    map[string][]struct{ HostIp, HostPort string }
	}
	Mounts []struct{ Type, Name string }
}

func (p *parser) containers(out []byte) error {
	var all []inspected
	if err := json.Unmarshal(out, &all); err != nil {
		return err
	}
	var raw []json.RawMessage
	if err := json.Unmarshal(out, &raw); err != nil {
		return err
	}
	for i, c := range all {
		// An image that compose has built carries the labels of its service, and so does
		// whatever somebody runs from it by hand: compose does not count that either.
		oneoff, made := c.Config.Labels["com.docker.compose.oneoff"], c.Config.Labels["com.docker.compose.config-hash"]
		if oneoff == "True" || oneoff == "" && made == "" {
			continue
		}
		k := p.container(c)
		k.Inspect = raw[i]
		p.facts.Services = append(p.facts.Services, k)
	}
	slices.SortFunc(p.facts.Services, func(a, b plan.Container) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

func (p *parser) container(c inspected) plan.Container {
	k := plan.Container{
		ID: c.ID, Name: strings.TrimPrefix(c.Name, "/"), Service: c.Config.Labels["com.docker.compose.service"],
		Image: c.Config.Image, ImageID: c.Image, State: c.State.Status, Restarts: c.RestartCount,
		Started: c.State.StartedAt, ConfigHash: c.Config.Labels["com.docker.compose.config-hash"],
		User: c.Config.User, Env: map[string]string{},
	}
	p.from[c.ID] = noted{label: c.Config.Labels["com.docker.compose.image"]}
	if d := c.ImageManifestDescriptor; d != nil {
		p.from[c.ID] = noted{p.from[c.ID].label, d.Digest}
	}
	if c.State.Health != nil {
		k.Health = c.State.Health.Status
	}
	for _, e := range c.Config.Env {
		name, value, _ := strings.Cut(e, "=")
		k.EnvKeys = append(k.EnvKeys, name)
		if slices.Contains(safeEnv, name) {
			k.Env[name] = value
		}
		if name == "DATABASE_URL" && k.Service == p.facts.Project.Service {
			p.databaseURL(value)
		}
		// Only whether it is set: the key itself must not be read further.
		if name == "TOTP_ENCRYPTION_KEY" && value != "" {
			k.Env["TOTP_ENCRYPTION_KEY"] = "(set)"
		}
	}
	for n := range c.NetworkSettings.Networks {
		k.Networks = append(k.Networks, n)
	}
	for _, m := range c.Mounts {
		if m.Type == "volume" {
			k.Volumes = append(k.Volumes, m.Name)
		}
	}
	for port, hosts := range c.NetworkSettings.Ports {
		for _, h := range hosts {
			k.Ports = append(k.Ports, h.HostIp+":"+h.HostPort+"->"+port)
		}
	}
	slices.Sort(k.EnvKeys)
	slices.Sort(k.Networks)
	slices.Sort(k.Volumes)
	slices.Sort(k.Ports)
	return k
}

// everyContainer reads what there is on the host beside the project: one JSON document a
// line, made by the script's own template.
func (p *parser) everyContainer(out []byte) error {
	for _, l := range lines(out) {
		var c plan.HostContainer
		if err := json.Unmarshal([]byte(l), &c); err != nil {
			return fmt.Errorf("a container of the host: %w", err)
		}
		c.Name = strings.TrimPrefix(c.Name, "/")
		p.facts.Everyone = append(p.facts.Everyone, c)
	}
	return nil
}

// plainPassword are the passwords that need no escaping inside a URL.
var plainPassword = regexp.MustCompile(`^[A-Za-z0-9_.~-]+$`)

// databaseURL keeps what may be known of the server's DATABASE_URL; the
// password is looked at and let go.
func (p *parser) databaseURL(s string) {
	d := &p.facts.Database
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		// The text is not shown: it holds the password.
		p.fail(part{name: "database-url", code: 1}, "the server's DATABASE_URL cannot be read as a URL")
		return
	}
	d.Host, d.Port = u.Hostname(), 5432
	if n, err := strconv.Atoi(u.Port()); err == nil {
		d.Port = n
	}
	d.User, d.Name, d.Query = u.User.Username(), strings.TrimPrefix(u.Path, "/"), u.RawQuery
	pw, ok := u.User.Password()
	d.HasPassword = ok && pw != ""
	d.FilePassword = pw == "__DB_PASSWORD__"
	d.PlainPassword = plainPassword.MatchString(pw)
}

func (p *parser) networks(out []byte) error {
	var all []struct {
		Name     string
		Internal bool
		Labels   map[string]string
	}
	if err := json.Unmarshal(out, &all); err != nil {
		return err
	}
	for _, n := range all {
		p.facts.Networks = append(p.facts.Networks, plan.Network{
			Name: n.Name, Internal: n.Internal,
			Project: n.Labels["com.docker.compose.project"], Key: n.Labels["com.docker.compose.network"],
		})
	}
	return nil
}

func (p *parser) images(out []byte) error {
	var all []struct {
		ID                    string `json:"Id"`
		RepoTags, RepoDigests []string
		Architecture          string
	}
	if err := json.Unmarshal(out, &all); err != nil {
		return err
	}
	var raw []json.RawMessage
	if err := json.Unmarshal(out, &raw); err != nil {
		return err
	}
	for n, i := range all {
		p.facts.Images = append(p.facts.Images, plan.Image{ID: i.ID, Tags: i.RepoTags, Digests: i.RepoDigests, Arch: i.Architecture, Inspect: raw[n]})
	}
	return nil
}

// A noted image is the one that compose says it made a container of: until 5.4 the image's
// ID, from 5.5 on the digest of the platform's own manifest where the engine (28 or later,
// with containerd's store) has one, whose ID is that of the index above it.
type noted struct{ label, manifest string }

// named compares the image that a service's reference names by now with the one compose
// noted when it made the container, as compose does before it leaves a container alone.
// A reference that was not asked about says nothing; one that names no image any more
// is another. One by digest cannot move: what does not fit there was only noted otherwise.
func (p *parser) named(out []byte) error {
	now := map[string]string{}
	for _, l := range lines(out) {
		ref, id, ok := strings.Cut(l, "\t")
		if !ok {
			return fmt.Errorf("image of a container: no ID in %q", l)
		}
		now[ref] = id
	}
	for i := range p.facts.Services {
		k := &p.facts.Services[i]
		ref := p.facts.ImageOf(k.Service)
		if id, asked := now[ref]; asked {
			k.Retagged, k.Unsure = p.isRetagged(*k, ref, id)
		}
	}
	return nil
}

// isRetagged tells whether a reference names another image than a container's, and where that
// is not so, whether compose may think it does.
func (p *parser) isRetagged(k plan.Container, ref, id string) (moved, unsure bool) {
	from := p.from[k.ID]
	byManifest := from.manifest != "" && from.manifest != id // the two kinds of notes differ
	switch {
	case id == from.label:
		return false, byManifest && plan.NotesManifests(p.facts.Compose)
	case id == k.ImageID && from.manifest != "" && from.label == from.manifest:
		return false, !plan.NotesManifests(p.facts.Compose)
	case id == k.ImageID && id != "", strings.Contains(ref, "@"):
		return false, true
	}
	return true, false
}

// files reads the places of the compose files and .env, and joins them with
// their contents, which came as parts of their own.
func (p *parser) files(out []byte) error {
	for i, l := range lines(out) {
		f := strings.Split(l, "\t")
		if len(f) != 3 {
			return fmt.Errorf("place of a file: %d fields", len(f))
		}
		file := plan.File{Path: f[0], Real: f[1], Missing: f[2] == "missing"}
		if !file.Missing {
			st, err := parseStat(f[2])
			if err != nil {
				return err
			}
			file.Size, file.Mode, file.UID, file.GID = st.size, st.mode.Perm(), st.uid, st.gid
			body, ok := p.byName["file."+strconv.Itoa(i)]
			if !ok || body.code != 0 {
				return fmt.Errorf("%s: larger than 1 MiB or unreadable", file.Path)
			}
			file.Data = body.out
			sum := sha256.Sum256(file.Data)
			file.SHA256 = hex.EncodeToString(sum[:])
		}
		p.facts.Files = append(p.facts.Files, file)
	}
	return nil
}

type stat struct {
	size     int64
	mode     fs.FileMode
	dir      bool
	uid, gid int
}

// parseStat reads "SIZE MODE-IN-HEX UID GID" as stat -c '%s %f %u %g' writes it.
func parseStat(s string) (stat, error) {
	var st stat
	var mode uint32
	if _, err := fmt.Sscanf(s, "%d %x %d %d", &st.size, &mode, &st.uid, &st.gid); err != nil {
		return st, fmt.Errorf("stat of a file: %w", err)
	}
	st.mode, st.dir = fs.FileMode(mode&0o7777), mode&0o170000 == 0o040000
	return st, nil
}

func (p *parser) secrets(out []byte) error {
	for _, l := range lines(out) {
		f := strings.Split(l, "\t")
		if len(f) == 2 {
			switch f[1] {
			case "open":
				p.facts.Exposed = append(p.facts.Exposed, f[0])
			case "missing":
				p.facts.Unplaced = append(p.facts.Unplaced, f[0])
			}
			continue
		}
		if len(f) != 4 {
			return fmt.Errorf("description of a secret: %d fields", len(f))
		}
		st, err := parseStat(f[1])
		if err != nil {
			return err
		}
		s := plan.Secret{
			Path: f[0], Name: f[0][strings.LastIndexByte(f[0], '/')+1:],
			Mode: st.mode.Perm(), UID: st.uid, GID: st.gid, Size: st.size, Dir: st.dir,
			Link: strings.Contains(f[2], "l"), Broken: strings.Contains(f[2], "x"),
			Blank: strings.Contains(f[2], "b"), Newline: strings.Contains(f[2], "n"), Hex64: strings.Contains(f[2], "h"),
		}
		if f[3] != "-" {
			s.SHA256 = f[3]
		}
		p.facts.Secrets = append(p.facts.Secrets, s)
	}
	return nil
}

func (p *parser) database(out []byte) error {
	id, service, ok := strings.Cut(string(out), "\t")
	if !ok {
		return fmt.Errorf("container of the database: no service")
	}
	p.facts.Database.Service = service
	for _, c := range p.facts.Services {
		if c.ID == id {
			p.facts.Database.Container = c.Name
		}
	}
	return nil
}

func (p *parser) dbfacts(out []byte) error {
	d := &p.facts.Database
	if _, err := fmt.Sscanf(string(out), "%d %d %d", &d.Version, &d.Bytes, &d.Tables); err != nil {
		return err
	}
	f := strings.Fields(string(out))
	d.LacksCreateDB = len(f) > 3 && f[3] == "f"
	return nil
}

func (p *parser) migrations(out []byte) error {
	for _, l := range lines(out) {
		var m plan.Migration
		var ok string
		if _, err := fmt.Sscanf(l, "%d %s %s", &m.Version, &ok, &m.Checksum); err != nil {
			return fmt.Errorf("a row of _sqlx_migrations: %w", err)
		}
		m.Success = ok == "t"
		p.facts.Database.Migrated = append(p.facts.Database.Migrated, m)
	}
	return nil
}

// disks reads df -P lines: device, blocks, used, free, percent, mount.
func (p *parser) disks(out []byte) error {
	for _, l := range lines(out) {
		f := strings.Split(l, "\t")
		if len(f) != 3 {
			return fmt.Errorf("free space: %d fields", len(f))
		}
		kb := strings.Fields(f[1])
		if len(kb) < 6 {
			return fmt.Errorf("free space of %s: df said %q", f[0], f[1])
		}
		free, err := strconv.ParseInt(kb[3], 10, 64)
		if err != nil {
			return fmt.Errorf("free space of %s: %w", f[0], err)
		}
		d := plan.Disk{Path: f[0], Mount: kb[5], Free: free << 10, Inodes: -1}
		// Some file systems have no inode table and say "-" or 0 of 0.
		if in := strings.Fields(f[2]); len(in) >= 6 && in[1] != "0" {
			if n, err := strconv.ParseInt(in[3], 10, 64); err == nil {
				d.Inodes = n
			}
		}
		p.facts.Disks = append(p.facts.Disks, d)
	}
	return nil
}
