package cli

import (
	"strings"
	"testing"
)

// typed is what a command line ends with that nobody is asked about.
func typed(args ...string) (code int, stdout, stderr string) {
	var out, said strings.Builder
	code = Main(args, Env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &said, Getenv: func(string) string { return "" }})
	return code, out.String(), said.String()
}

func TestD9WrongUseIsSaidInOurWords(t *testing.T) {
	for _, tt := range []struct{ line, says string }{
		{"unlock", "HOST is missing: liftalot unlock HOST\n"},
		{"restore", "HOST is missing: liftalot restore HOST [BACKUP]\n"},
		{"restore a b c", `"c" is one argument too many: liftalot restore HOST [BACKUP]` + "\n"},
		{"trust", "PATTERN is missing: liftalot trust PATTERN...\n"},
		{"key frob", `"frob" is one argument too many: liftalot key takes none` + "\n"},
		{"check --parallel many", `--parallel: "many" is no whole number` + "\n"},
		{"check --timeout 5", `--timeout: "5" is no length of time such as 90s, 15m or 1h30m` + "\n"},
		{"check --json=perhaps", `--json: "perhaps" is no answer: true or false` + "\n"},
		{"check --inventory", "--inventory needs a value\n"},
		{"check -xz", "unknown flag: -x\n"},
		{"apply --dry-run", `apply has no --dry-run: "liftalot plan" shows what it would do`},
		{"check --frob", "unknown flag: --frob\n"},
	} {
		code, _, said := typed(strings.Fields(tt.line)...)
		if code != exitUsage || !strings.HasPrefix(said, "liftalot: error: "+tt.says) {
			t.Errorf("%s: %d, %q", tt.line, code, said)
		}
		for _, raw := range []string{"strconv", "time:", "arg(s)", "pflag"} {
			if strings.Contains(said, raw) {
				t.Errorf("%s: a library's words: %q", tt.line, said)
			}
		}
	}
}

func TestD10NoHostAtATimeIsRefused(t *testing.T) {
	code, _, said := typed("check", "--parallel", "0")
	if code != exitUsage || !strings.HasPrefix(said, "liftalot: error: --parallel 0 would look at no host") {
		t.Errorf("%d, %q", code, said)
	}
}

func TestAPastedLineOfSSHKeygenIsAFingerprint(t *testing.T) {
	const sum = "SHA256:UER4nm+aP3yVR6etTZBJxBwXzub543OEpJjsYJ5dnS8"
	for _, text := range []string{sum, "256 " + sum + " root@acme (ED25519)", "3072 " + sum + " no comment (RSA)\n"} {
		if got, err := parseFingerprint(text); err != nil || got != sum {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	if got, err := parseFingerprint("256 MD5:16:27:ac:a5 root@acme (ED25519)"); err == nil {
		t.Errorf("MD5: %q", got)
	}
}
