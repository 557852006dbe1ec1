package job

import (
	"bytes"
	"testing"
)

func FuzzParse(f *testing.F) {
	f.Add([]byte("ended 7 no\nlog"), int64(10))
	f.Add([]byte("running 0 yes\n"), int64(0))
	f.Add([]byte("ended 256 no\n"), int64(0))
	f.Fuzz(func(t *testing.T, answer []byte, offset int64) {
		st, err := parse(answer, max(0, offset))
		if err != nil {
			return
		}
		if st.ExitCode < 0 || st.ExitCode > 255 || !bytes.HasSuffix(answer, st.Log) {
			t.Errorf("%q became %+v", answer, st)
		}
		if st.State != Running && st.State != Ended && st.State != Lost {
			t.Errorf("%q became the state %q", answer, st.State)
		}
	})
}
