package probe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"liftalot/plan"
	"liftalot/plan/compose"
)

// parse fills the facts from the parts. Parts are independent: one that cannot
// be read becomes a failure of its own name, and the others still count.
func parse(f *plan.Facts, parts []part) error {
	p := parser{facts: f, byName: map[string]part{}, from: map[string]noted{}}
	for _, x := range parts {
		p.byName[x.name] = x
	}
	if _, ok := p.byName["machine"]; !ok {
		return fmt.Errorf("look at the host: no part %q in the answer", "machine")
	}
	// What an answer cut off between two parts does not mention is not absent.
	if _, ok := p.byName["done"]; !ok {
		return fmt.Errorf("look at the host: the answer is cut off behind %q", parts[len(parts)-1].name)
	}
	for _, step := range []struct {
		name string
		read func([]byte) error
	}{
		{"machine", p.machine}, {"docker", p.docker}, {"info", p.info}, {"imagesroot", p.imagesRoot}, {"compose", p.compose},
		{"stacks", p.stacks}, {"everyone", p.everyContainer}, {"chosen", p.chooseProject},
		{"compose-engine", p.answered}, {"inside", p.insideContainers}, {"host-volumes", p.hostVolumes}, {"listening", p.listening},
		{"containers", p.containers}, {"networks", p.networks}, {"volumes", p.volumes}, {"images", p.images},
		{"model", p.model}, {"named", p.named}, {"hashes", p.hashes}, {"files", p.files}, {"folder", p.folder},
		{"secrets", p.secrets}, {"health", p.health}, {"web", p.web}, {"updates", p.updates},
		{"database", p.database}, {"dbfacts", p.dbfacts}, {"migrations", p.migrations}, {"disks", p.disks},
	} {
		part, ok := p.byName[step.name]
		if !ok {
			continue
		}
		if part.code != 0 {
			p.fail(part, part.stderr)
			continue
		}
		if err := step.read(part.out); err != nil {
			p.fail(part, err.Error())
		}
	}
	p.redact()
	return nil
}

type parser struct {
	facts  *plan.Facts
	byName map[string]part
	from   map[string]noted // by container: the image compose started it from
}

func (p *parser) fail(x part, detail string) {
	switch x.name {
	case "model", "named", "hashes":
		detail = compose.RedactMessage(detail)
	}
	p.facts.Failures = append(p.facts.Failures, plan.Failure{Part: x.name, Code: x.code, Detail: detail})
}

// redact hides in what went wrong the values of the client's files that may be
// secrets: failures are shown, and kept. Only then is it cut short: a value that is cut in
// two is not recognised.
func (p *parser) redact() {
	if len(p.facts.Failures) == 0 {
		return
	}
	secrets := p.facts.FileSecrets()
	for i := range p.facts.Failures {
		detail := compose.RedactValues(p.facts.Failures[i].Detail, secrets)
		p.facts.Failures[i].Detail = detail[:min(len(detail), 800)]
	}
}

// lines splits output into lines without the empty ones.
func lines(out []byte) []string {
	var all []string
	for l := range strings.SplitSeq(string(out), "\n") {
		if l = strings.TrimRight(l, "\r"); l != "" {
			all = append(all, l)
		}
	}
	return all
}

func (p *parser) docker(out []byte) error {
	var v struct {
		Version, ApiVersion, Arch string
	}
	if err := json.Unmarshal(out, &v); err != nil {
		return err
	}
	d := &p.facts.Docker
	d.Version, d.API, d.Arch = v.Version, v.ApiVersion, v.Arch
	// Podman answers "null" and is content (seen with 4.3.1); docker without an engine is not.
	d.Stranger = v.Version == ""
	return nil
}

func (p *parser) info(out []byte) error {
	var v struct {
		Root     string
		Security []string
	}
	if err := json.Unmarshal(out, &v); err != nil {
		return err
	}
	p.facts.Docker.Root, p.facts.Docker.Security = v.Root, v.Security
	return nil
}

// imagesRoot reads where images lie that are not in the engine's folder.
func (p *parser) imagesRoot(out []byte) error {
	p.facts.Docker.Images = strings.TrimSpace(string(out))
	return nil
}

func (p *parser) compose(out []byte) error {
	p.facts.Compose = strings.TrimPrefix(strings.TrimSpace(string(out)), "v")
	return nil
}

