package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// A container's log may repeat what stands in the client's files: from the first look of
// a run on it is hidden wherever something is shown or kept.
func TestARunHidesTheSecretsOfTheHostsFiles(t *testing.T) {
	f := newSimFleet(t, simHost{name: "web1"})
	var out, stderr bytes.Buffer
	a := newApp(Env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &stderr, Now: time.Now, Getenv: func(string) string { return "" }})
	a.flags.inventory = f.inventory()
	s, err := a.open(nil)
	must(t, err)
	host := s.target(s.hosts[0])
	defer host.close()
	facts, err := host.server(nil).Look(t.Context())
	must(t, err)
	secrets := facts.FileSecrets()
	if len(secrets) == 0 {
		t.Fatal("the files of the simulated server hold no secret")
	}
	_, err = host.server(nil).LookAndRedact(t.Context())
	must(t, err)
	names := "chatalot chatalot-server postgres " + facts.Project.WorkingDir + " " + facts.Database.Container
	a.term.out.Printf("%s\nlog: %s\n", names, strings.Join(secrets, " "))
	must(t, a.term.out.JSONLine(logLine{Host: "web1", Event: "output", Text: secrets[0]}))
	must(t, a.term.out.Close())
	for _, v := range secrets {
		if strings.Contains(out.String(), v) {
			t.Errorf("%q is shown:\n%s", v, out.String())
		}
	}
	if !strings.Contains(out.String(), names) {
		t.Errorf("ordinary words are hidden:\n%s", out.String())
	}
}
