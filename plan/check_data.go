package plan

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"liftalot/units"
)

func (c *checker) database() {
	d := c.f.Database
	switch {
	case d.Host == "":
		c.add("database", Stop, "the server needs DATABASE_URL in its environment", "the server's DATABASE_URL is missing or unreadable")
	case d.Container == "":
		c.add("database", Stop, "a database outside the project cannot be backed up and proven by this tool: upgrade this host by hand",
			"database host %q is no container of project %q", d.Host, c.f.Project.Name)
	case !d.HasPassword:
		c.add("database", Stop, "the updater needs a password to reach the database", "the server's DATABASE_URL carries no password")
	case !d.PlainPassword && !d.FilePassword:
		c.add("database", Stop, "the vendor does not say how the updater escapes such a password in its URL; give the database role one of letters and digits first",
			"the database password holds characters that mean something in a URL")
	case d.Version == 0:
		fail, _ := c.failureOf("dbfacts")
		c.add("database", Stop, "", "database %s in %s did not answer: %s", d.Name, d.Container, fail.Detail)
	default:
		c.add("database", Pass, "", "%s in container %s, PostgreSQL %d, %s", d.Name, d.Container, d.Version/10000, units.Bytes(d.Bytes))
	}
	if d.LacksCreateDB {
		c.add("database login", Warn, d.unconfine(),
			"%s may not make a database and rename this one: no backup can be restored with it, and no upgrade rolled back that has migrated the database", d.User)
	}
}

// The runbook supports contiguous upgrades; below the schema of 0.19 its vendor
// wants a rehearsal first.
const contiguousMigration = 49

func (c *checker) migrations() {
	d := c.f.Database
	if d.Container == "" {
		return
	}
	if len(d.Migrated) == 0 {
		fail, _ := c.failureOf("migrations")
		c.add("migrations", Stop, "is this really a chatalot database?", "no migration is known: %s", fail.Detail)
		return
	}
	for _, m := range d.Migrated {
		if !m.Success {
			c.add("migrations", Stop, "no server starts on it; mend the database first", "migration %d is marked as failed", m.Version)
			return
		}
	}
	top := d.Latest()
	if top < contiguousMigration && !c.s.Allows(AllowOldMigrations) {
		c.add("migrations", Stop, fmt.Sprintf("rehearse on a copy, then accept it by name: allow: [%s]", AllowOldMigrations),
			"migration %d (%s) is older than what the runbook supports in one step (%d)", top, releasesOf(top), contiguousMigration)
		return
	}
	level := Pass
	if top < contiguousMigration {
		level = Warn
	}
	c.add("migrations", level, "", "at %d (%s)", top, releasesOf(top))
}

// generations maps the highest migration to the releases that end there; from
// the public history of the project.
var generations = []struct {
	top  int64
	name string
}{
	{18, "0.1.0"}, {23, "0.2 to 0.9"}, {24, "0.10"}, {34, "0.11 to 0.13.3"}, {35, "0.13.4"}, {36, "0.13.8"},
	{37, "0.14.1"}, {38, "0.15"}, {39, "0.16 to 0.18.35"}, {40, "0.18.36"}, {41, "0.18.42"}, {42, "0.18.44"},
	{46, "0.18.46"}, {47, "0.18.50"}, {48, "0.18.69"}, {49, "0.19.0 to 0.22.6"}, {51, "0.23.0"},
}

// releasesOf names the releases whose newest migration this is.
func releasesOf(top int64) string {
	for _, g := range generations {
		if top <= g.top {
			return g.name
		}
	}
	return "0.24 or later"
}

// RunningVersion is the best guess at the release that runs, and where it comes
// from. Health lies on most public builds (trap H1), so the database comes first
// wherever the vendor's own image does not say it.
func RunningVersion(f *Facts) (version, source string) {
	if top := f.Database.Latest(); top > 0 && f.Health.Version == "0.17.0" && top > 39 {
		if v := f.Health.WebVersion; v != "" {
			return v, "web build"
		}
		return releasesOf(top), "migrations"
	}
	if f.Health.Version != "" {
		return f.Health.Version, "health"
	}
	if f.Health.WebVersion != "" {
		return f.Health.WebVersion, "web build"
	}
	if top := f.Database.Latest(); top > 0 {
		return releasesOf(top), "migrations"
	}
	return "unknown", "nothing"
}

// The users inside the vendor's containers.
const (
	serverUID  = 999
	updaterUID = 1001
)

