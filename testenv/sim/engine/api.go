package engine

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"liftalot/testenv/sim/machine"
)

// dialStdio is "docker system dial-stdio": the engine's API on standard input and output,
// one request and its answer. As with the real one, whoever ends the input before the
// answer has come cancels the request.
func (c *call) dialStdio() int {
	in := bufio.NewReader(c.p.Stdin())
	req, err := http.ReadRequest(in)
	if err != nil {
		return c.refuse(err.Error())
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return c.refuse(err.Error())
	}
	code, answer := c.api(c.p, req.Method, req.URL, body)
	fmt.Fprintf(c.p.Stdout(), "HTTP/1.0 %d %s\r\nApi-Version: 1.45\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		code, http.StatusText(code), len(answer), answer)
	return 0
}

// api answers a request to the engine as version 1.45 does, for the few that are used.
func (e *Engine) api(p *machine.Proc, method string, u *url.URL, body []byte) (code int, answer string) {
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	if len(parts) > 0 && strings.HasPrefix(parts[0], "v1.") {
		parts = parts[1:]
	}
	switch what := method + " " + strings.Join(parts, "/"); {
	case what == "GET _ping":
		return 200, "OK"
	case what == "GET version":
		return 200, serverVersion
	case what == "GET containers/json":
		return e.list(u.Query().Get("filters"))
	case what == "POST containers/create":
		return e.createContainer(u.Query().Get("name"), body)
	case len(parts) == 3 && parts[0] == "networks" && parts[2] == "connect":
		return e.connect(parts[1], body)
	case len(parts) == 3 && parts[0] == "networks" && parts[2] == "disconnect":
		return e.disconnect(parts[1], body)
	case len(parts) == 2 && parts[0] == "networks" && method == "GET":
		if n := e.Network(parts[1]); n != nil {
			return document(200, n.doc())
		}
		return failure(404, "network %s not found", parts[1])
	case len(parts) >= 2 && parts[0] == "containers":
		x := e.Container(parts[1])
		if x == nil {
			return failure(404, "No such container: %s", parts[1])
		}
		return e.onContainer(p, x, method+" "+strings.Join(parts[2:], "/"), u.Query().Get("name"), body)
	case len(parts) == 3 && method == "POST" && parts[0] == "exec" && parts[2] == "start":
		return e.startExec(p, parts[1])
	case len(parts) >= 3 && parts[0] == "images" && parts[len(parts)-1] == "json":
		if i := e.Image(strings.Join(parts[1:len(parts)-1], "/")); i != nil {
			return document(200, i.doc())
		}
		return failure(404, "No such image: %s", parts[1])
	}
	p.Unsimulated("docker", "the request %s %s", method, u.Path)
	return failure(501, "%s %s: %v", method, u.Path, errNotSimulated)
}

func document(code int, v any) (int, string) {
	data, err := json.Marshal(v)
	if err != nil {
		return failure(500, "%v", err)
	}
	return code, string(data) + "\n"
}

func failure(code int, format string, args ...any) (int, string) {
	return document(code, map[string]string{"message": fmt.Sprintf(format, args...)})
}

// onContainer is a request about one container.
func (e *Engine) onContainer(p *machine.Proc, x *Container, what, name string, body []byte) (int, string) {
	switch what {
	case "POST rename":
		if other := e.Container(name); other != nil {
			return failure(409, "Error when allocating new name: Conflict. The container name \"/%s\" is already in use by container %q. You have to remove (or rename) that container to be able to reuse that name.", name, other.ID)
		}
		x.Name = name
		return 204, ""
	case "POST update":
		return x.update(body)
	case "POST exec":
		return e.prepareExec(x, body)
	case "GET json":
		return document(200, e.inspect(x))
	case "POST start", "POST restart":
		if x.Running && what == "POST start" {
			return 304, ""
		}
		p.Sleep(200 * time.Millisecond)
		x.stop(e)
		if err := e.run(x); err != nil {
			return failure(400, "%v", err)
		}
		return 204, ""
	case "POST stop":
		x.stop(e)
		return 204, ""
	case "DELETE ":
		e.remove(x)
		return 204, ""
	}
	p.Unsimulated("docker", "the request %s about a container", what)
	return failure(501, "%s: %v", what, errNotSimulated)
}

// update changes when the engine starts a container by itself.
func (c *Container) update(body []byte) (int, string) {
	var want struct{ RestartPolicy map[string]any }
	if err := json.Unmarshal(body, &want); err != nil || want.RestartPolicy == nil {
		return failure(400, "%v: %v", errNotSimulated, err)
	}
	c.Made.HostConfig = maps.Clone(c.Made.HostConfig)
	c.Made.HostConfig["RestartPolicy"] = want.RestartPolicy
	return document(200, map[string]any{"Warnings": nil})
}

// list is a list of containers, the stopped ones too, by a filter in JSON.
func (e *Engine) list(filters string) (int, string) {
	var by map[string][]string
	if filters != "" {
		if err := json.Unmarshal([]byte(filters), &by); err != nil {
			return failure(400, "%v", err)
		}
	}
	var flat []string
	for kind, values := range by {
		for _, v := range values {
			flat = append(flat, kind+"="+v)
		}
	}
	type summary struct {
		Id             string
		Names          []string
		Image, ImageID string
		Labels         map[string]string
		State, Status  string
	}
	all := []summary{}
	for _, x := range e.Containers {
		ok, err := matching(flat, x.Labels, x.Name)
		if err != nil {
			return failure(400, "%v", err)
		}
		if ok {
			now := e.condition(x).status
			all = append(all, summary{x.ID, []string{"/" + x.Name}, x.Image, x.ImageID, x.Labels, now, now})
		}
	}
	return document(200, all)
}

// created is the body of a request to make a container.
type created struct {
	Env              []string
	Image            string
	Labels           map[string]string
	HostConfig       map[string]any
	NetworkingConfig struct{ EndpointsConfig map[string]any }
}

func (e *Engine) createContainer(name string, body []byte) (int, string) {
	var want created
	config := map[string]any{}
	if err := errors.Join(json.Unmarshal(body, &want), json.Unmarshal(body, &config)); err != nil {
		return failure(400, "%v", err)
	}
	image := e.Image(want.Image)
	if image == nil {
		return failure(404, "No such image: %s", want.Image)
	}
	if other := e.Container(name); other != nil {
		return failure(409, "Conflict. The container name \"/%s\" is already in use by container %q", name, other.ID)
	}
	delete(config, "HostConfig")
	delete(config, "NetworkingConfig")
	c := &Container{
		ID: e.newID(), Name: name, Image: want.Image, ImageID: image.ID, Service: want.Labels[labelService], Created: e.machine.Now(),
		Env: want.Env, Labels: want.Labels, Ports: map[string]portDoc{}, Made: Definition{config, want.HostConfig},
	}
	for network := range want.NetworkingConfig.EndpointsConfig {
		if e.Network(network) == nil {
			return failure(404, "network %s not found", network)
		}
		c.Networks = append(c.Networks, e.Network(network).Name)
	}
	slices.Sort(c.Networks)
	binds, _ := want.HostConfig["Binds"].([]any)
	for _, b := range binds {
		c.Mounts = append(c.Mounts, e.mounted(text(b)))
	}
	ports, _ := want.HostConfig["PortBindings"].(map[string]any)
	for port, at := range ports {
		if places, _ := at.([]any); len(places) > 0 {
			to, _ := places[0].(map[string]any)
			c.Ports[port] = portDoc{text(to["HostIp"]), text(to["HostPort"])}
		}
	}
	e.Containers = append(e.Containers, c)
	e.Did["create "+cmp.Or(c.Service, name)+" of "+want.Image]++
	return document(201, map[string]any{"Id": c.ID, "Warnings": []string{}})
}

// mounted is a bind of HostConfig: a volume is made where there is none of that name.
func (e *Engine) mounted(bind string) Mount {
	from, rest, _ := strings.Cut(bind, ":")
	to, mode, _ := strings.Cut(rest, ":")
	if strings.HasPrefix(from, "/") {
		return Mount{Type: "bind", Source: from, Destination: to, RW: mode != "ro"}
	}
	if !slices.ContainsFunc(e.Volumes, func(v *Volume) bool { return v.Name == from }) {
		e.Volumes = append(e.Volumes, &Volume{Name: from, Labels: map[string]string{}})
	}
	return Mount{Type: "volume", Name: from, Destination: to, RW: mode != "ro"}
}

func (e *Engine) connect(network string, body []byte) (int, string) {
	var want struct{ Container string }
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&want); err != nil {
		return failure(400, "%v", err)
	}
	n, x := e.Network(network), e.Container(want.Container)
	switch {
	case n == nil:
		return failure(404, "network %s not found", network)
	case x == nil:
		return failure(404, "No such container: %s", want.Container)
	case slices.Contains(x.Networks, n.Name):
		return failure(403, "endpoint with name %s already exists in network %s", x.Name, n.Name)
	}
	x.Networks = append(x.Networks, n.Name)
	slices.Sort(x.Networks)
	return 200, ""
}

func (e *Engine) disconnect(network string, body []byte) (int, string) {
	var want struct{ Container string }
	if err := json.Unmarshal(body, &want); err != nil {
		return failure(400, "%v", err)
	}
	n, x := e.Network(network), e.Container(want.Container)
	if n == nil || x == nil {
		return failure(404, "network %s or container %s not found", network, want.Container)
	}
	x.Networks = slices.DeleteFunc(x.Networks, func(name string) bool { return name == n.Name })
	return 200, ""
}
