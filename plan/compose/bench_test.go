package compose

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// layout is a file of the shape of the newest public chat server layout, 4.7 kB,
// with each service n times.
func layout(n int) string {
	var b strings.Builder
	b.WriteString("services:\n  web:\n    build: .\n    environment:\n      DATABASE_URL: postgres://u:${P}@db:5432/x\n    secrets:\n      - key\n    networks:\n      - inner\n")
	for i := range n {
		for _, s := range []string{"db", "tunnel", "turn", "quick", "cache"} {
			fmt.Fprintf(&b, "\n  %s-%d:\n    image: example/%s:17 # pinned — see the notes\n    restart: unless-stopped\n    environment:\n", s, i, s)
			for v := range 12 {
				fmt.Fprintf(&b, "      SETTING_%02d: ${SETTING_%02d:-some value}\n", v, v)
			}
			b.WriteString("    networks:\n      - inner\n    healthcheck:\n      test: [\"CMD-SHELL\", \"pg_isready -U chat\"]\n      interval: 10s\n    # Security hardening\n    cap_drop:\n      - ALL\n    security_opt:\n      - no-new-privileges:true\n    deploy:\n      resources:\n        limits:\n          memory: 512M\n          cpus: \"1.0\"\n")
		}
	}
	b.WriteString("\nvolumes:\n  data:\n\nsecrets:\n  key:\n    file: ./secrets/key.pem\n\nnetworks:\n  inner:\n    internal: true\n")
	return b.String()
}

// BenchmarkUpgrade parses a file, makes all edits of an upgrade and verifies
// the outcome. The time per megabyte should not depend on the size.
func BenchmarkUpgrade(b *testing.B) {
	for _, n := range []int{1, 10, 100, 1000, 2200} {
		src := []byte(layout(n))
		b.Run(fmt.Sprintf("%dkB", len(src)/1000), func(b *testing.B) {
			b.SetBytes(int64(len(src)))
			b.ReportAllocs()
			for b.Loop() {
				f, err := Parse("compose.yml", src)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := f.Apply(upgradeOf("web").edits()...); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkNewestPublicLayout does the same to the real file, where the corpus
// is there.
func BenchmarkNewestPublicLayout(b *testing.B) {
	src, err := os.ReadFile(filepath.Join(filepath.Dir(corpusFiles(b)[0]), "0010.yml"))
	if err != nil {
		b.Skipf("NOT RUN: the corpus has no newest layout: %v", err)
	}
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		f, err := Parse("compose.yml", src)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := f.Apply(upgradeOf(mainService(f)).edits()...); err != nil {
			b.Fatal(err)
		}
	}
}
