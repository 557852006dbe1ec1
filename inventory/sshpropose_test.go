package inventory

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFromSSHConfig(t *testing.T) {
	const text = `Host acme web-1
  HostName %h.example.com
  User op
  IdentityFile ~/.ssh/acme
Host *.eu.example edge?
  User eu
Host Upper
  HostName 192.0.2.7
  ProxyJump acme
Host again
  HostName acme.example.com
  User somebody-else
Host inner
  HostName 192.0.2.7
Host plain.example.org
Host bad/name
Host broken
  HostName ssh://x
Host acme
  Port 2222
Host *
  Port 2200
`
	path := write(t, text)
	for _, c := range []struct {
		name           string
		patterns       []string
		hosts, leftOut []string
		err            string
	}{
		{
			name: "all",
			hosts: []string{
				"acme: op@acme.example.com:2222", "web-1: op@web-1.example.com:2200", "upper: USER@192.0.2.7:2200 through acme",
				"again: somebody-else@acme.example.com:2200", "inner: USER@192.0.2.7:2200", "plain.example.org: USER@plain.example.org:2200",
			},
			leftOut: []string{"Host *.eu.example: stands for", "Host edge?: stands for", `Host "bad/name": cannot be a name`, "Host broken: its HostName is no"},
		},
		{name: "some", patterns: []string{"web-*", "[Uq]*"}, hosts: []string{"web-1: op@", "upper: USER@"}, leftOut: []string{"Host *.eu", "Host edge?"}},
		{name: "none", patterns: []string{"acmee"}, err: `pattern "acmee": names no host of ssh_config (did you mean "acme"?)`},
		{name: "one of two", patterns: []string{"acme", "zeta*"}, err: `pattern "zeta*": names no host`},
		{name: "malformed", patterns: []string{"[a"}, err: "is no valid pattern"},
		{name: "nothing left", patterns: []string{"broken"}, err: `pattern "broken": leaves no host of ssh_config`},
	} {
		t.Run(c.name, func(t *testing.T) {
			options := []Option{WithSSHConfig(path), WithHome("/home/me"), WithLocalUser("USER")}
			hosts, leftOut, err := FromSSHConfig(c.patterns, options...)
			if c.err != "" {
				var pattern *PatternError
				if !errors.As(err, &pattern) || !strings.Contains(err.Error(), c.err) {
					t.Errorf("got %v, want %s", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, h := range hosts {
				got = append(got, h.Name+": "+h.Notes[0])
			}
			wantEach(t, got, c.hosts)
			wantEach(t, leftOut, c.leftOut)
			inv, err := Parse("i.yml", Template(hosts, leftOut...), options...)
			if err != nil || len(inv.Hosts()) != len(hosts) {
				t.Errorf("the template does not load: %v", err)
			}
		})
	}
}

// wantEach holds texts against what each must begin with.
func wantEach(t *testing.T, got, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d:\n%s\nwant %d:\n%s", len(got), strings.Join(got, "\n"), len(want), strings.Join(want, "\n"))
	}
	for i, w := range want {
		if !strings.HasPrefix(got[i], w) {
			t.Errorf("got  %s\nwant %s…", got[i], w)
		}
	}
}

// What the ssh_config says stays there, so that it is said once.
func TestAProposalIsShort(t *testing.T) {
	path := write(t, "Host acme\n HostName 192.0.2.7\n User op\n Port 2222\n IdentityFile ~/k\n ProxyJump b\n")
	hosts, _, err := FromSSHConfig(nil, WithSSHConfig(path), WithHome("/home/me"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Proposal{{Host{Name: "acme"}, hosts[0].Notes}}, hosts); diff != "" {
		t.Error(diff)
	}
	if text := string(Template(hosts)); !strings.Contains(text, "\n  acme: {}\n") {
		t.Error(text)
	}
}

// Two names of one place are one server.
func TestASecondNameIsLeftOut(t *testing.T) {
	path := write(t, "Host a b\n HostName 192.0.2.7\nHost c\n HostName 192.0.2.7\n ProxyJump x\n")
	hosts, leftOut, err := FromSSHConfig(nil, WithSSHConfig(path), WithHome("/home/me"))
	if err != nil {
		t.Fatal(err)
	}
	if len(hosts) != 2 || hosts[0].Name != "a" || hosts[1].Name != "c" {
		t.Errorf("proposed %+v", hosts)
	}
	wantEach(t, leftOut, []string{"Host b: leads to the same place as a"})
}
