//go:build unix

package container_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"liftalot/plan/container"
	"liftalot/testenv/images"
	"liftalot/testenv/vps/vpstest"
)

// A machine has an engine and a shell.
type machine struct {
	name   string
	folder string // made by the test, for records and what cases mount
	label  string // what marks all that a test makes there
	socket string // for the other transport, "" for the docker command
	run    func(ctx context.Context, script string, in []byte) (string, error)
}

func (m machine) sh(t *testing.T, script string) string {
	t.Helper()
	out, err := m.run(t.Context(), script, nil)
	if err != nil {
		t.Fatalf("%s: %s\n%s\n%v", m.name, script, out, err)
	}
	return strings.TrimSpace(out)
}

func (m machine) put(t *testing.T, path string, data []byte) {
	t.Helper()
	if out, err := m.run(t.Context(), "umask 077 && cat >'"+path+"'", data); err != nil {
		t.Fatalf("%s: %s: %s\n%v", m.name, path, out, err)
	}
}

// call runs a function of container.sh.
func (m machine) call(t *testing.T, function string) (string, error) {
	t.Helper()
	script, err := os.ReadFile("../apply/scripts/container.sh")
	if err != nil {
		t.Fatal(err)
	}
	return m.run(t.Context(), "set -u\nSOCKET="+m.socket+"\n"+string(script)+"\n"+function, nil)
}

func here(t *testing.T) machine {
	return machine{name: "here", folder: t.TempDir(), run: func(ctx context.Context, script string, in []byte) (string, error) {
		cmd := exec.CommandContext(ctx, "/bin/sh", "-c", script)
		cmd.Stdin = bytes.NewReader(in)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}}
}

// A world is containers that somebody has started, and those of them that are recorded,
// in the order in which they are made again. The first may be the server of the others.
type world struct {
	name    string
	compose string // a compose file, or
	run     string // a script
	targets []string
	differ  []string
	here    bool   // on this machine's engine alone: the server's compose world has it too
	curl    bool   // through the other transport too
	check   string // a script that fails if what must be there is not
}

func (w world) on(t *testing.T, m machine) {
	folder := m.folder + "/" + w.name
	m.sh(t, "mkdir -m 700 "+folder+" "+folder+"/record && cp -r "+m.folder+"/files "+folder+"/files")
	fill := strings.NewReplacer("@FOLDER@", folder, "@LABEL@", m.label, "@LABELMAP@", strings.Replace(m.label, "=", `: "`, 1)+`"`, "@RUN@", "docker run -d --label "+m.label)
	t.Cleanup(func() {
		_, _ = m.run(context.WithoutCancel(t.Context()), "docker rm -f -v $(docker ps -aq --filter label="+m.label+"); docker network rm $(docker network ls -q --filter label="+m.label+
			"); docker volume rm $(docker volume ls -q --filter label="+m.label+")", nil)
	})
	if w.compose != "" {
		m.put(t, folder+"/compose.yml", []byte(fill.Replace(w.compose)))
		m.sh(t, "cd "+folder+" && docker compose -p rec up -d 2>&1 && mv compose.yml again.yml")
	} else {
		m.sh(t, "set -e\ncd "+folder+"\n"+fill.Replace(w.run))
	}
	before := map[string]map[string]any{}
	server := ""
	for i, name := range w.targets {
		told := m.sh(t, "docker inspect "+name)
		before[name] = decode(t, told)
		image := m.sh(t, "docker image inspect "+before[name]["Image"].(string))
		files, err := container.Record(json.RawMessage(told), json.RawMessage(image), server)
		if err != nil {
			t.Fatal(err)
		}
		for file, data := range files {
			m.put(t, folder+"/record/"+file, data)
		}
		if out, err := m.call(t, "matches_record "+folder+"/record "+name+" "+server); err != nil {
			t.Errorf("%s: the container that was recorded differs from its own record: %s", name, out)
		}
		if i == 0 {
			server = before[name]["Id"].(string)
		}
	}
	for _, name := range slices.Backward(w.targets) {
		m.sh(t, "docker rm -f "+name)
	}
	w.remake(t, m, folder, before)
	if w.check != "" {
		if out, err := m.run(t.Context(), "set -e\ncd "+folder+"\n"+fill.Replace(w.check), nil); err != nil {
			t.Errorf("%s (%v)\n%s", w.check, err, out)
		}
	}
}

func (w world) remake(t *testing.T, m machine, folder string, before map[string]map[string]any) {
	server := ""
	for i, name := range w.targets {
		id, err := m.call(t, "recreate "+folder+"/record "+name+" "+server)
		if err != nil {
			t.Fatalf("%s: recreate: %s", name, id)
		}
		id = strings.TrimSpace(id)
		if i == 0 {
			// A power cut before it was whole, and one before anybody was told that it is.
			m.sh(t, "cd "+folder+"/record && docker rename "+name+" $(sed -n 's/^aside //p' "+name+".record) && rm "+name+".id")
			for range 2 {
				if again, err := m.call(t, "recreate "+folder+"/record "+name); err != nil || strings.TrimSpace(again) != id {
					t.Errorf("%s: asked again: %s (%v), want %s", name, again, err, id)
				}
			}
		}
		m.sh(t, "docker start "+id)
		differ, err := m.call(t, "matches_record "+folder+"/record "+name+" "+server)
		if m.socket == "" && (err != nil || differ != "") {
			t.Errorf("%s differs from its record: %s", name, differ)
		}
		after := decode(t, m.sh(t, "docker inspect "+name))
		oldServer := ""
		if i == 0 {
			server = id
		} else {
			oldServer = before[w.targets[0]]["Id"].(string)
		}
		want, got := plain(before[name], oldServer), plain(after, server)
		for _, path := range slices.Sorted(maps.Keys(union(want, got))) {
			if want[path] != got[path] && !slices.ContainsFunc(w.differ, func(d string) bool { return strings.HasPrefix(path, d) }) {
				t.Errorf("%s: %s was %s and is %s", name, path, want[path], got[path])
			}
		}
		if left := m.sh(t, "ls "+folder+"/record | grep -E 'request|now' || true"); left != "" {
			t.Errorf("left behind: %s", left)
		}
	}
}

