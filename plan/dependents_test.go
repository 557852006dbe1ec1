package plan

import (
	"slices"
	"strings"
	"testing"
)

const (
	serverID = "ca7044a3958dbe268d0d7cabb237fab03234891d5f6ce120890f8b68efa6b187"
	tunnelID = "1b8c6f0d24ae5e0d1d3c8a97f3f25d6f81e40a3d1a1bb0f3a5f9dc62a0e3b7c4"
	formerID = "5d0c5f8e1c7a49d2a6b3e8f70911c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f70812"
)

func everyone(more ...HostContainer) *Facts {
	return &Facts{
		Everyone: append([]HostContainer{
			{ID: serverID, Name: "chatalot-server", State: "running"},
			{ID: strings.Repeat("d", 64), Name: "chatalot-db", State: "running", NetworkMode: "chatalot_internal"},
		}, more...),
	}
}

// TestR2DependentsAreFound is case 14: what hangs on the server's container, whoever made it.
func TestR2DependentsAreFound(t *testing.T) {
	for _, tt := range []struct {
		name string
		has  []HostContainer
		want []string
	}{
		{"nobody", nil, nil},
		{"a service in its network", []HostContainer{{Name: "tunnel", State: "running", NetworkMode: "container:" + serverID}}, []string{"tunnel (the network of chatalot-server)"}},
		{"by its name", []HostContainer{{Name: "tunnel", NetworkMode: "container:chatalot-server"}}, []string{"tunnel (the network of chatalot-server)"}},
		{"several ways", []HostContainer{{Name: "agent", PidMode: "container:" + serverID, IpcMode: "container:" + serverID}}, []string{"agent (the processes, the memory of chatalot-server)"}},
		{"its volumes", []HostContainer{{Name: "backup", VolumesFrom: []string{serverID[:12] + ":ro"}}}, []string{"backup (the volumes of chatalot-server)"}},
		{"a link", []HostContainer{{Name: "old", Links: []string{"/chatalot-server:/old/chat"}}}, []string{"old (a link of chatalot-server)"}},
		{
			"one behind another", []HostContainer{
				{Name: "metrics", NetworkMode: "container:" + tunnelID},
				{ID: tunnelID, Name: "tunnel", NetworkMode: "container:" + serverID},
			},
			[]string{"tunnel (the network of chatalot-server)", "metrics (the network of tunnel)"},
		},
		{"still on the former one", []HostContainer{{Name: "tunnel", NetworkMode: "container:" + formerID}}, []string{"tunnel (the network of chatalot-server)"}},
		{"another's", []HostContainer{{Name: "other", NetworkMode: "container:" + strings.Repeat("d", 64)}}, nil},
		{"short of an ID", []HostContainer{{Name: "other", NetworkMode: "container:ca70"}}, nil},
	} {
		var got []string
		for _, d := range dependents(everyone(tt.has...), "chatalot-server", formerID) {
			got = append(got, d.String())
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestARecordNamesWhatADependentHangsOn(t *testing.T) {
	f := everyone(
		HostContainer{ID: tunnelID, Name: "tunnel", NetworkMode: "container:" + formerID},
		HostContainer{ID: strings.Repeat("e", 64), Name: "agent", PidMode: "container:" + serverID},
	)
	got := recordedDependents(f, dependents(f, "chatalot-server", formerID), formerID)
	want := []RecordedTarget{
		{Name: "tunnel", ID: tunnelID, Parent: formerID},
		{Name: "agent", ID: strings.Repeat("e", 64), Parent: serverID},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestWhatWasLeftBehindIsSeen(t *testing.T) {
	f := everyone(
		HostContainer{Name: "tunnel", State: "running", NetworkMode: "container:" + formerID},
		HostContainer{Name: "stopped", State: "exited", NetworkMode: "container:" + formerID},
		HostContainer{Name: "fine", State: "running", NetworkMode: "container:" + serverID},
	)
	if got := f.Stranded(); len(got) != 1 || got[0].Name != "tunnel" {
		t.Errorf("got %v", got)
	}
}
