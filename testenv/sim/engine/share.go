package engine

import (
	"fmt"
	"strings"
	"time"
)

// Share makes and starts a container in the network of another one.
func (e *Engine) Share(name string, image *Image, with *Container) {
	c := &Container{
		ID: e.newID(), Name: name, Image: image.Tags[0], ImageID: image.ID, Created: e.machine.Now(), Labels: map[string]string{}, Ports: map[string]portDoc{},
		Made: Definition{map[string]any{}, map[string]any{
			"NetworkMode": "container:" + with.ID, "PidMode": "", "IpcMode": "private", "PortBindings": map[string]any{}, "Binds": []string{},
			"RestartPolicy": map[string]any{"Name": "unless-stopped", "MaximumRetryCount": 0},
		}},
	}
	e.Containers = append(e.Containers, c)
	if err := e.run(c); err != nil {
		panic(err) // the other one is there
	}
}

// join enters the network of the container that the mode names. It is of that very start
// of it: a container that is started again has another one.
func (e *Engine) join(c *Container) error {
	id, shares := strings.CutPrefix(text(c.Made.HostConfig["NetworkMode"]), "container:")
	if !shares {
		return nil
	}
	with := e.Container(id)
	if with == nil {
		return fmt.Errorf("joining network namespace of container: No such container: %s", id)
	}
	if !with.Running {
		return fmt.Errorf("cannot join network namespace of a non running container: %s", id)
	}
	c.Joined = with.Started
	return nil
}

// Connected reports whether a container that lives in another one's network is in the one
// which that has now.
func (e *Engine) Connected(c *Container) bool {
	id, _ := strings.CutPrefix(text(c.Made.HostConfig["NetworkMode"]), "container:")
	with := e.Container(id)
	return c.Running && with != nil && with.Running && c.Joined.Equal(with.Started) && !c.Joined.Equal(time.Time{})
}
