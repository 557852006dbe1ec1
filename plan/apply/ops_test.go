package apply

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"liftalot/plan"
	"liftalot/plan/journal"
	"liftalot/remote"
	"liftalot/remote/job"
)

func TestSwapLog(t *testing.T) {
	for _, tt := range []struct {
		name, log string
		end       string
		shown     []string
		want      *Downtime
	}{
		{"nothing was said", "", "", nil, nil},
		{"the probe knows", "stage stop\nprobe 9.0 9.0 1\nprobe 10.0 10.1 0\nprobe 12.5 12.6 1\nprobes 40 9.0 13.0\naway 1000 1300\nend healthy\n",
			"healthy", []string{"stopping the old server"}, &Downtime{Millis: 2600, After: 1000, How: "probe", Probes: 40, Rate: 10}},
		{"away twice counts from the first silence to the last answer",
			"probe 10.0 10.1 0\nprobe 11.0 11.1 1\nprobe 12.0 12.1 0\nprobe 15.0 15.1 1\nprobes 60 9.0 16.0\nend back\n", "back", nil,
			&Downtime{Millis: 5100, After: 1000, How: "probe", Probes: 60, Rate: 8.6}},
		{"it never came back: the job's own marks", "probe 10.0 10.1 0\nprobes 9 9.0 12.0\naway 1000 1450\nend lost\n", "lost", nil, &Downtime{Millis: 4500, After: 1000, How: "script"}},
		{"no probe", "away 1000 1320\nend healthy\n", "healthy", nil, &Downtime{Millis: 3200, How: "script"}},
		{"no silence was seen", "probe 9.0 9.0 1\nprobes 30 9.0 12.0\nend kept\n", "kept", nil, nil},
		{"a last line without an end", "end healthy", "healthy", nil, nil},
		{"notes and logs are shown", "note no room\nlog panic\nstage nowhere\nend kept\n", "kept", []string{"no room", "panic"}, nil},
		{"nonsense", "probe x y z\naway 1 \nprobes\nprobe 1\nrandom words\n", "", nil, nil},
		{"marks that run backwards", "away 1300 1000\nend healthy\n", "healthy", nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, piece := range []int{1, 7, 1 << 20} {
				var l swapLog
				var shown []string
				for rest := tt.log; rest != ""; {
					n := min(piece, len(rest))
					shown = append(shown, l.add([]byte(rest[:n]))...)
					rest = rest[n:]
				}
				l.close()
				if diff := cmp.Diff(tt.want, l.downtime()); diff != "" || l.end != tt.end {
					t.Errorf("in pieces of %d: end %q; downtime (-want +got):\n%s", piece, l.end, diff)
				}
				if diff := cmp.Diff(tt.shown, shown); diff != "" {
					t.Errorf("in pieces of %d, shown (-want +got):\n%s", piece, diff)
				}
			}
		})
	}
}

// A host may say any number of notes, each of any length.
func TestSwapNotesAreBounded(t *testing.T) {
	var l swapLog
	l.add([]byte(strings.Repeat("note "+strings.Repeat("x", 5000)+"\n", 1000)))
	if n := len(strings.Join(l.notes, "")); len(l.notes) != maxNotes || n > maxNotes*400 {
		t.Errorf("%d notes with %d bytes are kept", len(l.notes), n)
	}
}

// A job that ran out of time, or went away twice, says that and not its last status.
func TestABadEndIsTold(t *testing.T) {
	for want, st := range map[string]job.Status{
		"was not done within 1m0s": {State: job.Ended, ExitCode: 143, Overdue: true},
		"without a word, twice":    {State: job.Lost},
		"no space left":            {State: job.Ended, ExitCode: 1},
	} {
		if err := jobError("start the server", time.Minute, st, "no space left"); !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func FuzzSwapLog(f *testing.F) {
	f.Add([]byte("stage stop\nprobe 10.0 10.1 0\nprobe 12.5 12.6 1\nprobes 40 9.0 13.0\naway 1000 1300\nend healthy\n"))
	f.Add([]byte("probe 10 10 0\nprobe 12 12 1\nprobes 5 0 1e-320\nend healthy"))
	f.Add([]byte("probe NaN Inf 0\nprobe -1 1e300 1\nprobes 1 0 -1"))
	f.Fuzz(func(t *testing.T, log []byte) {
		var whole, pieces swapLog
		whole.add(log)
		whole.close()
		for _, b := range log {
			pieces.add([]byte{b})
		}
		pieces.close()
		if whole.end != pieces.end || len(whole.notes) != len(pieces.notes) {
			t.Errorf("in one piece %+v, in many %+v", whole, pieces)
		}
		if d := whole.downtime(); d != nil {
			if _, err := json.Marshal(d); err != nil {
				t.Errorf("a downtime that cannot be written down: %+v: %v", d, err)
			}
		}
	})
}

// The password of the running server is read at the last moment, and no error
// ever quotes it.
func TestDatabasePasswordIsReadAndNeverQuoted(t *testing.T) {
	for said, want := range map[string]string{
		"postgres://u:canary@h/d\n":      "canary",
		"postgres://u:can%40ary@h:1/d":   "can@ary",
		"postgres://u@h/d":               "",
		"":                               "",
		"postgres://u:can%ary@h/d":       "",
		"postgres://u:canary@h:port/d\n": "",
	} {
		e := &Engine{Host: answering(said)}
		got, err := e.secretContent(t.Context(), plan.WriteSecret{Path: "/s/db_password", Source: plan.FromDatabaseURL, Server: "talk"})
		if string(got) != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", said, got, err)
		}
		if err != nil && (strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "can%") || !strings.Contains(err.Error(), "talk")) {
			t.Errorf("%q: the error says %v", said, err)
		}
	}
}

