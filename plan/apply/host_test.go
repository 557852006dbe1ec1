package apply

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"liftalot/plan"
	"liftalot/plan/compose"
	"liftalot/remote"
)

// A world is what a host is, as far as an upgrade may change it: files by path,
// services that run, the server's image, jobs by folder.
type world map[string]string

// fakeHost carries out commands by their names, in memory. It is not a shell:
// what the scripts do is held against real shells in scripts_test.go.
type fakeHost struct {
	world world
	ran   []string // names of what ran, in order
	jobs  int      // jobs that were really started
	// fault is asked before and after everything: an error before means that
	// nothing happened, one after that it did and nobody saw it.
	fault func(what string, after bool) error
	log   string // what the swap job says
	back  string // of a job that goes back; "" ends well

	ailing string // what is told of containers that are not well
}

var errExit = &remote.ExitError{Name: "command", Code: 1, Stderr: []byte("it does not want to\n")}

const composePath = "/srv/chatalot/docker-compose.yml"

func newHost(t testing.TB) *fakeHost {
	t.Helper()
	return &fakeHost{
		log: "stage stop\nstage start\naway 100 300\nend healthy\n",
		world: world{
			"file " + composePath: recordedCompose(t), "mode /srv/chatalot/secrets": "0755", "server": "sha256:old",
		},
	}
}

// recordedCompose is the file the golden plan was made on.
func recordedCompose(t testing.TB) string { return recordedPart(t, "file.0") }

// recordedPart is a part of the look at the host of the golden plan.
func recordedPart(t testing.TB, name string) string {
	t.Helper()
	const marker = "@@0123456789abcdef0123456789abcdef"
	_, rest, _ := strings.Cut(string(readTest(t, "../probe/testdata/public.look")), marker+" begin "+name+"\n")
	body, _, ok := strings.Cut(rest, "\n"+marker+" end "+name+" ")
	if !ok {
		t.Fatalf("no part %q in the recording", name)
	}
	return body
}

func readTest(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.FromSlash(path))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// withHandover does something once the faults let it.
func (h *fakeHost) act(what string, do func() error) error {
	h.ran = append(h.ran, what)
	if h.fault != nil {
		if err := h.fault(what, false); err != nil {
			return err
		}
	}
	if err := do(); err != nil {
		return err
	}
	if h.fault != nil {
		return h.fault(what, true)
	}
	return nil
}

func (h *fakeHost) Run(ctx context.Context, cmd remote.Command) (res remote.Result, err error) {
	if err := ctx.Err(); err != nil {
		return res, errors.Join(remote.ErrNotStarted, err)
	}
	if !cmd.Root {
		return res, fmt.Errorf("%s does not ask for root", cmd.Name)
	}
	err = h.act(cmd.Name, func() (err error) {
		res.Stdout, err = h.run(cmd)
		return err
	})
	var exit *remote.ExitError
	if errors.As(err, &exit) {
		res.ExitCode, res.Stderr = exit.Code, exit.Stderr
	}
	return res, err
}

func (h *fakeHost) run(cmd remote.Command) ([]byte, error) {
	w := h.world
	verb, rest, _ := strings.Cut(cmd.Name, " ")
	switch {
	case cmd.Name == "tag the running image":
		w["tag "+cmd.Args[1]] = cmd.Args[0]
	case strings.HasPrefix(cmd.Name, "set the mode of "):
		w["mode "+cmd.Args[0]] = cmd.Args[1]
	case verb == "ask" && strings.HasSuffix(rest, " is made of"):
		return []byte(madeOf), nil
	case verb == "make":
		if w["file "+rest] == "" {
			w["file "+rest] = strings.Repeat("ab", 32)
		}
	case verb == "open", verb == "close":
		w["mode "+rest] = cmd.Args[1]
	case verb == "remove" && strings.HasPrefix(rest, "/"):
		delete(w, "file "+rest)
	case verb == "empty":
		w["file "+rest] = ""
	case strings.HasPrefix(cmd.Name, "read the database address"):
		return []byte("postgres://chatalot:canary@postgres:5432/chatalot\n"), nil
	case strings.HasPrefix(cmd.Name, "start chatalot-"):
		for _, s := range strings.Split(rest, " and ") {
			w["up "+s] = "yes"
		}
	case strings.HasPrefix(cmd.Name, "remove chatalot-"):
		for _, s := range strings.Split(rest, " and ") {
			delete(w, "up "+s)
		}
	case cmd.Name == "ask what the containers said last":
		return []byte(h.ailing), nil
	case cmd.Name == "put the database back":
		w["database"] = "restored"
	case verb == "leave":
		data, err := io.ReadAll(cmd.Stdin)
		w["copy "+cmd.Args[0]+"/"+cmd.Args[1]] = string(data)
		return nil, err
	case cmd.Name == "start job":
		return nil, h.startJob(cmd)
	case cmd.Name == "look at job":
		return h.lookAtJob(cmd.Args[0])
	case cmd.Name == "remove job":
		if _, ok := w["job "+cmd.Args[0]]; !ok {
			return nil, &remote.ExitError{Name: cmd.Name, Code: 44}
		}
		delete(w, "job "+cmd.Args[0])
	case cmd.Name == "remove the run's folder":
		maps.DeleteFunc(w, func(k, _ string) bool { return strings.HasPrefix(k, "job "+cmd.Args[0]) })
	}
	return nil, nil
}

