package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestD5ARecoveryKeyGoesIntoNoFileThatOthersCanRead(t *testing.T) {
	for mode, want := range map[os.FileMode]int{0o644: exitUsage, 0o640: exitUsage, 0o600: exitDone} {
		path := filepath.Join(t.TempDir(), "recovery.key")
		must(t, os.WriteFile(path, nil, mode))
		must(t, os.Chmod(path, mode))
		file, err := os.OpenFile(path, os.O_WRONLY, 0)
		must(t, err)
		var said strings.Builder
		code := Main([]string{"key", "--recovery"}, Env{Stdin: strings.NewReader(""), Stdout: file, Stderr: &said, Getenv: func(string) string { return "" }})
		must(t, file.Close())
		written, err := os.ReadFile(path)
		must(t, err)
		if code != want || strings.Contains(string(written), "AGE-SECRET-KEY") != (want == exitDone) {
			t.Errorf("mode %o: exit %d, %s", mode, code, said.String())
		}
	}
}
