//go:build unix

package apply

import (
	"strings"
	"testing"

	"liftalot/plan"
	"liftalot/plan/internal/shimhost"
)

// namesDocker keeps the images' names as lines "NAME ID".
const namesDocker = `id() { sed -n "s|^$1 ||p" "$SHIM/names" | head -n 1; }
case $1 in
image) _i=$(id "$5"); [ -n "$_i" ] && echo "$_i" ;;
tag)
	[ ! -e "$SHIM/racing" ] || { echo "$3 theirs" >>"$SHIM/names"; exit 0; }
	_i=$(id "$2")
	[ -n "$_i" ] || _i=$2
	grep -v "^$3 " "$SHIM/names" >"$SHIM/names.new"
	echo "$3 $_i" >>"$SHIM/names.new"
	mv "$SHIM/names.new" "$SHIM/names" ;;
*) exit 64 ;;
esac`

// With "pin: tag" each tag is the very image that was pulled by digest, and goes back to
// what had it (R7).
func TestNamesAreTheVerifiedImages(t *testing.T) {
	op := plan.Names{Images: []plan.ImageName{
		{Ref: "r/chatalot@sha256:1", Name: "r/chatalot:0.24.6", Keep: "keep/p:id-server"},
		{Ref: "r/updater@sha256:2", Name: "r/updater:0.24.6", Keep: "keep/p:id-updater"},
	}}
	h := shimhost.New(t)
	h.Shim("docker", namesDocker)
	h.Write("names", "r/chatalot@sha256:1 one\nr/updater@sha256:2 two\nr/updater:0.24.6 old\n")
	has := func(name, id string) {
		t.Helper()
		if !strings.Contains("\n"+h.Read("names"), "\n"+name+" "+id+"\n") {
			t.Errorf("%s is not %s:\n%s", name, id, h.Read("names"))
		}
	}
	e := onHost(h)
	for range 2 { // a second start finds it done
		if err := e.names(t.Context(), op); err != nil {
			t.Fatal(err)
		}
		has("r/chatalot:0.24.6", "one")
		has("r/updater:0.24.6", "two")
		has("keep/p:id-updater", "old")
	}
	back := op
	back.IsRollback = true
	for range 2 {
		if err := e.names(t.Context(), back); err != nil {
			t.Fatal(err)
		}
		has("r/updater:0.24.6", "old")
		has("r/chatalot:0.24.6", "one") // nothing had it
	}

	h.Write("racing", "")
	if err := e.names(t.Context(), op); err == nil || !strings.Contains(err.Error(), "somebody moved the tag just now") {
		t.Errorf("%v", err)
	}
	h.Write("names", "r/updater@sha256:2 two\n")
	if err := e.names(t.Context(), op); err == nil || !strings.Contains(err.Error(), "r/chatalot@sha256:1 is not on the host") {
		t.Errorf("%v", err)
	}
}
