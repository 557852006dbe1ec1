package engine

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"liftalot/testenv/sim/machine"
)

// curl's exit statuses.
const (
	curlResolve = 6
	curlRefused = 7
	curlStatus  = 22
	curlTimeout = 28
)

// curl is the client with the options that scripts here use.
func (e *Engine) curl(p *machine.Proc, args []string) int {
	var target, format, file, socket, data string
	method, fail, head, limit := "GET", false, false, 300*time.Second
	args = args[1:]
	for len(args) > 0 {
		a := args[0]
		args = args[1:]
		switch {
		case (a == "-m" || a == "-o" || a == "-w" || a == "-X" || a == "-H" || a == "--unix-socket" || a == "--data-binary") && len(args) > 0:
			switch a {
			case "-X":
				method = args[0]
			case "-H":
			case "--unix-socket":
				socket = args[0]
			case "--data-binary":
				data = strings.TrimPrefix(args[0], "@")
			case "-m":
				n, _ := strconv.Atoi(args[0])
				limit = time.Duration(n) * time.Second
			case "-o":
				file = args[0]
			default:
				format = args[0]
			}
			args = args[1:]
		case a == "-i":
			head = true
		case a == "-0":
		case strings.HasPrefix(a, "-") && strings.Trim(a, "-fsS") == "":
			fail = fail || strings.Contains(a, "f")
		case strings.HasPrefix(a, "-"):
			return p.Unsimulated("curl", "option %s", a)
		default:
			target = a
		}
	}
	from := e.inside(p)
	u, err := url.Parse(target)
	if err != nil || from == nil {
		return 3
	}
	var code, status int
	var body string
	if socket != "" {
		code, body, status = e.socket(p, from, socket, method, u, data)
	} else {
		code, body, status = e.get(p, from, u, limit)
	}
	if status == 0 && fail && code >= 400 {
		status = curlStatus
	}
	if status != 0 {
		fmt.Fprintf(p.Stderr(), "curl: (%d) %s\n", status, target)
		return status
	}
	if head {
		fmt.Fprintf(p.Stdout(), "HTTP/1.0 %d %s\r\n\r\n", code, http.StatusText(code))
	}
	if file != "/dev/null" {
		_, _ = io.WriteString(p.Stdout(), body)
	}
	_, _ = io.WriteString(p.Stdout(), strings.NewReplacer(`\n`, "\n", "%{http_code}", strconv.Itoa(code)).Replace(format))
	return 0
}

// socket asks the engine through its socket, where a container has it.
func (e *Engine) socket(p *machine.Proc, from *Container, socket, method string, u *url.URL, file string) (code int, body string, status int) {
	if !slices.ContainsFunc(from.Mounts, func(m Mount) bool { return m.Source == "/var/run/docker.sock" && m.Destination == socket }) {
		return 0, "", curlRefused
	}
	var data []byte
	switch {
	case file == "-":
		data, _ = io.ReadAll(p.Stdin())
	case file != "":
		n, err := p.Stat(file)
		if err != nil {
			return 0, "", curlRefused
		}
		data = n.Data
	}
	code, body = e.api(p, method, u, data)
	return code, body, 0
}

// get asks a container's server, over the networks the two share.
func (e *Engine) get(p *machine.Proc, from *Container, u *url.URL, limit time.Duration) (code int, body string, status int) {
	to := e.reach(from, u.Hostname())
	if to == nil {
		return 0, "", curlResolve
	}
	now, image := e.condition(to), e.Image(to.ImageID)
	port := map[Kind]string{Server: "8080", Updater: "8081", Proxy: "2375"}[image.App.Kind]
	switch {
	case now.status != "running" || port != u.Port():
		return 0, "", curlRefused
	case !now.answers && image.App.Mode == Hang:
		p.Sleep(limit)
		return 0, "", curlTimeout
	case !now.answers:
		return 0, "", curlRefused
	}
	switch image.App.Kind {
	case Updater:
		return e.updater(to)
	case Proxy:
		return 200, "OK", 0
	}
	return e.server(to, image.App, u.Path)
}

const page = "<!DOCTYPE html>\n<html><head><title>chatalot</title></head><body><div id=\"app\"></div></body></html>\n"

func (e *Engine) server(c *Container, app App, path string) (code int, body string, status int) {
	switch path {
	case "/api/health":
		version := app.Reported
		if version == "" {
			version = app.Version
		}
		db := e.cluster(c) != nil && app.Mode != Degraded
		word := "ok"
		if !db {
			word = "degraded"
		}
		up := int(e.machine.Now().Sub(c.Started).Seconds())
		return 200, fmt.Sprintf("{\"status\":%q,\"version\":%q,\"uptime_secs\":%d,\"db_healthy\":%v}\n", word, version, up, db), 0
	case "/version.json":
		return 200, fmt.Sprintf("{\"version\":%q}\n", app.Version), 0
	case "/api/admin/updates/status":
		if app.Managed {
			return 401, "{\"error\":\"unauthorized\"}\n", 0
		}
	}
	return 200, page, 0
}

// updater is healthy when it has all it needs, as the vendor's is.
func (e *Engine) updater(c *Container) (code int, body string, status int) {
	token := c.root.Find("/run/secrets/updater_token")
	password := c.root.Find("/run/secrets/db_password")
	cluster := e.cluster(c)
	proxy := e.reach(c, "chatalot-socket-proxy")
	switch {
	case token == nil || len(token.Data) == 0, password == nil, cluster == nil, proxy == nil,
		string(password.Data) != cluster.Password, e.condition(proxy).status != "running":
		return 503, "{\"status\":\"starting\"}\n", 0
	}
	return 200, "{\"status\":\"ok\"}\n", 0
}
