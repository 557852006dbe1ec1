// Package units writes quantities for people, the same way everywhere.
package units

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Bytes returns n in the largest unit that leaves a whole number before the
// point: 512 B, 1.5 KiB, 2.0 GiB; and "?" for a size below zero, which is not known.
func Bytes(n int64) string {
	const units = "KMGTPE"
	if n < 0 {
		return "?"
	}
	value, unit := float64(n), -1
	for value >= 1023.95 && unit < len(units)-1 {
		value, unit = value/1024, unit+1
	}
	if unit < 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %ciB", value, units[unit])
}

// Duration returns d in the units that fit it: 2.3s, 2m05s, 1h02m, 7d14h.
func Duration(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < 59950*time.Millisecond:
		return strings.TrimSuffix(strconv.FormatFloat(d.Seconds(), 'f', 1, 64), ".0") + "s"
	case d < time.Hour-500*time.Millisecond:
		s := int(d.Round(time.Second).Seconds())
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	}
	m := int(d.Round(time.Minute).Minutes())
	if days := m / (24 * 60); days > 1 {
		return fmt.Sprintf("%dd%02dh", days, m/60%24)
	}
	return fmt.Sprintf("%dh%02dm", m/60, m%60)
}

// Time returns t as it is said everywhere: to the minute, in UTC.
func Time(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
