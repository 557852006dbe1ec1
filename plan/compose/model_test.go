package compose

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const modelBefore = `{
  "name": "chat",
  "networks": {"inner": {"name": "chat_inner", "ipam": {}, "internal": true}, "default": {"name": "chat_default", "ipam": {}}},
  "secrets": {"key": {"name": "chat_key", "file": "/srv/chat/secrets/key"}},
  "services": {
    "chat": {
      "build": {"context": "/srv/chat", "dockerfile": "Dockerfile"},
      "command": null, "entrypoint": null,
      "container_name": "chat-server",
      "environment": {"A": "pa$$w", "BARE": null, "URL": "postgres://u:p@db/x"},
      "networks": {"default": null, "inner": null},
      "secrets": [{"source": "key", "target": "/run/secrets/key", "mode": 292}],
      "volumes": [{"type": "bind", "source": "/srv/chat/x", "target": "/x", "bind": {"create_host_path": true}}],
      "ports": [{"mode": "ingress", "target": 8080, "published": "8080", "protocol": "tcp"}],
      "healthcheck": {"test": ["CMD", "true"]},
      "depends_on": {"db": {"condition": "service_healthy", "required": true}}
    },
    "db": {"image": "postgres:17", "healthcheck": {"test": ["NONE"]}}
  }
}`

