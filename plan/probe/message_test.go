//go:build unix

package probe

import (
	"strings"
	"testing"

	"liftalot/plan"
)

// What compose quotes of the client's files when it does not read them is shown and
// kept, as the reason of a check and as a warning of a plan.
func TestWhatComposeQuotesIsNotInTheFacts(t *testing.T) {
	const password = "canary0db0password0canary0canary" // in .env of the recording
	for _, part := range []string{"model", "hashes"} {
		for said, want := range map[string]string{
			`failed to read /srv/chatalot/.env: line 3: unexpected character "-" in variable name "SMTP-PASSWORD=Kanarienvogel"`:                          `in variable name SMTP-PASSWORD=***`,
			`line 7: unterminated quoted value "Kanarienvogel`:                                                                                            `line 7: unterminated quoted value ***`,
			`invalid interpolation format for services.a.environment.B. You may need to escape any $ with another $. postgres://chat:Kanarienvogel$@db/c`: `format for services.a.environment.B.`,
			`an error of tomorrow: ` + password + ` is no number`:                                                                                         `an error of tomorrow: *** is no number`,
		} {
			f := edited(t, "public", recordedMarker+" end "+part+" 0 ", recordedMarker+" end "+part+" 15 "+said)
			checks := plan.Checks(f, plan.Settings{}, nil)
			for _, c := range checks {
				if strings.Contains(c.Detail, "Kanarienvogel") || strings.Contains(c.Detail, password) {
					t.Errorf("%s: %s: %s", part, c.Name, c.Detail)
				}
			}
			if got := failure(f, part); !strings.Contains(got, want) || strings.Contains(got, "Kanarienvogel") || strings.Contains(got, password) {
				t.Errorf("%s: got %q, want %q", part, got, want)
			}
		}
	}
}

// A value is hidden before the text is cut: half of one is not recognised, and says enough.
func TestASecretIsNotCutInTwo(t *testing.T) {
	const password = "canary0db0password0canary0canary" // in .env of the recording
	for name, before := range map[string]int{"where it is shown no further": 780, "where the script ends": maxMessage - 20} {
		h, _ := recordedHost(t, "public")
		h.Shim("docker", strings.Replace(docker, `*"config --hash"*) cat hashes ;;`, `*"config --hash"*) cat said >&2; exit 15 ;;`, 1))
		h.Write("docker/said", strings.Repeat(password, before/32)+strings.Repeat("x", before%32-1)+" "+password+" is no number\n")
		f, err := Gather(t.Context(), h, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := failure(f, "hashes"); !strings.HasPrefix(got, "******") || len(got) > 800 || strings.Contains(got, "can") {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestWhatComposeQuotesOfACandidateIsHidden(t *testing.T) {
	h, p := candidateHost(t)
	h.Shim("docker", `cat >/dev/null; echo 'services.a.environment: Kanarienvogel-4711 is no number; unterminated quoted value "Kanarienvogel' >&2; exit 15`)
	_, err := RenderModel(t.Context(), h, "web1", p, map[string][]byte{p.Files[1]: []byte("a:\n  JWT_SECRET: Kanarienvogel-4711\n")})
	if err == nil || strings.Contains(err.Error(), "Kanarienvogel") || !strings.Contains(err.Error(), "*** is no number; unterminated quoted value ***") {
		t.Errorf("%v", err)
	}
}
