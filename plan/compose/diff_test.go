package compose

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const showBefore = `services:
  web:
    build: .
    environment:
      DATABASE_URL: postgres://chat:hunter2@db:5432/chat
      JWT_SECRET: hunter2
      TOTP_ENCRYPTION_KEY: ${TOTP:-}
      JWT_KEY_PATH: /run/secrets/key
    secrets:
      - key
`

func showResult(t *testing.T) *Result {
	t.Helper()
	f, err := Parse("compose.yml", []byte(showBefore))
	if err != nil {
		t.Fatal(err)
	}
	r, err := f.Apply(
		PinImage{"web", "example/web:2"},
		SetEnvironment{"web", []Var{{"UPDATER_API_TOKEN_FILE", "/run/secrets/updater_token"}, {"API_TOKEN", "hunter2"}}},
		AddTopLevel{"volumes", "data", ""},
	)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestDiff(t *testing.T) {
	r := showResult(t)
	var got strings.Builder
	for _, l := range Diff("compose.yml", r.Before, r.After, WithReasons(r.Splices)) {
		got.WriteString(l.String() + "\n")
	}
	want := `--- compose.yml
+++ compose.yml
@@ -1,10 +1,16 @@ build of web, image of web, environment of web, volumes data
 services:
   web:
-    build: .
+    # Was: build: .
+    image: example/web:2
     environment:
       DATABASE_URL: postgres://chat:***@db:5432/chat
       JWT_SECRET: ***
       TOTP_ENCRYPTION_KEY: ${TOTP:-}
       JWT_KEY_PATH: /run/secrets/key
+      UPDATER_API_TOKEN_FILE: /run/secrets/updater_token
+      API_TOKEN: ***
     secrets:
       - key
+
+volumes:
+  data:
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Error(diff)
	}
	if Diff("compose.yml", r.Before, r.Before) != nil {
		t.Error("equal files differ")
	}
}

func TestDiffOfFarPlaces(t *testing.T) {
	lines := strings.Split(strings.Repeat("x\n", 30), "\n")
	for i := range lines[:30] {
		lines[i] = string(rune('a'+i%26)) + strings.Repeat("'", i/26)
	}
	before := strings.Join(lines, "\n")
	lines[2], lines[28] = "C", "C''"
	after := strings.TrimSuffix(strings.Join(lines, "\n"), "\n")
	var got []string
	for _, l := range Diff("f", []byte(before), []byte(after)) {
		if l.Kind == DiffHunk || l.Kind == DiffAdd || l.Kind == DiffRemove {
			got = append(got, l.String())
		}
	}
	want := []string{
		"@@ -1,6 +1,6 @@", "-c", "+C",
		"@@ -26,5 +26,5 @@", "-c'", "-d'", "+C''", "+d' (no line end)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestHunks(t *testing.T) {
	want := []Hunk{
		{3, []string{"    build: ."}, []string{"    # Was: build: .", "    image: example/web:2"}, "build of web, image of web"},
		{9, nil, []string{"      UPDATER_API_TOKEN_FILE: /run/secrets/updater_token", "      API_TOKEN: hunter2"}, "environment of web"},
		{11, nil, []string{"", "volumes:", "  data:"}, "volumes data"},
	}
	if diff := cmp.Diff(want, showResult(t).Hunks); diff != "" {
		t.Error(diff)
	}
}

func TestRedactLine(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{"      POSTGRES_PASSWORD: hunter2", "      POSTGRES_PASSWORD: ***"},
		{"      - POSTGRES_PASSWORD=hunter2", "      - POSTGRES_PASSWORD=***"},
		{"      - \"API_TOKEN=hunter2\"", "      - \"API_TOKEN=***"},
		{"DB_PASSWORD=hunter2", "DB_PASSWORD=***"},
		{"export DB_PASSWORD='hunter2'", "export DB_PASSWORD=***"},
		{"# DB_PASSWORD=old", "# DB_PASSWORD=***"},
		{"TOTP_ENCRYPTION_KEY=0011", "TOTP_ENCRYPTION_KEY=***"},
		{"      VAPID_PRIVATE_KEY: ${VAPID_PRIVATE_KEY:-}", "      VAPID_PRIVATE_KEY: ${VAPID_PRIVATE_KEY:-}"},
		{"      POSTGRES_PASSWORD: ${DB_PASSWORD}", "      POSTGRES_PASSWORD: ${DB_PASSWORD}"},
		{"      POSTGRES_PASSWORD: ${DB_PASSWORD:-hunter2}", "      POSTGRES_PASSWORD: ***"},
		{"      POSTGRES_PASSWORD_FILE: /run/secrets/p", "      POSTGRES_PASSWORD_FILE: /run/secrets/p"},
		{"      URL: postgres://chat:hunter2@db/x", "      URL: postgres://chat:***@db/x"},
		{"      URL: postgres://chat:${P}@db/x", "      URL: postgres://chat:${P}@db/x"},
		{"      URL: postgres://chat:hun@ter@2@db/x", "      URL: postgres://chat:***@db/x"},
		{"      URL: redis://:hunter2@cache:6379", "      URL: redis://:***@cache:6379"},
		{"    build: https://hunter2@git.example/web.git#main", "    build: https://***@git.example/web.git#main"},
		{"    build: https://ci:hunter2@git.example/web.git", "    build: https://ci:***@git.example/web.git"},
		{"    build: https://${TOKEN}@git.example/web.git", "    build: https://${TOKEN}@git.example/web.git"},
		{"      URL: https://git.example/web@v1", "      URL: https://git.example/web@v1"},
		{"      URL: https://hooks.example/x?a=b&access_token=hunter2&c=d", "      URL: https://hooks.example/x?a=b&access_token=***&c=d"},
		{"        GITHUB_PAT: hunter2", "        GITHUB_PAT: ***"},
		{"        SECRET_KEY_BASE: hunter2", "        SECRET_KEY_BASE: ***"},
		{"    command: turn --user=chat:hunter2 --realm=x", "    command: turn --user=*** --realm=x"},
		{"    command: [\"tunnel\", \"--token\", \"hunter2\"]", "    command: [\"tunnel\", \"--token\", \"***\"]"},
		{"    image: example/web@sha256:0123", "    image: example/web@sha256:0123"},
		{"      - updater_token", "      - updater_token"},
		{"  updater_token:", "  updater_token:"},
		{"    secrets:", "    secrets:"},
		{"      # - JWT_SECRET=hunter2", "      # - JWT_SECRET=***"},
		{"    #     - GITHUB_TOKEN=hunter2", "    #     - GITHUB_TOKEN=***"},
		{"    - # - # JWT_SECRET: hunter2", "    - # - # JWT_SECRET: ***"},
		{"    environment: {JWT_SECRET: hunter2}", "    environment: {JWT_SECRET: ***"},
		{"    environment: {A: a, JWT_SECRET: hunter2, B: b, C_TOKEN: hunter2, D: d}", "    environment: {A: a, JWT_SECRET: ***, B: b, C_TOKEN: ***, D: d}"},
		{"    environment: {\"JWT_SECRET\":\"hun\\\", ter2\",\"B\":\"b\"}", "    environment: {\"JWT_SECRET\":***,\"B\":\"b\"}"},
		{"    environment: {'JWT_SECRET': 'hun''ter2', B: b}", "    environment: {'JWT_SECRET': ***, B: b}"},
		{"    environment: {JWT_SECRET: \"hun\"ter2, B: b}", "    environment: {JWT_SECRET: ***, B: b}"},
		{"    environment: {JWT_SECRET: {value: hunter2, B: b}}", "    environment: {JWT_SECRET: ***"},
		{"    environment: [\"JWT_SECRET=hunter2\"]", "    environment: [\"JWT_SECRET=***\"]"},
		{"    environment: [\"JWT_SECRET=hun, ter2\", B=b, 'C_TOKEN=hunter2']", "    environment: [\"JWT_SECRET=***\", B=b, 'C_TOKEN=***']"},
		{"    environment: [JWT_SECRET=hunter2]", "    environment: [JWT_SECRET=***"},
		{"    # Was: build: {args: {GITHUB_TOKEN: hunter2}}", "    # Was: build: {args: {GITHUB_TOKEN: ***"},
		{"      - {JWT_SECRET: hunter2}", "      - {JWT_SECRET: ***"},
		{"      A: a, JWT_SECRET: hunter2", "      A: a, JWT_SECRET: ***"},
		{"      CONFIG: '{\"JWT_SECRET\": \"hunter2\", \"B\": 1}'", "      CONFIG: '{\"JWT_SECRET\": ***, \"B\": 1}'"},
		{"      CONFIG: \"{\\\"JWT_SECRET\\\":\\\"hunter2\\\"}\"", "      CONFIG: \"{\\\"JWT_SECRET\\\":***"},
		{"    environment: {JWT_SECRET: \"${JWT_SECRET}\", B: b}", "    environment: {JWT_SECRET: \"${JWT_SECRET}\", B: b}"},
		{"    environment: {JWT_SECRET: \"${JWT_SECRET:-hunter2}\", B: b}", "    environment: {JWT_SECRET: ***, B: b}"},
		{"    environment: {JWT_SECRET_FILE: /run/secrets/j, B: b}", "    environment: {JWT_SECRET_FILE: /run/secrets/j, B: b}"},
		{"    image: ${REGISTRY:-example}/auth:1.2", "    image: ${REGISTRY:-example}/auth:1.2"},
		{"    test: [\"CMD\", \"curl\", \"http://auth:8080\"]", "    test: [\"CMD\", \"curl\", \"http://auth:8080\"]"},
		{"    networks: [inner, outer]", "    networks: [inner, outer]"},
		{"-----BEGIN PRIVATE KEY-----", "***"},
		{"", ""},
	} {
		if got := RedactLine(tt.line); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.line, got, tt.want)
		}
	}
}

// A value goes on in the lines below it: indented, within brackets, and once it has been
// commented out as PinImage does it.
func TestRedactFollowsLines(t *testing.T) {
	for src, want := range map[string]string{
		"  env:\n    JWT_SECRET: |\n      hunter\n\n      two\n    B: b\n    C: |\n      -----BEGIN KEY-----\n      abc\n      -----END KEY-----\n      d\n": "  env:\n    JWT_SECRET: ***\n      ***\n\n      ***\n    B: b\n    C: |\n      ***\n      ***\n      ***\n      d\n",

		"    # Was: build:\n    #   args:\n    #     API_TOKEN: |\n    #       abc\n    #\n    #       def\n    #     B: b\n    environment: {A: a, JWT_SECRET: \"ab\n      cd\", B: b}\n    env: {\n      A: a, JWT_SECRET: ab,\n      B: b}\n# API_TOKEN=abc\n#   a word about it\n": "    # Was: build:\n    #   args:\n    #     API_TOKEN: ***\n    #       ***\n    #***\n    #       ***\n    #     B: b\n    environment: {A: a, JWT_SECRET: ***\n      ***\n    env: {\n      A: a, JWT_SECRET: ***\n      B: b}\n# API_TOKEN=***\n#   a word about it\n",
	} {
		r := newRedactor()
		var got strings.Builder
		for l := range strings.Lines(src) {
			got.WriteString(r.line(bareText(l)) + "\n")
		}
		if diff := cmp.Diff(want, got.String()); diff != "" {
			t.Error(diff)
		}
	}
}

// In whatever form a setting of a telling name is written, its value is hidden.
func FuzzRedactLine(f *testing.F) {
	f.Add("hunter2", uint8(0))
	f.Add("hun, ter2", uint8(1))
	f.Add("a'b\"c\\d", uint8(2))
	forms := []string{
		"%s: %s", "- %s=%s", "# %s: %s", "#   - %s=%s", "- # - %s=%s", "export %s=%s", "'%s': %s",
		"a: {%s: %s}", "a: {b: {c: d, %s: %s, e: f}}", "a: {\"%s\":%s,\"b\":\"c\"}", "# a: {%s: %s, b: c}",
		"a: [%s=%s]", "a: [b=c, %s=%s, d]", "# - [%s=%s, b]", "b: c, %s: %s,",
	}
	f.Fuzz(func(t *testing.T, canary string, choice uint8) {
		canary = "Qx" + canary + "xQ"
		name := []string{"JWT_SECRET", "API_TOKEN", "DB_PASSWORD", "api-key", "x-auth"}[int(choice)%5]
		values := []string{quoted(canary), "'" + strings.ReplaceAll(canary, "'", "''") + "'"}
		if !strings.ContainsAny(canary, ",[]{}") {
			values = append(values, canary)
		}
		if strings.ContainsAny(canary, "\r\n") {
			return
		}
		for _, form := range forms {
			for _, value := range values {
				line := "    " + fmt.Sprintf(form, name, value)
				if got := RedactLine(line); strings.Contains(got, "Qx") || strings.Contains(got, "xQ") {
					t.Fatalf("%q shows %q", line, got)
				}
			}
		}
		for _, line := range []string{
			"a: [" + quoted(name+"="+canary) + ", b]",
			"a: [b, '" + name + "=" + strings.ReplaceAll(canary, "'", "''") + "']",
			"- " + quoted(name+"="+canary),
			"# - [" + quoted(name+"="+canary) + "]",
		} {
			if got := RedactLine(line); strings.Contains(got, "Qx") || strings.Contains(got, "xQ") {
				t.Fatalf("%q shows %q", line, got)
			}
		}
	})
}

// quoted returns a text in double quotes as YAML writes it.
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// Whatever two texts are, the regions turn one into the other.
func TestLineDiffTurnsOneIntoTheOther(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 5000 {
		a, b := splitLines([]byte(randomText(r, 60))), splitLines([]byte(randomText(r, 60)))
		var got []string
		at := 0
		for _, g := range lineDiff(a, b) {
			got = append(append(got, a[at:g.a0]...), b[g.b0:g.b1]...)
			at = g.a1
		}
		if got = append(got, a[at:]...); strings.Join(got, "") != strings.Join(b, "") {
			t.Fatalf("%q to %q gives %q", a, b, got)
		}
	}
}