// answering is a host that says the same to everything.
type answering string

func (a answering) Run(context.Context, remote.Command) (remote.Result, error) {
	return remote.Result{Stdout: []byte(a)}, nil
}
func (answering) ReadFile(context.Context, string, int64) (remote.File, error) {
	return remote.File{}, errors.New("no files")
}
func (answering) WriteFile(context.Context, string, []byte, remote.WriteOptions) error { return nil }
func (answering) Lstat(context.Context, string) (remote.FileInfo, error) {
	return remote.FileInfo{}, nil
}
func (answering) Remove(context.Context, string) error { return nil }

func TestContentOfSecrets(t *testing.T) {
	e := newEngine()
	for _, tt := range []struct {
		op   plan.WriteSecret
		want string
	}{
		{plan.WriteSecret{Source: plan.FromKey, Body: []byte("PEM")}, "PEM"},
		{plan.WriteSecret{Source: plan.FromNothing}, ""},
		{plan.WriteSecret{Source: plan.FromCredentials}, `{"username":"client","password":"p\"q","serveraddress":"registry.example.com"}`},
	} {
		got, err := e.secretContent(t.Context(), tt.op)
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: %s, %v; want %s", tt.op.Source, got, err, tt.want)
		}
	}
	if _, err := e.secretContent(t.Context(), plan.WriteSecret{Path: "/s/x", Source: "elsewhere"}); err == nil || !strings.Contains(err.Error(), "elsewhere") {
		t.Errorf("%v", err)
	}
	e.Workstation.Credentials = func(context.Context) (string, []byte, error) { return "", nil, errors.New("no terminal") }
	for name, do := range map[string]func() error{
		"creds": func() error { _, err := e.registryCreds(t.Context()); return err },
		"pull":  func() error { return e.pull(t.Context(), "pull", plan.Pull{Login: true}) },
	} {
		if err := do(); err == nil || err.Error() != "registry credentials: no terminal" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func newEngine() *Engine {
	e := &Engine{Host: answering(""), Watch: answering(""), Plan: &plan.Plan{Host: "web1", Release: plan.Release{Server: plan.Ref{Repo: "registry.example.com/a/b"}}}}
	e.Workstation.Credentials = func(context.Context) (string, []byte, error) { return "client", []byte(`p"q`), nil }
	return e
}

func TestDockerConfigHoldsExactlyOneLogin(t *testing.T) {
	data, err := dockerConfig("registry.example.com", "client", []byte("p:q\"ä"))
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		Auths map[string]struct{ Auth string }
	}
	if err := json.Unmarshal(data, &c); err != nil || len(c.Auths) != 1 {
		t.Fatalf("%s, %v", data, err)
	}
	if got, err := base64.StdEncoding.DecodeString(c.Auths["registry.example.com"].Auth); err != nil || string(got) != "client:p:q\"ä" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestRefusedLogin(t *testing.T) {
	for said, want := range map[string]bool{
		"Error response from daemon: Get https://r/v2/: no basic auth credentials": true,
		"unauthorized: authentication required":                                    true,
		"received unexpected HTTP status: 401 Unauthorized":                        true,
		"denied: requested access to the resource is denied":                       true,
		"error pulling image configuration: status code 401":                       true,
		"manifest unknown": false,
		`manifest for r/x@sha256:9f401ab0401 not found`:                   false,
		"read tcp 10.0.0.2:40132->10.0.0.1:401: connection reset by peer": false,
		"dial tcp: lookup registry.example.com: no such host":             false,
		"write /var/lib/docker/tmp/x: no space left on device":            false,
	} {
		if refusedLogin(said) != want {
			t.Errorf("%q: %v", said, !want)
		}
	}
}

func TestComplaintIsTheLastWordBeforeTheLog(t *testing.T) {
	long := strings.Repeat("x", 1000)
	for in, want := range map[string]string{
		"":                                  "",
		"first\nsecond\n\n":                 "second",
		"the updater is sick\nlog a\nlog b": "the updater is sick",
		long:                                long[:400],
	} {
		if got := lastMessage([]byte(in)); got != want {
			t.Errorf("%.40q: %.40q", in, got)
		}
	}
}

func TestErrorsAreSentences(t *testing.T) {
	exit := &remote.ExitError{Name: "pull images", Code: 1, Stderr: []byte("secret words")}
	for _, tt := range []struct {
		err  error
		want string
	}{
		{&HostError{What: "pull images", Err: exit}, "pull images: exit status 1"},
		{&HostError{What: "pull images", Said: "no room", Err: exit}, "pull images: no room"},
		{&StepError{Host: "web1", Step: plan.Step{Title: "pull"}, Err: exit}, `web1: step "pull": pull images: exit status 1`},
		{&RegistryError{Registry: "r", Err: errors.New("x")}, "registry r refused the host: x"},
		{&SwapError{Result: "kept"}, "nothing was changed, the old server serves"},
		{&SwapError{Result: "back", Notes: []string{"a", "b"}}, "a; b: the job on the host rolled back by itself and the old server serves again"},
		{&StaleError{Host: "web1", Drift: []string{"a", "b"}}, "web1: the plan is stale: a; b"},
		{&RefusedByHostError{"because"}, "because"},
	} {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("%q; want %q", got, tt.want)
		}
	}
	if !errors.Is(&HostError{Err: &StepError{Err: &RegistryError{Err: errExit}}}, errExit) {
		t.Error("a cause cannot be asked for")
	}
}

