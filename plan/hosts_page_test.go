package plan

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// docs/hosts.md says which servers are refused, in the words that are shown (the docker snap
// is Case 23).
func TestHostsPageTellsWhatIsRefused(t *testing.T) {
	const page, begin, end = "../docs/hosts.md", "| what | what is said |\n| --- | --- |\n", "\n"
	var want strings.Builder
	for _, tt := range []struct {
		what string
		is   func(*Facts)
	}{
		{"rootless Docker, or an engine with userns-remap", func(f *Facts) { f.Docker.Security = []string{"name=rootless"} }},
		{"podman's docker command", func(f *Facts) { f.Docker = Docker{Stranger: true} }},
		{"the docker snap", func(f *Facts) { f.Docker.Root = "/var/snap/docker/common/var-lib-docker" }},
		{"no Compose plugin, or `docker-compose` 1.x alone", func(f *Facts) {
			f.Compose, f.Failures = "", []Failure{{Part: "compose", Detail: "docker: 'compose' is not a docker command."}}
		}},
		{"a Compose plugin before 2.20", func(f *Facts) { f.Compose = "2.17.3" }},
		{"a Compose plugin and an engine that do not know each other's API", func(f *Facts) {
			f.Docker.Version, f.Docker.API, f.Compose = "29.1.2", "1.52", "2.20.0"
			f.Failures = []Failure{{Part: "compose-engine", Detail: "client version 1.43 is too old. Minimum supported API version is 1.44"}}
		}},
		{"an engine that does not answer", func(f *Facts) {
			f.Docker.Version, f.Failures = "", []Failure{{Part: "docker", Detail: "Cannot connect to the Docker daemon at unix:///var/run/docker.sock."}}
		}},
		{"a login that is not root, without `sudo:`", func(f *Facts) { f.Machine.UID = 1000 }},
		{"a system without the tools that scripts use", func(f *Facts) { delete(f.Machine.Tools, "sha256sum") }},
	} {
		f := recorded(t, "public")
		tt.is(f)
		said := ""
		for _, c := range Stopped(Checks(f, Settings{}, nil)) {
			if c.Name == "docker" || c.Name == "root" || c.Name == "tools" {
				said = c.Detail + "; " + c.Hint
			}
		}
		if said == "" {
			t.Errorf("%s is not refused", tt.what)
		}
		want.WriteString("| " + tt.what + " | " + said + " |\n")
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?s)` + regexp.QuoteMeta(begin) + `(\|.*?\|\n)*(` + end + `|$)`)
	if *update {
		text = rows.ReplaceAllLiteral(text, []byte(begin+want.String()))
		if err := os.WriteFile(page, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(string(text), begin+want.String()) {
		t.Errorf("%s has not these lines; -update writes them:\n%s", page, want.String())
	}
}
