package updater

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// docker speaks to the engine through the socket proxy.
type docker struct {
	host   string // host:port
	client *http.Client
}

func newDocker(host string) *docker {
	return &docker{host: host, client: &http.Client{Timeout: 10 * time.Second}}
}

// container is the part of the engine's answer the sidecar needs.
type container struct {
	ID       string   `json:"Id"`
	Names    []string `json:"Names"`
	State    string   `json:"State"`
	Settings struct {
		Networks map[string]struct {
			ID        string `json:"NetworkID"`
			IPAddress string `json:"IPAddress"`
		} `json:"Networks"`
	} `json:"NetworkSettings"`
}

// ping asks what even the strictest access list lets through.
func (d *docker) ping(ctx context.Context) error {
	if err := d.get(ctx, "/_ping", nil); err != nil {
		return err
	}
	var version struct{ APIVersion string }
	return d.get(ctx, "/version", &version)
}

// containers lists all of them, the stopped ones included.
func (d *docker) containers(ctx context.Context) ([]container, error) {
	var list []container
	return list, d.get(ctx, "/containers/json?all=1", &list)
}

// get decodes the answer into v, or reads it away when v is nil.
func (d *docker) get(ctx context.Context, path string, v any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+d.host+path, nil)
	if err != nil {
		return err
	}
	res, err := d.client.Do(req)
	if err != nil {
		return fmt.Errorf("docker: %w", err)
	}
	defer res.Body.Close()
	body := io.LimitReader(res.Body, 8<<20)
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("docker: %s: %s", req.URL.Path, res.Status)
	}
	if v == nil {
		_, err = io.Copy(io.Discard, body)
		return err
	}
	if err := json.NewDecoder(body).Decode(v); err != nil {
		return fmt.Errorf("docker: %s: %w", req.URL.Path, err)
	}
	return nil
}

// findServer returns the container of exactly that name. The sidecar replaces
// it later, so a near miss must not pass.
func findServer(list []container, name string) (container, error) {
	var running []string
	for _, c := range list {
		if slices.Contains(c.Names, "/"+name) {
			return c, nil
		}
		for _, n := range c.Names {
			if c.State == "running" {
				running = append(running, strings.TrimPrefix(n, "/"))
			}
		}
	}
	slices.Sort(running)
	return container{}, fmt.Errorf("server container %q not found; running: %s", name, strings.Join(running, ", "))
}

// findSelf returns the sidecar's own container: its host name is the start of
// its ID, unless the compose file sets another.
func findSelf(list []container, hostname string) (container, bool) {
	if len(hostname) < 12 {
		return container{}, false
	}
	for _, c := range list {
		if strings.HasPrefix(c.ID, hostname) {
			return c, true
		}
	}
	return container{}, false
}

// sharedAddress returns the server's address on a network both are on. It is
// empty when the server is stopped and has none.
func sharedAddress(self, server container) (string, error) {
	shared := false
	for name, there := range server.Settings.Networks {
		here, ok := self.Settings.Networks[name]
		if !ok || here.ID != there.ID {
			continue
		}
		shared = true
		if there.IPAddress != "" {
			return there.IPAddress, nil
		}
	}
	if shared {
		return "", nil
	}
	return "", fmt.Errorf("no network in common with the server container (server: %s; updater: %s)",
		networkNames(server), networkNames(self))
}

func networkNames(c container) string {
	names := make([]string, 0, len(c.Settings.Networks))
	for name := range c.Settings.Networks {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// askServer fetches the server's health over the shared network.
func askServer(ctx context.Context, client *http.Client, address string) error {
	u := url.URL{Scheme: "http", Host: address, Path: "/api/health"}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var health struct{ Status string }
	if err := json.NewDecoder(io.LimitReader(res.Body, 1<<16)).Decode(&health); err != nil {
		return fmt.Errorf("%s: %w", u.String(), err)
	}
	if health.Status == "" {
		return fmt.Errorf("%s: no status", u.String())
	}
	return nil
}
