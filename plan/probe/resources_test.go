package probe

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"liftalot/plan"
)

// with adds parts to a recording, before its end.
func with(t *testing.T, parts map[string]string) []byte {
	t.Helper()
	said := string(recording(t, "public"))
	end := recordedMarker + " begin done"
	if !strings.Contains(said, end) {
		t.Fatal("the recording has no end")
	}
	var b strings.Builder
	for name, out := range parts {
		b.WriteString(recordedMarker + " begin " + name + "\n" + out + "\n" + recordedMarker + " end " + name + " 0 \n")
	}
	return []byte(strings.Replace(said, end, b.String()+end, 1))
}

func TestLookSeesWhatIsBesideTheProject(t *testing.T) {
	f, err := look(t, with(t, map[string]string{
		"host-volumes": `{"name":"a","project":"p","key":"k"}` + "\n" + `{"name":"b","project":"","key":""}`,
		"inside": "user c1 Uid: 0 0 0 0 Gid: 0 0 0 0 Groups: 0 10 CapEff: 00000000a80425fb\n" +
			"user c2 Uid: 1000 999 999 999 Gid: 1000 998 998 998 Groups: CapEff: 0000000000000000\nuser c3 \n" +
			"real /data/x\t/mnt/y z\nuser c4 Uid: 0 0 0 0 Gid: 0 0 0 0 Groups: CapEff: 0000000000000000",
		"listening": "tcp 0100007F:1F90\ntcp 00000000:0016\ntcp6 00000000000000000000000000000000:01BB\ntcp6 0000000000000000FFFF00000100007F:0050\nudp 0100007F:0035",
	}))
	if err != nil || len(f.Failures) > 0 {
		t.Fatal(err, f.Failures)
	}
	want := plan.HostResources{
		Volumes: []plan.HostVolume{{Name: "a", Project: "p", Key: "k"}, {Name: "b"}},
		Users: map[string]plan.HostUser{
			"c1": {Groups: []int{0, 10}, Override: true}, "c2": {UID: 999, Groups: []int{998}}, "c4": {Groups: []int{0}},
		},
		Listening: []plan.Socket{{Protocol: "tcp", IP: "127.0.0.1", Port: 8080}, {Protocol: "tcp", IP: "0.0.0.0", Port: 22}, {Protocol: "tcp", IP: "::", Port: 443}, {Protocol: "tcp", IP: "127.0.0.1", Port: 80}, {Protocol: "udp", IP: "127.0.0.1", Port: 53}},
		Real:      map[string]string{"/data/x": "/mnt/y z"},
	}
	if diff := cmp.Diff(want, f.Resources); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A host says what it likes: what is not understood is a failure of that part alone.
func TestLookIsToldNonsenseOfPlaces(t *testing.T) {
	for part, said := range map[string]string{
		"host-volumes": "{", "inside": "user c1 Uid: x y Gid: 1 2", "listening": "tcp 01:1F90",
	} {
		f, err := look(t, with(t, map[string]string{part: said}))
		if err != nil || failure(f, part) == "" || f.Model == nil {
			t.Errorf("%s: %v, %+v", part, err, f.Failures)
		}
	}
}