func decode(t *testing.T, told string) map[string]any {
	t.Helper()
	var list []map[string]any
	dec := json.NewDecoder(strings.NewReader(told))
	dec.UseNumber()
	if err := dec.Decode(&list); err != nil || len(list) != 1 {
		t.Fatalf("%d documents, %v", len(list), err)
	}
	return list[0]
}

func union(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// plain is a document as its leaves by path, without what no two containers share.
func plain(doc map[string]any, server string) map[string]string {
	leaves := map[string]string{}
	id := doc["Id"].(string)
	own := strings.NewReplacer(id, "ID", id[:12], "SHORT")
	if server != "" {
		own = strings.NewReplacer(id, "ID", id[:12], "SHORT", server, "SERVER", server[:12], "SERVERSHORT")
	}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		last := path[strings.LastIndex(path, ".")+1:]
		for _, gone := range []string{"Created", "State", "GraphDriver", "NetworkSettings.Sandbox", "NetworkSettings.Ports", "ExecIDs", "SizeRootFs"} {
			if strings.HasPrefix(path, "."+gone) {
				return
			}
		}
		if strings.HasPrefix(path, ".NetworkSettings") && slices.Contains([]string{"EndpointID", "IPAddress", "MacAddress", "GlobalIPv6Address"}, last) {
			return
		}
		switch v := v.(type) {
		case nil:
		case map[string]any:
			for k, sub := range v {
				walk(path+"."+k, sub)
			}
		case []any:
			var all []string
			for _, sub := range v {
				if m, ok := sub.(map[string]any); ok && path == ".Mounts" && m["Mode"] == "z" && m["Type"] == "volume" {
					m["Mode"] = "" // the engine's own default for a volume that is asked for by name
				}
				data, _ := json.Marshal(sub)
				all = append(all, own.Replace(string(data)))
			}
			// The engine keeps these as a set.
			if path == ".Mounts" || last == "Aliases" || last == "DNSNames" {
				slices.Sort(all)
			}
			if len(all) > 0 {
				leaves[path] = "[" + strings.Join(all, ",") + "]"
			}
		default:
			leaves[path] = own.Replace(fmt.Sprintf("%v", v))
		}
	}
	walk("", doc)
	return leaves
}

// imports makes the images that worlds use: of nothing but a shell.
func (m machine) imports(t *testing.T, busybox []byte) {
	t.Helper()
	tar, err := images.Tar([]images.Entry{
		{Path: "bin/busybox", Data: busybox, Mode: 0o755},
		{Path: "data/seed", Data: []byte("of the image"), Mode: 0o644},
	})
	if err != nil {
		t.Fatal(err)
	}
	m.put(t, m.folder+"/image.tar", tar)
	m.sh(t, `cd `+m.folder+` && mkdir files && echo of the host >files/seen &&
docker import --change 'CMD ["/bin/busybox","sleep","9999"]' image.tar liftalot-record/plain:1 &&
docker import --change 'ENTRYPOINT ["/bin/busybox"]' --change 'CMD ["sleep","9999"]' --change 'ENV IMAGE=own' --change 'VOLUME /data' --change 'EXPOSE 8080' \
  --change 'HEALTHCHECK --interval=7s CMD /bin/busybox true' --change 'LABEL of=image' --change 'WORKDIR /data' --change 'USER 0:0' image.tar liftalot-record/rich:1`)
	t.Cleanup(func() {
		_, _ = m.run(context.WithoutCancel(t.Context()), "docker rmi liftalot-record/plain:1 liftalot-record/rich:1", nil)
	})
}

// What is made again is what was recorded, on real engines, whatever it was made with.
func TestRecreate(t *testing.T) {
	host := vpstest.Boot(t, "public")
	busybox, err := host.ReadFile(t.Context(), "/usr/bin/busybox")
	if err != nil {
		t.Fatal(err)
	}
	server := machine{name: "server", folder: "/root/record-test", run: func(ctx context.Context, script string, in []byte) (string, error) {
		var out bytes.Buffer
		code, err := host.ExecStream(ctx, bytes.NewReader(in), &out, &out, "sh", "-c", script)
		if err == nil && code != 0 {
			err = fmt.Errorf("exit status %d", code)
		}
		return out.String(), err
	}}
	server.sh(t, "mkdir -m 700 "+server.folder)
	for _, m := range []machine{here(t), server} {
		t.Run(m.name, func(t *testing.T) {
			m.label = fmt.Sprintf("liftalot.record.test=%d", os.Getpid())
			m.imports(t, busybox)
			for _, w := range worlds() {
				if w.compose != "" && m.name == "here" || w.here && m.name != "here" {
					continue // no Compose is needed on the machine that tests run on
				}
				t.Run(w.name, func(t *testing.T) { w.on(t, m) })
				if w.curl && m.name == "here" {
					curl := m
					curl.socket = "/var/run/docker.sock"
					w.name += "-curl"
					t.Run(w.name, func(t *testing.T) { w.on(t, curl) })
				}
			}
		})
	}
}
