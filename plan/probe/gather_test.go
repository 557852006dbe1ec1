package probe

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"liftalot/plan"
	"liftalot/remote"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// The recordings NAME.look are what the script said on throw-away servers of
// testenv (public, chatalot-net, staged, traefik; managed after a real upgrade,
// incomplete after a container and two keys of it were taken away again). The
// passwords in them were replaced by ones that contain "canary" or "ca4a47",
// and parts of inspect that nobody reads were left out. HostConfig was added later, as
// the same engine and Compose make it of the same files, without its zero values.
const recordedMarker = "@@0123456789abcdef0123456789abcdef"

var recorded = []string{"public", "chatalot-net", "staged", "traefik", "managed", "incomplete"}

func recording(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".look"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// A replay answers the look's command with what a host once said.
type replay struct {
	said []byte
	cmd  remote.Command
	lost int64
	err  error
}

func (r *replay) Run(_ context.Context, cmd remote.Command) (remote.Result, error) {
	r.cmd = cmd
	said := strings.ReplaceAll(string(r.said), recordedMarker, cmd.Args[0])
	return remote.Result{Stdout: []byte(said), StdoutLost: r.lost}, r.err
}

func look(t testing.TB, said []byte) (*plan.Facts, error) {
	t.Helper()
	return Gather(context.Background(), &replay{said: said}, Options{Host: "web1", DiskPaths: plan.DiskPaths()})
}

// The facts of each recording are kept as golden files; the tests of plan
// begin from them.
func TestLookReadsRealServers(t *testing.T) {
	for _, name := range recorded {
		t.Run(name, func(t *testing.T) {
			f, err := look(t, recording(t, name))
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.MarshalIndent(f, "", " ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name+".facts.json", append(got, '\n'))
			if len(f.Failures) > 0 || f.Model == nil {
				t.Errorf("failures %v, model %v", f.Failures, f.Model)
			}
			for _, secret := range []string{"canary", "ca4a47"} {
				if strings.Contains(string(got), secret) {
					t.Errorf("a secret value is in the printed facts")
				}
			}
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got; -update rewrites it):\n%s", path, diff)
	}
}

func TestLookAsksOnceAsRootWithinBounds(t *testing.T) {
	r := &replay{said: recording(t, "public")}
	opt := Options{Host: "web1", ComposeDir: "auto", DiskPaths: []string{"/a", "/b"}}
	if _, err := Gather(context.Background(), r, opt); err != nil {
		t.Fatal(err)
	}
	if !r.cmd.Root || r.cmd.Timeout <= 0 || r.cmd.MaxStdout <= 0 || r.cmd.Stdin != nil {
		t.Errorf("root %v, timeout %v, at most %d bytes, stdin %v", r.cmd.Root, r.cmd.Timeout, r.cmd.MaxStdout, r.cmd.Stdin)
	}
	if diff := cmp.Diff([]string{"", "chatalot", "/a:/b"}, r.cmd.Args[1:]); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
	first := r.cmd.Args[0]
	if _, err := Gather(context.Background(), r, opt); err != nil || r.cmd.Args[0] == first {
		t.Errorf("the marker is the same in two looks (%v)", err)
	}
}

func TestLookIgnoresNoiseBeforeTheFirstMarker(t *testing.T) {
	clean, err := look(t, recording(t, "public"))
	if err != nil {
		t.Fatal(err)
	}
	noisy, err := look(t, append([]byte("Welcome!\nend begin docker\n\x1b[2J no newline "), recording(t, "public")...))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(clean.Services, noisy.Services); diff != "" {
		t.Errorf("noise of a profile changes the answer (-clean +noisy):\n%s", diff)
	}
}

// A look that was cut off anywhere must not pass for a whole one: what it does
// not mention would count as absent.
func TestLookNoticesAnAnswerCutOffAnywhere(t *testing.T) {
	whole := recording(t, "chatalot-net")
	end := strings.LastIndex(string(whole), recordedMarker+" end done 0")
	for cut := 0; cut < end; cut += 97 {
		if _, err := look(t, whole[:cut]); err == nil {
			t.Fatalf("cut after %d of %d bytes, behind %q, without an error", cut, len(whole), whole[max(0, cut-60):cut])
		}
	}
	for at := range end {
		if whole[at] != '\n' || !strings.HasPrefix(string(whole[at+1:]), recordedMarker+" begin ") {
			continue
		}
		if _, err := look(t, whole[:at+1]); err == nil {
			t.Errorf("cut between two parts, after %d of %d bytes, without an error", at, len(whole))
		}
	}
}

func TestLookPassesOnWhatTheHostCouldNot(t *testing.T) {
	for name, r := range map[string]*replay{
		"the link broke":   {err: remote.ErrUnknownOutcome},
		"it said too much": {said: recording(t, "public"), lost: 1},
		"no script ran":    {said: []byte("This account is currently not available.\n")},
	} {
		if f, err := Gather(context.Background(), r, Options{}); err == nil {
			t.Errorf("%s: facts %+v and no error", name, f)
		}
	}
}

// edited changes a recording the way hosts differ.
func edited(t *testing.T, name string, pairs ...string) *plan.Facts {
	t.Helper()
	text := string(recording(t, name))
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("the recording %s holds no %q", name, pairs[i])
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	f, err := look(t, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func failure(f *plan.Facts, part string) string {
	for _, x := range f.Failures {
		if x.Part == part {
			return x.Detail
		}
	}
	return ""
}

func TestDatabaseURLIsKeptWithoutItsPassword(t *testing.T) {
	const real = "canary0db0password0canary0canary@postgres:5432/chatalot"
	for _, tt := range []struct {
		name, url string
		want      plan.Database
	}{
		{"as installed", real, plan.Database{Host: "postgres", Port: 5432, User: "chatalot", Name: "chatalot", HasPassword: true, PlainPassword: true}},
		{"no port, a query", "abc@db/chat?sslmode=disable",
			plan.Database{Host: "db", Port: 5432, User: "chatalot", Name: "chat", Query: "sslmode=disable", HasPassword: true, PlainPassword: true}},
		{"escaped password", "a%40b%2Fc@postgres:5433/chatalot", plan.Database{Host: "postgres", Port: 5433, User: "chatalot", Name: "chatalot", HasPassword: true}},
		{"no password", "@postgres:5432/chatalot", plan.Database{Host: "postgres", Port: 5432, User: "chatalot", Name: "chatalot"}},
		{"placeholder", "__DB_PASSWORD__@postgres:5432/chatalot",
			plan.Database{Host: "postgres", Port: 5432, User: "chatalot", Name: "chatalot", HasPassword: true, PlainPassword: true, FilePassword: true}},
		{"raw percent sign", "50%off@postgres:5432/chatalot", plan.Database{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := edited(t, "public", "DATABASE_URL=postgres://chatalot:"+real, "DATABASE_URL=postgres://chatalot:"+tt.url)
			got := f.Database
			got.Container, got.Service, got.Version, got.Bytes, got.Tables, got.Migrated = "", "", 0, 0, 0, nil
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if said := failure(f, "database-url"); (said != "") != (tt.want.Host == "") || strings.Contains(said, "off") {
				t.Errorf("failure %q", said)
			}
		})
	}
}

// One part that cannot be read is a failure of its own name; the others count.
func TestAPartThatFailsIsNamedAndTheOthersCount(t *testing.T) {
	end := func(part string) string { return recordedMarker + " end " + part + " 0 " }
	failed := func(part string) string { return recordedMarker + " end " + part + " 1 permission\x1b[31m denied" }
	for _, part := range []string{
		"docker", "info", "compose", "containers", "networks", "volumes", "images", "model", "hashes",
		"files", "secrets", "health", "web", "updates", "database", "dbfacts", "migrations", "disks",
	} {
		f := edited(t, "chatalot-net", end(part), failed(part))
		if got := failure(f, part); !strings.Contains(got, "denied") {
			t.Errorf("%s failed on the host; failures %v", part, f.Failures)
		}
		if f.Machine.Hostname != "chatalot-net" || f.Project.Name != "chatalot" {
			t.Errorf("%s failed on the host, and the rest is lost", part)
		}
	}
}

func TestAnAnswerThatIsNoneIsAFailureOfItsPart(t *testing.T) {
	for part, body := range map[string]string{
		"docker": `{"Version":"26`, "info": "[]", "model": "{}", "containers": "no such container", "networks": "{", "images": "Error",
		"files": "/srv/x", "secrets": "a\tb\tc\td", "health": "<!doctype html>\n200", "updates": "no status", "database": "x",
		"dbfacts": "ERROR", "migrations": "one t x", "disks": "/srv", "stacks": "a\tb", "chosen": "a\tb\tc", "machine": "clock=noon",
	} {
		f, err := look(t, []byte(withPart(t, string(recording(t, "public")), part, body)))
		if err != nil {
			t.Errorf("%s: %v", part, err)
			continue
		}
		if failure(f, part) == "" {
			t.Errorf("%s says %q and is believed; failures %v", part, body, f.Failures)
		}
	}
}

// withPart puts another body into one part of a recording.
func withPart(t *testing.T, text, part, body string) string {
	t.Helper()
	begin, end := recordedMarker+" begin "+part+"\n", "\n"+recordedMarker+" end "+part+" "
	i, j := strings.Index(text, begin), strings.Index(text, end)
	if i < 0 || j < i {
		t.Fatalf("no part %q in the recording", part)
	}
	return text[:i+len(begin)] + body + text[j:]
}

// Compose looks a service's image up by the reference in its files, each time.
func TestAReferenceThatNamesAnotherImageIsSeen(t *testing.T) {
	const (
		server, database = "sha256:ddb5658cb4c6ad03a3df06ad6d1f927461445035c6a8757f74607b1e332b697b", "sha256:3e3f8541bdfdddbe164beca5a861768e581e8b282ef0bc1784a8f56aff5209de"
		place            = "\n" + recordedMarker + " begin model"
	)
	for _, tt := range []struct{ name, said, moved string }{
		{"as they were", "chatalot-chatalot\t" + server + "\npostgres:17\t" + database + "\n", ""},
		{"pulled", "chatalot-chatalot\t" + server + "\npostgres:17\tsha256:5555\n", "postgres"},
		{"built anew", "chatalot-chatalot\tsha256:5555\npostgres:17\t" + database + "\n", "chatalot"},
		{"its name is gone", "chatalot-chatalot\t" + server + "\npostgres:17\t\n", "postgres"},
		{"not asked about", "chatalot-chatalot\t" + server + "\n", ""},
	} {
		part := "\n" + recordedMarker + " begin named\n" + tt.said + "\n" + recordedMarker + " end named 0 \n"
		f := edited(t, "public", place, part+place)
		for _, k := range f.Services {
			if k.Retagged != (k.Service == tt.moved) {
				t.Errorf("%s: %s: moved %v", tt.name, k.Service, k.Retagged)
			}
		}
	}
}

// Case 17: compose 5.5 notes the platform's manifest where engine 28 keeps images in
// containerd, whose ID is that of the index. What was only noted otherwise is not moved,
// and a reference by digest never is.
func TestR9Case17AnImageThatIsNotedByItsManifestIsNotMoved(t *testing.T) {
	const index, manifest, other = "sha256:1d", "sha256:3a", "sha256:07"
	for _, tt := range []struct {
		name, compose, ref, now string
		noted                   noted
		moved, unsure           bool
	}{
		{"an engine without manifests", "2.26.1", "postgres:17", index, noted{index, ""}, false, false},
		{"the same store, an older compose", "2.40.3", "postgres:17", index, noted{index, manifest}, false, false},
		{"compose 5.5", "5.5.1", "postgres:17", index, noted{manifest, manifest}, false, false},
		{"compose became 5.5", "5.5.1", "postgres:17", index, noted{index, manifest}, false, true},
		{"compose became older", "2.40.3", "postgres:17", index, noted{manifest, manifest}, false, true},
		{"by digest", "5.5.1", "postgres@sha256:99", index, noted{"sha256:builder", ""}, false, true},
		{"by digest, and gone", "2.26.1", "postgres@sha256:99", "", noted{index, ""}, false, true},
		{"noted as nobody knows", "5.5.1", "postgres:17", index, noted{"sha256:builder", manifest}, false, true},
		{"without a note", "5.5.1", "postgres:17", index, noted{}, false, true},
		{"pulled anew", "5.5.1", "postgres:17", other, noted{manifest, manifest}, true, false},
		{"pulled anew, no manifests", "2.26.1", "postgres:17", other, noted{index, ""}, true, false},
		{"its name is gone", "2.26.1", "postgres:17", "", noted{index, ""}, true, false},
	} {
		p := parser{facts: &plan.Facts{Compose: tt.compose}, from: map[string]noted{"c": tt.noted}}
		moved, unsure := p.isRetagged(plan.Container{ID: "c", ImageID: index}, tt.ref, tt.now)
		if moved != tt.moved || unsure != tt.unsure {
			t.Errorf("%s: moved %v, unsure %v", tt.name, moved, unsure)
		}
	}
}

// Whether the login may put a database back; a recording of before the question was asked
// says nothing.
func TestWhatTheLoginMayDo(t *testing.T) {
	whole := string(recording(t, "public"))
	begin, end := recordedMarker+" begin dbfacts\n", "\n"+recordedMarker+" end dbfacts "
	was, _, _ := strings.Cut(whole[strings.Index(whole, begin)+len(begin):], end)
	for said, want := range map[string]bool{"": false, " t": false, " f": true} {
		f, err := look(t, []byte(withPart(t, whole, "dbfacts", strings.TrimSpace(was)+said+"\n")))
		if err != nil || f.Database.LacksCreateDB != want || f.Database.Tables == 0 {
			t.Errorf("%q: %+v, %v", said, f.Database, err)
		}
	}
}

func TestUnreadableIDIsNotRoot(t *testing.T) {
	if f := edited(t, "public", "\nuid=0\n", "\nuid=\n"); f.Machine.UID == 0 {
		t.Error("an empty answer of id counts as root")
	}
}

func TestStacksThatAreNotTheChosenOneAreKept(t *testing.T) {
	const line = "\tchatalot\t/srv/chatalot\t/srv/chatalot/docker-compose.yml\t\n"
	two := edited(t, "public", line+"\n"+recordedMarker+" end stacks", line+strings.Repeat("b", 64)+"\tother\t/opt/other\t/opt/other/compose.yml\t<no value>\n\n"+recordedMarker+" end stacks")
	want := []plan.Project{{Name: "other", WorkingDir: "/opt/other", Files: []string{"/opt/other/compose.yml"}}}
	if diff := cmp.Diff(want, two.Others); diff != "" {
		t.Errorf("others (-want +got):\n%s", diff)
	}
	// With several and none chosen the script ends there.
	text := string(recording(t, "public"))
	head := text[:strings.Index(text, recordedMarker+" begin chosen")]
	none, err := look(t, []byte(head+recordedMarker+" begin done\n\n"+recordedMarker+" end done 0 \n"))
	if err != nil || none.Project.Name != "" || none.Project.Service != "chatalot" || len(none.Others) != 1 {
		t.Errorf("without a chosen stack: project %+v, others %+v, %v", none.Project, none.Others, err)
	}
}
