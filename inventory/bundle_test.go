package inventory

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	bundleSecret = "t0ken-of-acme"
	bundleText   = `{"instance_id": "Acme-EU", "update": {"channel": "beta", "none": null},
"registry": {"user": "acme", "token": "` + bundleSecret + `"}, "domain": "https://chat.acme.example", "hosts": [{"ip": "192.0.2.9", "port": 2222}],
"evil": "a\nhosts: {}", "shown": "x t0ken-of-acme x", "real": 1.5, "flag": true}`
)

func bundleFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "bundle.json")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func fields(t *testing.T, pairs ...string) BundleFields {
	t.Helper()
	f, err := ParseBundleFields(pairs)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFromBundles(t *testing.T) {
	all := fields(t, "address=.hosts.0.ip", "port=.hosts.0.port", "channel=.update.channel", "public_url=.domain",
		"registry_username=.registry.user", "registry_token=.registry.token", "client=.instance_id")
	got, err := FromBundles([]string{bundleFile(t, bundleText)}, all, WithSSHConfig())
	if err != nil {
		t.Fatal(err)
	}
	want := []Proposal{{
		Host: Host{
			Name: "acme-eu", Address: "192.0.2.9", Port: 2222, Channel: "beta", PublicURL: "https://chat.acme.example",
			Registry: Registry{Username: "acme", Password: SecretRef{Scheme: SchemeEnv, Rest: "ACME_EU_REGISTRY_TOKEN"}},
			Labels:   map[string]string{"client": "Acme-EU"},
		},
		Notes: []string{"The registry token stays in the bundle: set ACME_EU_REGISTRY_TOKEN to it, or name another place."},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	text := string(Template(got))
	if strings.Contains(text, bundleSecret) {
		t.Error("the token stands in the inventory")
	}
	mustParse(t, text, "")
}

// Nothing but the name is known of a bundle, and the rest is looked up or asked for.
func TestABundleIsNotGuessedAt(t *testing.T) {
	files := []string{bundleFile(t, `{"instance_id": "known"}`), bundleFile(t, `{"instance_id": "a.b", "t": "x"}`), bundleFile(t, `{"instance_id": "a-b", "t": "y"}`)}
	ssh := write(t, "Host known\n HostName 192.0.2.1\n")
	got, err := FromBundles(files[:1], fields(t), WithSSHConfig(ssh))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Proposal{{Host: Host{Name: "known"}}}, got); diff != "" {
		t.Error(diff)
	}
	if _, err := Parse("i.yml", Template(got), WithSSHConfig(ssh), WithHome("/h")); err != nil {
		t.Error(err)
	}

	got, err = FromBundles(files[1:], fields(t, "registry_token=.t"), WithSSHConfig(ssh))
	if err != nil {
		t.Fatal(err)
	}
	if got[0].Address != nowhere || got[1].Address != nowhere {
		t.Errorf("addresses %q and %q", got[0].Address, got[1].Address)
	}
	// One variable for two clients would send a token to the wrong one.
	if one, other := got[0].Registry.Password.Rest, got[1].Registry.Password.Rest; one != "A_B_REGISTRY_TOKEN" || other != "A_B_REGISTRY_TOKEN_2" {
		t.Errorf("variables %s and %s", one, other)
	}
	mustParse(t, string(Template(got)), "")
}

func TestWrongBundles(t *testing.T) {
	for _, c := range []struct {
		name, text string
		fields     []string
		want       string
	}{
		{"not there", bundleText, []string{"channel=.update.chanel"}, ".update.chanel: is not there (there are channel, none)"},
		{"null", bundleText, []string{"channel=.update.none"}, ".update.none: is not there"},
		{"an object", bundleText, []string{"channel=.update"}, ".update: is no text and no number (it holds channel, none)"},
		{"a list", bundleText, []string{"address=.hosts"}, ".hosts: is no text and no number"},
		{"beyond a list", bundleText, []string{"address=.hosts.1.ip"}, ".hosts.1.ip: is not there (there is a list of 1)"},
		{"through a text", bundleText, []string{"channel=.domain.x"}, ".domain.x: is not there"},
		{"a boolean", bundleText, []string{"channel=.flag"}, ".flag: is no text"},
		{"a channel", bundleText, []string{"channel=.domain"}, ".domain: as channel it must be one of"},
		{"a port", bundleText, []string{"port=.real"}, ".real: as port it must be a number"},
		{"two lines", bundleText, []string{"client=.evil"}, ".evil: as client it must be one line of printable text"},
		{"the token as a name", bundleText, []string{"registry_token=.registry.token", "name=.registry.token"}, ".registry.token: holds the registry token"},
		{"the token in another", bundleText, []string{"registry_token=.registry.token", "client=.shown"}, ".shown: holds the registry token"},
		{"a hostile name", `{"instance_id": "../../etc\u001b[31m"}`, nil, ".instance_id: as name it is no name"},
		{"no name", `{"id": "x"}`, nil, ".instance_id: is not there (there are id)"},
		{"twice", `{"instance_id": "a", "instance_id": "b"}`, nil, `the key "instance_id" is there twice`},
		{"twice below", `{"instance_id": "a", "x": [{"k": 1, "k": 2}]}`, nil, `the key "k" is there twice`},
		{"cut", `{"instance_id": "a"`, nil, "it ends in the middle"},
		{"malformed", `{"instance_id": t0ken}`, nil, "it is wrong at byte"},
		{"two documents", `{"instance_id": "a"} {}`, nil, "is not one JSON object"},
		{"a list at the top", `["a"]`, nil, "is not one JSON object"},
		{"empty", ``, nil, "it ends in the middle"},
		{"deep", strings.Repeat(`{"a":`, 100), nil, "nests more than 64"},
		{"latin1", "{\"instance_id\": \"\xe9\"}", nil, "is not UTF-8"},
		{"large", `{"a": "` + strings.Repeat("x", maxBundle) + `"}`, nil, "is larger than 1024 KiB"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := FromBundles([]string{bundleFile(t, c.text)}, fields(t, c.fields...), WithSSHConfig())
			var all Errors
			if !errors.As(err, &all) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %s", err, c.want)
			}
			if strings.Contains(err.Error(), "t0ken") || strings.ContainsAny(err.Error(), "\x1b\n") {
				t.Errorf("the error shows what it must not: %q", err)
			}
		})
	}
}

func TestBundlesThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	one, other := bundleFile(t, `{"instance_id": "a"}`), bundleFile(t, `{"instance_id": "A"}`)
	_, err := FromBundles([]string{filepath.Join(dir, "none.json"), dir, one, other}, fields(t), WithSSHConfig())
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"none.json: no such file", "is not a regular file", other + ": .instance_id: names the instance of " + one + " again"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in\n%v", want, err)
		}
	}
}

func TestWrongBundleFields(t *testing.T) {
	for pair, want := range map[string]string{
		"channel": "is written KEY=.PATH", "channel=update": "is written KEY=.PATH", "channel=": "is written KEY=.PATH", "channel=.a..b": "is written KEY=.PATH",
		"sudo=.x": `"sudo" cannot be taken from a bundle: known are address, channel, client`, "=.x": `"" cannot be taken`,
	} {
		if _, err := ParseBundleFields([]string{pair}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", pair, err, want)
		}
	}
	if _, err := ParseBundleFields([]string{"port=.a", "port=.b"}); err == nil || !strings.Contains(err.Error(), "two paths") {
		t.Errorf("got %v", err)
	}
}

// Whatever a bundle holds, it becomes an inventory that loads, without the token.
func FuzzBundle(f *testing.F) {
	f.Add([]byte(bundleText))
	f.Add([]byte(`{"instance_id": "a: {b", "registry": {"token": "a"}}`))
	f.Add([]byte(`{"instance_id": "0-", "update": {"channel": "beta"}, "registry": {"token": ""}, "domain": 0}`))
	f.Add([]byte(`[[[]]]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		root, err := decodeObject(data)
		if err != nil {
			return
		}
		b := &bundle{"b.json", root}
		f := BundleFields{"name": ".instance_id", "client": ".domain", "channel": ".update.channel", bundleToken: ".registry.token"}
		p, errs := b.propose(newSurroundings(".", []Option{WithSSHConfig()}), f)
		if len(errs) > 0 {
			return
		}
		p.settle(new(sshConfig), true, map[string]bool{})
		inv, err := Parse("i.yml", Template([]Proposal{p}), WithSSHConfig(), WithHome("/h"), WithLocalUser("u"))
		if err != nil || len(inv.Hosts()) != 1 {
			t.Fatalf("does not load: %v", err)
		}
		if h := inv.Hosts()[0]; h.Labels["client"] != p.Labels["client"] || h.Name != p.Name {
			t.Fatalf("was changed on the way: %+v", h)
		}
	})
}
