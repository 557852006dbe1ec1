package compose

import (
	"strings"
	"testing"
)

func TestAddServiceVolume(t *testing.T) {
	add := AddServiceVolume{"web", "backups", "/var/backups"}
	for _, tt := range []struct{ name, before, after string }{
		{"list",
			"services:\n  web:\n    image: x\n    volumes:\n      - data:/data\n",
			"services:\n  web:\n    image: x\n    volumes:\n      - data:/data\n      - backups:/var/backups\n"},
		{"missing",
			"services:\n  web:\n    image: x\n",
			"services:\n  web:\n    image: x\n    volumes:\n      - backups:/var/backups\n"},
		{"flow",
			"services:\n  web:\n    image: x\n    volumes: [data:/data]\n",
			"services:\n  web:\n    image: x\n    volumes: [data:/data, \"backups:/var/backups\"]\n"},
		{"there as a bind mount",
			"services:\n  web:\n    image: x\n    volumes:\n      - ./b:/var/backups:ro\n", ""},
		{"there in the long form",
			"services:\n  web:\n    image: x\n    volumes:\n      - {type: bind, source: ./b, target: /var/backups}\n", ""},
		{"there without a source",
			"services:\n  web:\n    image: x\n    volumes:\n      - /var/backups\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, err := Parse("compose.yml", []byte(tt.before))
			if err != nil {
				t.Fatal(err)
			}
			r, err := f.Apply(add)
			if err != nil {
				t.Fatal(err)
			}
			want := tt.after
			if want == "" {
				want = tt.before
			}
			if string(r.After) != want {
				t.Errorf("after:\n%s\nwant:\n%s", r.After, want)
			}
		})
	}
}

func TestAddServiceVolumeRefusesMerged(t *testing.T) {
	src := "x-base: &base\n  volumes:\n    - data:/data\nservices:\n  web:\n    <<: *base\n    image: x\n"
	f, err := Parse("compose.yml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	if _, err = f.Apply(AddServiceVolume{"web", "backups", "/var/backups"}); err == nil || !strings.Contains(err.Error(), "volumes") {
		t.Errorf("error %v, want a refusal that names volumes", err)
	}
}
