package units

import "testing"

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 4446: "4.3 KiB", 1<<20 - 1: "1.0 MiB",
		3 << 30: "3.0 GiB", 1<<63 - 1: "8.0 EiB", -1: "?",
	} {
		if got := Bytes(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}