// madeOf is what the engine tells of the server's container and its image, as far as it
// has to be told.
const madeOf = `[{"Id": "ca7044a3958dbe268d0d7cabb237fab03234891d5f6ce120890f8b68efa6b187", "Name": "/chatalot-server",
	"Image": "sha256:ddb5658cb4c6ad03a3df06ad6d1f927461445035c6a8757f74607b1e332b697b",
	"Config": {"Image": "chatalot-chatalot", "Env": ["DB_PASSWORD=canary"]}, "HostConfig": {"NetworkMode": "chatalot_internal"},
	"Mounts": [], "NetworkSettings": {"Networks": {"chatalot_internal": {}}}}]
[{"Id": "sha256:ddb5658cb4c6ad03a3df06ad6d1f927461445035c6a8757f74607b1e332b697b", "Config": {}}]`

// startJob passes the gate of the folder's name once.
func (h *fakeHost) startJob(cmd remote.Command) error {
	key := "job " + cmd.Args[0]
	if _, ok := h.world[key]; ok {
		return nil
	}
	script, err := io.ReadAll(cmd.Stdin)
	if err != nil {
		return err
	}
	if path.Base(cmd.Args[0]) == "pull" {
		h.world["pulled"], h.world[key] = strings.TrimSuffix(strings.SplitN(string(script), "\n", 2)[0], " "), "pulling a@sha256:1\n"
		return nil
	}
	h.jobs++
	h.world[key] = h.log
	h.world["container"] = fmt.Sprintf("container %d", h.jobs)
	switch {
	case strings.Contains(string(script), "back=1"):
		if h.back != "" {
			h.world[key] = h.back
			return nil
		}
		h.world["server"] = "sha256:old"
		h.world[key] = "stage back\naway 100 300\nend healthy\n"
	case strings.HasSuffix(h.log, "end healthy\n"), strings.HasSuffix(h.log, "end migrated\n"):
		h.world["server"] = "sha256:new"
	}
	return nil
}

func (h *fakeHost) lookAtJob(dir string) ([]byte, error) {
	log, ok := h.world["job "+dir]
	if !ok {
		return nil, &remote.ExitError{Name: "look at job", Code: 44}
	}
	return []byte("ended 0 no\n" + log), nil
}

func (h *fakeHost) ReadFile(_ context.Context, path string, _ int64) (f remote.File, err error) {
	err = h.act("read "+path, func() error {
		data, ok := h.world["file "+path]
		if !ok {
			return fmt.Errorf("read %q: %w", path, fs.ErrNotExist)
		}
		f.Path, f.Data, f.SHA256 = path, []byte(data), digest(data)
		return nil
	})
	return f, err
}

func (h *fakeHost) WriteFile(_ context.Context, path string, data []byte, opt remote.WriteOptions) error {
	return h.act("write "+path, func() error {
		old, there := h.world["file "+path]
		switch {
		case there && opt.ExpectSHA256 == "":
			return errors.Join(remote.ErrNotStarted, fs.ErrExist)
		case there && opt.ExpectSHA256 != digest(old) && opt.ExpectSHA256 != remote.AnyContent:
			return &remote.ChangedError{Path: path}
		}
		h.world["file "+path] = string(data)
		return nil
	})
}

func (h *fakeHost) Lstat(context.Context, string) (remote.FileInfo, error) {
	return remote.FileInfo{}, fs.ErrNotExist
}

func (h *fakeHost) Remove(context.Context, string) error { return nil }

func digest(data string) string {
	sum := sha256.Sum256([]byte(data))
	return hex.EncodeToString(sum[:])
}

// facts is what a look sees of the world.
func (h *fakeHost) facts(t testing.TB) *plan.Facts {
	t.Helper()
	var f plan.Facts
	if err := json.Unmarshal(readTest(t, "../probe/testdata/public.facts.json"), &f); err != nil {
		t.Fatal(err)
	}
	model, err := compose.ParseModel([]byte(recordedPart(t, "model")))
	if err != nil {
		t.Fatal(err)
	}
	f.Model = model
	f.Files[0].SHA256 = digest(h.world["file "+composePath])
	for i := range f.Services {
		if f.Services[i].Service != "chatalot" {
			continue
		}
		if id := h.world["container"]; id != "" {
			f.Services[i].ID = id
		}
		if h.world["server"] != "sha256:old" {
			f.Services[i].ImageID = h.world["server"]
		}
	}
	return &f
}

// client is the part of a world that is the client's, or that a rollback has to
// restore: what is kept on purpose does not count.
func (w world) client() world {
	out := maps.Clone(w)
	maps.DeleteFunc(out, func(k, _ string) bool {
		return strings.HasPrefix(k, "tag ") || k == "pulled" || k == "container" || strings.Contains(k, "/ran/") || strings.HasPrefix(k, "job ") || strings.HasPrefix(k, "copy ")
	})
	return out
}