// A file that is neither as planned nor as the edit leaves it is somebody
// else's, and an edit that does not give the planned bytes is not written.
func TestEditWritesOnlyWhatWasPlanned(t *testing.T) {
	b := newBench(t)
	s, _ := b.plan.Step("edit")
	e := &Engine{Host: b.host, Plan: b.plan, Workstation: b.workstation()}
	b.host.world["file "+composePath] += "# theirs\n"
	var refused *RefusedByHostError
	if err := e.edit(t.Context(), s.Op.(plan.Edit)); !errors.As(err, &refused) || !strings.Contains(err.Error(), "somebody else") {
		t.Errorf("%v", err)
	}
	b.host.world["file "+composePath] = recordedCompose(t)
	wrong := s.Op.(plan.Edit)
	wrong.After = strings.Repeat("0", 64)
	if err := e.edit(t.Context(), wrong); err == nil || b.host.world["file "+composePath] != recordedCompose(t) {
		t.Errorf("%v", err)
	}
	if err := e.edit(t.Context(), s.Op.(plan.Edit)); err != nil || digest(b.host.world["file "+composePath]) != s.Op.(plan.Edit).After {
		t.Errorf("%v", err)
	}
	delete(b.host.world, "file "+composePath)
	if err := e.edit(t.Context(), s.Op.(plan.Edit)); err == nil {
		t.Error("a file that is gone was edited")
	}
}

func TestUneditNeedsTheProvenOriginal(t *testing.T) {
	b := newBench(t)
	s, _ := b.plan.Step("edit")
	e := &Engine{Host: b.host, Plan: b.plan, Workstation: b.workstation()}
	if err := e.edit(t.Context(), s.Op.(plan.Edit)); err != nil {
		t.Fatal(err)
	}
	after := b.host.world["file "+composePath]
	for name, original := range map[string]func(context.Context, string) ([]byte, error){
		"no backup":    func(context.Context, string) ([]byte, error) { return nil, errors.New("no such backup") },
		"another file": func(context.Context, string) ([]byte, error) { return []byte("x"), nil },
	} {
		e.Workstation.Original = original
		if err := e.revertEdit(t.Context(), s.Undo.(plan.RevertEdit)); err == nil || b.host.world["file "+composePath] != after {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Trap S3: a file that got content since the plan was made is kept.
func TestS3ASecretWithContentIsNotReplaced(t *testing.T) {
	b := newBench(t)
	e := &Engine{Host: b.host, Plan: b.plan, Workstation: b.workstation()}
	const path = "/srv/chatalot/secrets/registry_creds"
	op := plan.WriteSecret{Path: path, Source: plan.FromCredentials, Mode: 0o644}
	for _, before := range []string{"staged by hand", "", " \n"} {
		b.host.world["file "+path] = before
		if err := e.secret(t.Context(), op); err != nil {
			t.Fatal(err)
		}
		if got := b.host.world["file "+path]; (got == before) != (before == "staged by hand") {
			t.Errorf("%q became %q", before, got)
		}
	}
}

func TestAnUnknownOperationDoesNothing(t *testing.T) {
	if _, err := newEngine().execute(t.Context(), "x", nil); !errors.Is(err, errUnknownOp) {
		t.Error(err)
	}
}

func TestTheEngineKnowsEveryOperation(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	workstation := b.workstation()
	workstation.Send = func(context.Context, plan.Send) error { return nil }
	for _, op := range plan.Operations() {
		e := &Engine{Host: b.host, Watch: b.host, Plan: b.plan, Workstation: workstation}
		if _, err := e.execute(ctx, "x", op); errors.Is(err, errUnknownOp) {
			t.Errorf("%T: %v", op, err)
		}
	}
}

func TestARunOfNothingIsComplete(t *testing.T) {
	b := newBench(t)
	b.plan.Steps = nil
	res, err := b.run(t.Context())
	if err != nil || res.Outcome != journal.Completed || res.Changed || b.state().Outcome != journal.Completed {
		t.Errorf("%+v, %v", res, err)
	}
}
