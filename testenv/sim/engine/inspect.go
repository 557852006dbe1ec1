package engine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"strings"
	"text/template"
	"time"
)

// The documents have the names and the nesting of the engine's own, API 1.45,
// without the parts that nobody here reads.

type containerDoc struct {
	Id, Created     string
	State           stateDoc
	Image, Name     string
	RestartCount    int
	Mounts          []mountDoc
	Config          map[string]any
	HostConfig      map[string]any
	NetworkSettings networksDoc
}

type stateDoc struct {
	Status                string
	Running, Restarting   bool
	OOMKilled             bool
	Pid, ExitCode         int // no process of the machine stands for a container
	StartedAt, FinishedAt string
	Health                *healthDoc `json:",omitempty"`
}

type healthDoc struct{ Status string }

type mountDoc struct {
	Type                string
	Name                string `json:",omitempty"`
	Source, Destination string
	RW                  bool
}

type networksDoc struct {
	Ports    map[string][]portDoc
	Networks map[string]endpointDoc
}

type portDoc struct{ HostIp, HostPort string }

type endpointDoc struct {
	Aliases           []string
	NetworkID         string
	IPAddress         string
	GlobalIPv6Address string
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "0001-01-01T00:00:00Z"
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func (e *Engine) inspect(c *Container) containerDoc {
	now := e.condition(c)
	d := containerDoc{
		Id: c.ID, Created: stamp(c.Created), Image: c.ImageID, Name: "/" + c.Name, RestartCount: now.restarts,
		State: stateDoc{
			Status: now.status, Running: now.status == "running", Restarting: now.status == "restarting",
			StartedAt: stamp(c.Started), FinishedAt: stamp(c.Finished),
		},
		Config: maps.Clone(c.Made.Config), HostConfig: c.Made.HostConfig,
		NetworkSettings: networksDoc{Ports: map[string][]portDoc{}, Networks: map[string]endpointDoc{}},
	}
	for key, v := range map[string]any{"Hostname": c.ID[:12], "Env": c.Env, "Image": c.Image, "Labels": c.Labels} {
		d.Config[key] = v
	}
	if d.State.Restarting {
		d.State.ExitCode = 1
	}
	if image := e.Image(c.ImageID); image != nil {
		if now.status == "running" && image.App.Kind != Proxy {
			d.State.Health = &healthDoc{Status: "starting"}
			if now.answers {
				d.State.Health.Status = "healthy"
			}
		}
	}
	for _, m := range c.Mounts {
		d.Mounts = append(d.Mounts, mountDoc(m))
	}
	for port, published := range c.Ports {
		d.NetworkSettings.Ports[port] = []portDoc{published}
	}
	for _, n := range c.Networks {
		d.NetworkSettings.Networks[n] = endpointDoc{Aliases: []string{c.Name, c.Service}, NetworkID: e.Network(n).ID, IPAddress: e.address(c)}
	}
	return d
}

type imageDoc struct {
	Id                    string
	RepoTags, RepoDigests []string
	Architecture, Os      string
	Config                map[string]any
}

func (i *Image) doc() imageDoc {
	d := imageDoc{Id: i.ID, RepoTags: i.Tags, RepoDigests: i.Digests, Architecture: "amd64", Os: "linux"}
	d.Config = map[string]any{
		"User": i.User, "Env": i.Env, "Cmd": i.Cmd, "Entrypoint": i.Entrypoint, "WorkingDir": i.WorkingDir, "Healthcheck": i.Healthcheck,
		"Labels": map[string]string{}, "Volumes": nil, "ExposedPorts": nil,
	}
	if d.RepoTags == nil {
		d.RepoTags = []string{}
	}
	if d.RepoDigests == nil {
		d.RepoDigests = []string{}
	}
	return d
}

type networkDoc struct {
	Name, Id string
	Driver   string
	Internal bool
	Labels   map[string]string
}

func (n *Network) doc() networkDoc {
	return networkDoc{Name: n.Name, Id: n.ID, Driver: "bridge", Internal: n.Internal, Labels: n.Labels}
}

// render writes documents as JSON, or each by a template.
func render(w io.Writer, format string, docs []any) error {
	if format == "" {
		if docs == nil {
			docs = []any{}
		}
		data, err := json.MarshalIndent(docs, "", "    ")
		if err == nil {
			_, err = fmt.Fprintf(w, "%s\n", data)
		}
		return err
	}
	t, err := template.New("").Funcs(template.FuncMap{"json": func(v any) (string, error) {
		data, err := json.Marshal(v)
		return string(data), err
	}}).Parse(format)
	if err != nil {
		return err
	}
	for _, d := range docs {
		var b bytes.Buffer
		if err := t.Execute(&b, d); err != nil {
			// As the docker command does it: what the typed document does not have may be
			// in the one that the engine sent.
			b.Reset()
			if err := executeRaw(t, &b, d); err != nil {
				return err
			}
		}
		if _, err := io.WriteString(w, strings.ReplaceAll(b.String(), "<no value>", "")+"\n"); err != nil {
			return err
		}
	}
	return nil
}

func executeRaw(t *template.Template, w io.Writer, doc any) error {
	data, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var raw any
	if err := dec.Decode(&raw); err != nil {
		return err
	}
	return t.Execute(w, raw)
}