func (p *parser) model(out []byte) error {
	m, err := compose.ParseModel(out)
	if err != nil {
		return err
	}
	p.facts.Model = m
	return nil
}

func (p *parser) hashes(out []byte) error {
	p.facts.Hashes = map[string]string{}
	for _, l := range lines(out) {
		if service, hash, ok := strings.Cut(l, " "); ok {
			p.facts.Hashes[service] = hash
		}
	}
	return nil
}

// answered reads nothing: of such a part it counts that it did not fail.
func (p *parser) answered([]byte) error { return nil }

// stacks lists every project that has such a service; the one that was chosen
// is taken out again by chosen.
func (p *parser) stacks(out []byte) error {
	seen := map[string]bool{}
	for _, l := range lines(out) {
		pr, err := project(l)
		if err != nil {
			return err
		}
		if key := pr.Name + "\t" + pr.WorkingDir; !seen[key] {
			seen[key] = true
			p.facts.Others = append(p.facts.Others, pr)
		}
	}
	return nil
}

func (p *parser) chooseProject(out []byte) error {
	pr, err := project(string(out))
	if err != nil {
		return err
	}
	pr.Service = p.facts.Project.Service
	p.facts.Project = pr
	var others []plan.Project
	for _, o := range p.facts.Others {
		if o.Name != pr.Name || o.WorkingDir != pr.WorkingDir {
			others = append(others, o)
		}
	}
	p.facts.Others = others
	return nil
}

// project reads a line of the stacks part: container, project, folder, files,
// environment files, separated by tabs.
func project(line string) (plan.Project, error) {
	f := strings.Split(line, "\t")
	if len(f) != 5 || f[1] == "" || f[2] == "" {
		return plan.Project{}, fmt.Errorf("labels of a container: %d fields in %q", len(f), line)
	}
	return plan.Project{Name: f[1], WorkingDir: f[2], Files: splitCommas(f[3]), EnvFiles: splitCommas(f[4])}, nil
}

func splitCommas(s string) []string {
	if s == "" || s == "<no value>" {
		return nil
	}
	return strings.Split(s, ",")
}

func (p *parser) folder(out []byte) error {
	for _, l := range lines(out) {
		if l == "git=1" {
			p.facts.Project.Git = true
		}
		if to, ok := strings.CutPrefix(l, "secrets="); ok {
			p.noteLink(p.facts.Project.WorkingDir+"/secrets", to)
		}
		if name, ok := strings.CutPrefix(l, "loose="); ok {
			p.facts.Project.Loose = append(p.facts.Project.Loose, name)
		}
	}
	return nil
}

func (p *parser) volumes(out []byte) error {
	p.facts.Volumes = lines(out)
	return nil
}

// cutStatus separates a body from the status curl was told to write behind it.
func cutStatus(out []byte) (body []byte, code int, err error) {
	i := bytes.LastIndexByte(out, '\n')
	if i < 0 {
		return nil, 0, fmt.Errorf("no status line behind the body")
	}
	code, err = strconv.Atoi(strings.TrimSpace(string(out[i+1:])))
	if err != nil {
		return nil, 0, fmt.Errorf("status line: %w", err)
	}
	return out[:i], code, nil
}

func (p *parser) health(out []byte) error {
	body, code, err := cutStatus(out)
	if err != nil {
		return err
	}
	h := &p.facts.Health
	h.Asked, h.Code = true, code
	var v struct {
		Status    string
		Version   string
		DBHealthy bool `json:"db_healthy"`
	}
	if err := json.Unmarshal(body, &v); err != nil {
		return fmt.Errorf("not JSON: %w", err)
	}
	h.Status, h.Version, h.DBHealthy = v.Status, v.Version, v.DBHealthy
	return nil
}

func (p *parser) web(out []byte) error {
	body, code, err := cutStatus(out)
	if err != nil || code != 200 {
		return err
	}
	var v struct{ Version string }
	if json.Unmarshal(body, &v) == nil {
		p.facts.Health.WebVersion = v.Version
	}
	return nil
}

func (p *parser) updates(out []byte) error {
	body, code, err := cutStatus(out)
	if err != nil {
		return err
	}
	p.facts.Health.Updates = strconv.Itoa(code)
	if json.Valid(body) {
		p.facts.Health.Updates += " JSON"
	}
	return nil
}
