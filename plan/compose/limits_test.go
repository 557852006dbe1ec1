package compose

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// aliasBomb unfolds to 9^depth values.
func aliasBomb(depth int) string {
	var b strings.Builder
	b.WriteString("x-0: &a0 [x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i <= depth; i++ {
		fmt.Fprintf(&b, "x-%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 9), ", "))
	}
	return b.String() + "services:\n  web:\n    image: a\n"
}

// mergeChain merges ever longer mappings.
func mergeChain(n int) string {
	var b strings.Builder
	b.WriteString("x-0: &a0 {k: v}\n")
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, "x-%d: &a%d {<<: *a%d, k%d: v}\n", i, i, i-1, i)
	}
	return b.String() + "services:\n  web:\n    image: a\n"
}

func TestParseLimits(t *testing.T) {
	const tail = "\nservices:\n  web:\n    image: a\n"
	for _, tt := range []struct {
		name string
		src  string
		want Kind
	}{
		{"too large", "#" + strings.Repeat("x", maxSize), TooLarge},
		{"too many values", "x: [" + strings.Repeat("a,", maxMarks) + "]" + tail, TooLarge},
		{"deep in brackets", "x: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + tail, TooDeep},
		{"deeper than the parser goes", "x: " + strings.Repeat("[", 200_000), Syntax},
		{"deep by lines", deepLines(1000) + tail, TooDeep},
		{"alias bomb", aliasBomb(30), AliasBomb},
		{"alias within itself", "x: &a [*a]" + tail, AliasBomb},
		{"merge within itself", "x: &a {<<: *a}" + tail, AliasBomb},
		{"merge bomb", mergeChain(5000), AliasBomb},
	} {
		t.Run(tt.name, func(t *testing.T) {
			start := time.Now()
			_, err := Parse("f", []byte(tt.src))
			var r *RefusalError
			if !errors.As(err, &r) || r.Kind != tt.want {
				t.Fatalf("got %v, want %s", err, tt.want)
			}
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// A file that is just small enough can become too large by an edit.
func TestApplyLimits(t *testing.T) {
	const tail = "\nservices:\n  web:\n    image: a\n"
	f, err := Parse("f", []byte("#"+strings.Repeat("x", maxSize-len(tail)-1)+tail))
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Apply(AddServiceSecret{"web", "token"})
	var r *RefusalError
	if !errors.As(err, &r) || r.Kind != TooLarge {
		t.Errorf("got %v", err)
	}
}

func deepLines(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}
