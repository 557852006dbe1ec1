package cli

import (
	"runtime/debug"
	"testing"
)

func TestVersionIsTheTagOrTheCommit(t *testing.T) {
	const commit = "3501ce4c2d1c5ff0069f3da959fe029158ca7829"
	for _, c := range []struct{ module, commit, modified, want string }{
		{"v0.5.0", commit, "false", "0.5.0"},
		{"v0.5.0+dirty", commit, "true", "0.5.0+dirty"},
		{"v0.6.0-rc.1", commit, "false", "0.6.0-rc.1"},
		{"v0.0.0-20261130194109-3501ce4c2d1c", commit, "false", "3501ce4c2d1c"},
		{"v0.5.1-0.20261130194109-3501ce4c2d1c+dirty", commit, "true", "3501ce4c2d1c+dirty"},
		{"v0.6.0-rc.1.0.20261130194109-3501ce4c2d1c", commit, "false", "3501ce4c2d1c"},
		{"(devel)", "", "", "(devel)"},
		{"", "", "", "(devel)"},
	} {
		info := &debug.BuildInfo{Main: debug.Module{Version: c.module}}
		if c.commit != "" {
			info.Settings = []debug.BuildSetting{{Key: "vcs.revision", Value: c.commit}, {Key: "vcs.modified", Value: c.modified}}
		}
		if got := VersionOf(info); got != c.want {
			t.Errorf("%q: version %q, want %q", c.module, got, c.want)
		}
	}
}

func TestVersionByFlag(t *testing.T) {
	code, out, said := typed("--version")
	if want := "liftalot " + version() + "\n"; code != exitDone || out != want || said != "" {
		t.Errorf("exit %d, %q, %q, want %q", code, out, said, want)
	}
	if _, again, _ := typed("version"); again != out {
		t.Errorf("version: %q", again)
	}
}