func (c *checker) secretFiles() {
	if key, ok := c.f.Secret("cosign_pub"); ok && !key.Blank && c.rel != nil && key.SHA256 != c.rel.KeySHA256 {
		c.add("cosign_pub", Stop, "never replace a key nobody announced: ask the vendor, and remove the file by hand if it is wrong",
			"secrets/cosign_pub holds another key (SHA-256 %s) than the pinned one (%s)", key.SHA256, c.rel.KeySHA256)
	}
	if tok, ok := c.f.Secret("updater_token"); ok && !tok.Blank && !tok.Hex64 {
		c.add("updater_token", Stop, "empty the file to have a new one made", "secrets/updater_token is not 64 hexadecimal digits")
	}
	if pw, ok := c.f.Secret("db_password"); ok && pw.Newline && !pw.Blank {
		c.add("db_password", Stop, "the updater puts it into a URL as it is: remove the line end", "secrets/db_password ends with a line end")
	}
	s, ok := c.f.Server()
	if !ok {
		return
	}
	if !slices.Contains(s.EnvKeys, "TOTP_ENCRYPTION_KEY_FILE") {
		if s.Env["TOTP_ENCRYPTION_KEY"] == "" {
			c.add("totp key", Stop, "set TOTP_ENCRYPTION_KEY (64 hexadecimal digits: openssl rand -hex 32) and restart; with two-factor logins in the database it must be the old key",
				"the server runs without a TOTP_ENCRYPTION_KEY; release 0.24 refuses to start so")
			return
		}
	}
	c.add("secrets", Pass, "", "%d files", len(c.f.Secrets))
}

// links looks for secrets behind links. What a link leads to may be another's: it is
// read and backed up, and a change that the upgrade needs there is for a person.
func (c *checker) links() {
	for _, s := range c.f.Secrets {
		switch {
		case s.Broken:
			c.add("linked secrets", Stop, "mend the link or remove it: whatever it stood for would be in no backup", "%s is a link that leads nowhere", s.Path)
		case s.Dir && s.Path != secretsDir(c.f) && !(hasSecretsDir(c.f) && isInside(s.Path, secretsDir(c.f))):
			c.add("linked secrets", Warn, "back it up yourself", "%s is a folder outside of %s: no backup takes it", s.Path, secretsDir(c.f))
		}
	}
	b := builder{in: BuildInput{Facts: c.f, Settings: c.s}}
	if c.rel != nil {
		b.in.Release = *c.rel
	}
	for _, step := range b.secretFiles() {
		place, what, do := step.Op.Describe().Path, "be filled", "fill it yourself"
		if op, ok := step.Op.(Mode); ok {
			what, do = fmt.Sprintf("be closed (%04o)", op.To), fmt.Sprintf("do it yourself: chmod %04o %s", op.To, op.Path)
		}
		if op, ok := step.Op.(WriteSecret); ok && op.Source == FromItself {
			what, do = fmt.Sprintf("be opened (%04o)", op.Mode), fmt.Sprintf("do it yourself: chmod %04o %s", op.Mode, op.Path)
		}
		if slices.ContainsFunc(c.f.Secrets, func(s Secret) bool { return s.Path == place && s.Link && !s.Broken }) {
			c.add("linked secrets", Stop, do+"; or put what it leads to in its place",
				"%s is a link, and what it leads to would have to %s: that may be another's, and is not changed", place, what)
		}
	}
}

// exposed looks for secrets that the upgrade would have to make readable for all and
// that lie where everybody on the host gets at them: only the project's own secrets
// folder is closed (trap S1). The vendor's public key may be read by anybody, and in what
// is empty nothing is read. Nor are folders made for them elsewhere.
func (c *checker) exposed() {
	b := builder{in: BuildInput{Facts: c.f, Settings: c.s}}
	if c.rel != nil {
		b.in.Release = *c.rel
	}
	for _, step := range b.secretFiles() {
		op, ok := step.Op.(WriteSecret)
		if !ok {
			continue
		}
		folder, name := path.Split(op.Path)
		if slices.Contains(c.f.Unplaced, op.Path) {
			c.add("secret folder", Stop, "make the folder first: mkdir -p -m 700 "+path.Clean(folder), "%s is to be written, and its folder is not there", op.Path)
			continue
		}
		empty := op.Source == FromNothing || op.Source == FromItself && slices.ContainsFunc(c.f.Secrets, func(s Secret) bool { return s.Path == op.Path && s.Blank })
		if empty || step.ID == "secret-cosign_pub" || !slices.Contains(c.f.Exposed, op.Path) {
			continue
		}
		c.add("open folder", Stop,
			fmt.Sprintf("move it into %s/ and write \"file: ./secrets/%s\" into the compose file; or close its folder, if nobody else needs it: chmod o-x %s", secretsDir(c.f), name, path.Clean(folder)),
			"%s has to be readable for two users inside the containers, and everybody on the host can enter its folder: they would read it too", op.Path)
	}
}

