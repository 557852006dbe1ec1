package batch

import (
	"fmt"
	"strconv"
	"strings"
)

// A Share is a number of hosts or a part of them. The zero Share is none.
type Share struct {
	n       int
	percent bool
}

// ParseShare reads "5" or "25%".
func ParseShare(text string) (Share, error) {
	digits, percent := strings.CutSuffix(text, "%")
	n, err := strconv.Atoi(digits)
	if err != nil || n < 0 || strings.HasPrefix(digits, "+") || percent && n > 100 {
		return Share{}, fmt.Errorf("%q is neither a number of hosts nor a part of them such as 25%%", text)
	}
	return Share{n: n, percent: percent}, nil
}

// IsZero reports whether the share is none, of however many.
func (s Share) IsZero() bool { return s.n == 0 }

// Of returns how many of a total the share is, rounded down: a limit is never
// more than what was asked for.
func (s Share) Of(total int) int {
	if !s.percent {
		return s.n
	}
	return total * s.n / 100
}

func (s Share) String() string {
	if s.percent {
		return fmt.Sprintf("%d%%", s.n)
	}
	return strconv.Itoa(s.n)
}
