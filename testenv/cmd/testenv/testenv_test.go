package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"

	"liftalot/inventory"
	"liftalot/testenv/vps"
)

const someKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF48lVRTCsZBch8iBMuegPf/Qzci89Yjdr/D7pzFewU/"

func someHosts() []*vps.Host {
	return []*vps.Host{
		{Name: "b", Addr: "10.214.0.11", Port: 22, User: vps.UserOps, HostKeys: []string{someKey}},
		{Name: "a", Addr: "10.214.0.10", Port: 22, User: vps.UserRoot, HostKeys: []string{someKey}},
		{Name: "c", Addr: "10.214.0.12", Port: 22, User: vps.UserDeploy, HostKeys: []string{someKey}},
	}
}

// What is written must be what liftalot reads.
func TestInventoryIsReadByLiftalot(t *testing.T) {
	folder := t.TempDir()
	key := filepath.Join(folder, "id")
	password := filepath.Join(folder, "password")
	for _, f := range []string{key, password} {
		if err := os.WriteFile(f, []byte("secret"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := inventoryText(someHosts(), password, defaults{
		Identity: key, CosignKeySHA256: strings.Repeat("0a", 32),
		Registry: &registry{Username: registryUser, Password: "file:" + password},
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(folder, "inventory.yml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	inv, err := inventory.Load(file)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	hosts, err := inv.Select()
	if err != nil {
		t.Fatal(err)
	}
	if login := hosts[0].Registry; login.Username != registryUser {
		t.Errorf("registry login is %+v", login)
	}
	got := map[string]string{}
	for _, h := range hosts {
		got[h.Name] = h.User + "@" + h.Address + " " + string(h.Sudo.Mode)
	}
	want := map[string]string{
		"a": "root@10.214.0.10 none",
		"b": "ops@10.214.0.11 password",
		"c": "deploy@10.214.0.12 nopasswd",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("hosts differ (-want +got):\n%s", diff)
	}
}

func TestKnownHostsIsReadByOpenSSH(t *testing.T) {
	rest := knownHosts(someHosts())
	for _, want := range []string{"10.214.0.10", "10.214.0.11", "10.214.0.12"} {
		var hosts []string
		var err error
		_, hosts, _, _, rest, err = ssh.ParseKnownHosts(rest)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{want}, hosts); diff != "" {
			t.Errorf("line differs (-want +got):\n%s", diff)
		}
	}
}

func TestWrongUseIsRefusedBeforeAnythingIsMade(t *testing.T) {
	for _, c := range []struct {
		args string
		want string
	}{
		{"up --scenario nothing", `no scenario "nothing"; there are public`},
		{"up --count 0", "--count: want at least 1"},
		{"up --sudo maybe", `--sudo "maybe": want root, nopasswd or password`},
		{"up --compose-file /does/not/exist", "--compose-file: open /does/not/exist"},
		{"fault a melt", `no fault "melt"; there are crash, cut`},
		{"fault a cut /srv", "fault cut takes no path"},
		{"release --version 0.24.7 --unsigned --tampered", "exclude each other"},
		{"release", `"version" not set`},
		{"down", "want either names, or --all"},
		{"down a --cache", "want either names, or --all"},
		{"down a --all", "want either names, or --all"},
		{"list --owner A", `owner "A"`},
	} {
		var out bytes.Buffer
		root := newRootCommand(strings.NewReader(""), &out, &out)
		root.SetArgs(strings.Fields(c.args))
		err := root.ExecuteContext(context.Background())
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("testenv %s: %v; want %q", c.args, err, c.want)
		}
	}
}

func TestScenariosAreListed(t *testing.T) {
	var out bytes.Buffer
	root := newRootCommand(strings.NewReader(""), &out, &out)
	root.SetArgs([]string{"scenarios"})
	if err := root.Execute(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"public ", "staged ", "traefik "} {
		if !strings.Contains(out.String(), name) {
			t.Errorf("%q is not listed in\n%s", name, out.String())
		}
	}
}
