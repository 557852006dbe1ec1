// Package units writes quantities for people, the same way everywhere.
package units

import "fmt"

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
