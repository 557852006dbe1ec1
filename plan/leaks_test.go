package plan

import (
	"slices"
	"testing"
)

func TestFileSecrets(t *testing.T) {
	in := inputFor(t, recorded(t, "public", "    build: .\n", "    build: .\n    labels:\n      JWT_SECRET: Kanarienvogel-4711\n      API_TOKEN: registry-mirror-17\n"))
	in.Facts.Everyone = append(in.Facts.Everyone, HostContainer{Name: "registry-mirror-17"})
	in.Facts.Failures = []Failure{{Part: "model", Detail: "Kanarienvogel-4711"}}
	remodel(t, in.Facts, "public", "Paradiesvogel-0815", "services", "chatalot", "environment", "SMTP_PASSWORD") // of an env_file
	got := in.Facts.FileSecrets()
	if !slices.Contains(got, "Kanarienvogel-4711") || !slices.Contains(got, "Paradiesvogel-0815") {
		t.Errorf("a secret is not among them: %q", got)
	}
	if slices.Contains(got, "registry-mirror-17") {
		t.Error("the name of a container would be hidden everywhere")
	}
	for _, v := range []string{"chatalot", "postgres", in.Facts.Project.WorkingDir, in.Facts.Database.Container} {
		if slices.Contains(got, v) {
			t.Errorf("%q would be hidden everywhere", v)
		}
	}
	if (&Facts{}).FileSecrets() != nil {
		t.Error("secrets of no files")
	}
}