func model(t *testing.T, src string) *Model {
	t.Helper()
	m, err := ParseModel([]byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestModelService(t *testing.T) {
	m := model(t, modelBefore)
	want := ModelService{
		Name: "chat", HasBuild: true, ContainerName: "chat-server",
		Environment:    map[string]string{"A": "pa$w", "BARE": "", "URL": "postgres://u:p@db/x"},
		Labels:         map[string]string{},
		Secrets:        []string{"key"},
		Networks:       []string{"default", "inner"},
		DependsOn:      []string{"db"},
		Volumes:        []ModelVolume{{"bind", "/srv/chat/x", "/x", false}},
		Ports:          []ModelPort{{"", "8080", "tcp", 8080}},
		HasHealthcheck: true,
	}
	if diff := cmp.Diff(want, m.Service("chat")); diff != "" {
		t.Error(diff)
	}
	if m.Service("db").HasHealthcheck || m.HasService("nobody") || m.Service("nobody").Image != "" {
		t.Error("a healthcheck of NONE, or a service that is not there")
	}
	if !m.NetworkInternal("inner") || m.NetworkInternal("default") || m.SecretFile("key") != "/srv/chat/secrets/key" ||
		m.VolumeID("none") != "" || m.NetworkID("inner") != "chat_inner" || m.Name() != "chat" {
		t.Error("the sections are not read as they stand")
	}
}

func TestModelVolumeElsewhere(t *testing.T) {
	for volume, want := range map[string]bool{
		`{"name": "chat_v"}`: false,
		`{"name": "chat_v", "driver": "local", "driver_opts": {"o": "size=10g"}}`:                                         false,
		`{"name": "chat_v", "driver": "local", "driver_opts": {"type": "none", "o": "bind", "device": "/mnt/data/chat"}}`: true,
		`{"name": "chat_v", "driver": "rclone"}`:                                                                          true,
		`{"name": "their_v", "external": true}`:                                                                           true,
		`{"name": "chat_v", "driver_opts": null}`:                                                                         false,
		`{"name": "chat_v", "external": false}`:                                                                           false,
	} {
		m := model(t, `{"services": {}, "volumes": {"v": `+volume+`}}`)
		if got := m.VolumeElsewhere("v"); got != want {
			t.Errorf("%s: %v", volume, got)
		}
	}
}

// The same project, as other versions of Compose print it.
func TestModelVersionsAgree(t *testing.T) {
	later := strings.NewReplacer(
		`"mode": 292`, `"mode": "0444"`,
		`"bind": {"create_host_path": true}`, `"bind": {}`,
		`"target": "/run/secrets/key"`, `"target": "key"`,
		`"command": null, "entrypoint": null,`, ``,
	).Replace(modelBefore)
	if diffs := CompareModels(model(t, modelBefore), model(t, later)); len(diffs) > 0 {
		t.Error(diffs)
	}
}

func TestParseModelRefuses(t *testing.T) {
	for _, src := range []string{"", "[]", "{}", `{"services": 1}`, `{"services": {}} {}`, "services:\n"} {
		if _, err := ParseModel([]byte(src)); err == nil {
			t.Errorf("%q was read", src)
		}
	}
}

func upgradedModel() string {
	return strings.NewReplacer(
		`"build": {"context": "/srv/chat", "dockerfile": "Dockerfile"},`, `"image": "registry.example/chat:2",`,
		`"BARE": null`, `"BARE": null, "NEW": "secret value", "OTHER": "x"`,
		`"secrets": [`, `"secrets": [{"source": "token"}, `,
		`"secrets": {`, `"secrets": {"token": {"name": "chat_token", "file": "/srv/chat/secrets/token"}, `,
		`"db": {"image"`, `"updater": {"image": "u", "environment": {"P": "hush"}}, "db": {"image"`,
	).Replace(modelBefore)
}

func upgradeEdits() []Edit {
	return []Edit{
		PinImage{"chat", "registry.example/chat:2"},
		SetEnvironment{"chat", []Var{{"NEW", "secret value"}, {"OTHER", "$X"}}},
		AddServiceSecret{"chat", "token"},
		AddService{"updater", "image: u\n"},
		AddTopLevel{"secrets", "token", "file: ./secrets/token"},
	}
}

func TestCheckModels(t *testing.T) {
	before := model(t, modelBefore)
	for _, tt := range []struct {
		name  string
		after string
		edits []Edit
		want  []string
	}{
		{"as declared", upgradedModel(), upgradeEdits(), nil},
		{"nothing changed, nothing declared", modelBefore, nil, nil},
		{
			"another service changed too", strings.Replace(upgradedModel(), "postgres:17", "postgres:18", 1), upgradeEdits(),
			[]string{`services.db.image: "postgres:18", was "postgres:17"`},
		},
		{
			// trap C7: an override file beats the pin
			"an override wins", strings.Replace(upgradedModel(), "registry.example/chat:2", "ghcr.io/chat:latest", 1), upgradeEdits(),
			[]string{`services.chat.image: stays "ghcr.io/chat:latest" and should be "registry.example/chat:2"`},
		},
		{
			"the build is still there", strings.Replace(upgradedModel(), `"image": "reg`, `"build": {"context": "."}, "image": "reg`, 1), upgradeEdits(),
			[]string{
				`services.chat.build.context: ***, was ***`,
				`services.chat.build.dockerfile: removed, was ***`,
				`services.chat.build: stays *** and should be absent`,
			},
		},
		{
			"a variable that was there", strings.Replace(upgradedModel(), `"pa$$w"`, `"x"`, 1), upgradeEdits(),
			[]string{"services.chat.environment.A: ***, was ***"},
		},
		{
			"a volume under another name", strings.Replace(modelBefore, "chat_inner", "other_inner", 1), nil,
			[]string{`networks.inner.name: "other_inner", was "chat_inner"`},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, d := range CheckModels(before, model(t, tt.after), Declare(tt.edits...)) {
				got = append(got, d.String())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSummary(t *testing.T) {
	diffs := CompareModels(model(t, modelBefore), model(t, upgradedModel()))
	want := "chat: build gone, image registry.example/chat:2, 2 environment keys, 1 secret; new secret token; new service updater"
	if got := Summary(diffs); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	back := "chat: build added, image gone, 2 environment keys gone, 1 secret gone; secret token gone; service updater gone"
	if got := Summary(CompareModels(model(t, upgradedModel()), model(t, modelBefore))); got != back {
		t.Errorf("got  %s\nwant %s", got, back)
	}
	out, err := json.Marshal(diffs)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"secret value", "hush", "p@db"} {
		if strings.Contains(string(out), secret) || strings.Contains(Summary(diffs), secret) {
			t.Errorf("%q is shown: %s", secret, out)
		}
	}
}

func TestCompareService(t *testing.T) {
	f, err := Parse("compose.yml", []byte(`services:
  updater:
    build: .
    environment:
      - A=1
      - B=2
    networks: [inner]
    read_only: true
`))
	if err != nil {
		t.Fatal(err)
	}
	diffs, err := f.Compare("updater", "image: u\nenvironment:\n  A: \"1\"\n  B: \"3\"\n  C: \"4\"\nnetworks:\n  - inner\n  - outer\n")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range diffs {
		got = append(got, string(d.Change)+" "+d.Path)
	}
	want := []string{
		"changed /services/updater/environment/B", "added /services/updater/environment/C",
		"added /services/updater/image", "added /services/updater/networks/outer",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
