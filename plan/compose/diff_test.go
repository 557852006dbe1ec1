package compose

import (
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
	for _, l := range Diff("f", []byte(before), []byte(after), WithRedaction(strings.ToLower)) {
		if l.Kind == DiffHunk || l.Kind == DiffAdd || l.Kind == DiffRemove {
			got = append(got, l.String())
		}
	}
	want := []string{
		"@@ -1,6 +1,6 @@", "-c", "+c",
		"@@ -26,5 +26,5 @@", "-c'", "-d'", "+c''", "+d' (no line end)",
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
		{"    command: turn --user=chat:hunter2 --realm=x", "    command: turn --user=*** --realm=x"},
		{"    command: [\"tunnel\", \"--token\", \"hunter2\"]", "    command: [\"tunnel\", \"--token\", \"***\"]"},
		{"    image: example/web@sha256:0123", "    image: example/web@sha256:0123"},
		{"      - updater_token", "      - updater_token"},
		{"  updater_token:", "  updater_token:"},
		{"    secrets:", "    secrets:"},
		{"-----BEGIN PRIVATE KEY-----", "***"},
		{"", ""},
	} {
		if got := RedactLine(tt.line); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.line, got, tt.want)
		}
	}
}

func TestRedactFollowsLines(t *testing.T) {
	r := newRedactor()
	src := "  env:\n    JWT_SECRET: |\n      hunter\n\n      two\n    B: b\n    C: |\n      -----BEGIN KEY-----\n      abc\n      -----END KEY-----\n      d\n"
	want := "  env:\n    JWT_SECRET: ***\n      ***\n\n      ***\n    B: b\n    C: |\n      ***\n      ***\n      ***\n      d\n"
	var got strings.Builder
	for l := range strings.Lines(src) {
		got.WriteString(r.line(bareText(l)) + "\n")
	}
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Error(diff)
	}
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