// isInside reports whether a path lies in a folder.
func isInside(file, folder string) bool { return strings.HasPrefix(file, folder+"/") }

// Room the images need, unpacked, beyond the database's own copy.
const imageRoom = 1 << 30

func (c *checker) space() {
	var bad, unknown []string
	need := func(path string, bytes int64, what string) {
		d, ok := c.f.DiskFor(path)
		if !ok {
			unknown = append(unknown, path)
			return
		}
		if d.Free < bytes {
			bad = append(bad, fmt.Sprintf("%s (%s) has %s free, %s need %s", path, d.Mount, units.Bytes(d.Free), what, units.Bytes(bytes)))
		}
		if d.Inodes >= 0 && d.Inodes < 1000 {
			bad = append(bad, fmt.Sprintf("%s (%s) has %d inodes free", path, d.Mount, d.Inodes))
		}
	}
	// A dump is smaller than the database; two of them are taken.
	need(BackupRoot, c.f.Database.Bytes*12/10+16<<20, "the backup and the final dump")
	need(cmp.Or(c.f.Docker.Images, c.f.Docker.Root), imageRoom, "the new images")
	need(c.f.Project.WorkingDir, 1<<20, "the edited files")
	if len(bad) > 0 {
		c.add("disk space", Stop, "make room first", "%s", strings.Join(bad, "; "))
		return
	}
	if len(unknown) > 0 {
		fail, _ := c.failureOf("disks")
		c.add("disk space", Warn, "look at it yourself: df -h", "not known for %s: %s", strings.Join(unknown, ", "), fail.Detail)
		return
	}
	c.add("disk space", Pass, "", "enough on every file system")
}

// pending looks for another name of the server's container that is in the files and was
// never carried out: the swap would, and then wait for a container that is gone (trap C5).
func (c *checker) pending() {
	s, ok := c.f.Server()
	if !ok || c.f.Model == nil {
		return
	}
	hint := fmt.Sprintf("take the change out of the files again, or carry it out first and look at the server: docker compose up -d %s", s.Service)
	if name, same := c.nameAfterUp(s, c.f.Model.Service(s.Service).ContainerName); !same {
		c.add("pending", Stop, hint, "the compose files call the server's container %s, and it runs as %s: the upgrade would recreate it under the other name", name, s.Name)
	}
}

// nameAfterUp is the name the server's container gets when compose makes it anew, and
// whether it has it. Compose 1 wrote "_" between the parts of a name that it made up;
// compose 2 does so only when it is told, and then its own hash is on the container.
func (c *checker) nameAfterUp(s Container, fixed string) (string, bool) {
	if fixed != "" {
		return fixed, s.Name == fixed
	}
	base := c.f.Project.Name + "-" + s.Service + "-"
	number, ok := strings.CutPrefix(s.Name, base)
	if !ok && c.f.Hashes[s.Service] == s.ConfigHash {
		number, ok = strings.CutPrefix(s.Name, c.f.Project.Name+"_"+s.Service+"_")
	}
	if _, err := strconv.Atoi(number); !ok || err != nil {
		return base + "1", false
	}
	return s.Name, true
}

func (c *checker) checkout() {
	if c.f.Project.Git {
		c.add("git checkout", Warn, "a deploy script with \"git reset --hard\" takes the upgrade away again: tell the client, or commit the change there",
			"%s is a git checkout", c.f.Project.WorkingDir)
	}
}

func (c *checker) release() {
	if c.rel == nil {
		return
	}
	now, from := RunningVersion(c.f)
	if cmp, ok := compareVersions(now, c.rel.Version); ok && cmp > 0 {
		c.add("release", Stop, "a running version is never lowered", "the server runs %s (%s), the release is %s", now, from, c.rel.Version)
		return
	}
	level := Pass
	if c.rel.Signature != verified {
		level = Warn
	}
	c.add("release", level, "", "%s to %s, %s", now, c.rel.Version, c.rel.DescribeVerification())
	for _, w := range c.rel.Warnings {
		c.add("release", Warn, "", "%s", w)
	}
}

// compareVersions compares dotted numbers; a range or a guess has no order.
func compareVersions(a, b string) (int, bool) {
	var x, y [3]int
	if n, _ := fmt.Sscanf(a, "%d.%d.%d", &x[0], &x[1], &x[2]); n != 3 || strings.ContainsAny(a, " ") {
		return 0, false
	}
	if n, _ := fmt.Sscanf(b, "%d.%d.%d", &y[0], &y[1], &y[2]); n != 3 {
		return 0, false
	}
	return slices.Compare(x[:], y[:]), true
}
