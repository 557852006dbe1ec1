package sim

import (
	"slices"
	"strings"

	"liftalot/testenv/sim/engine"
)

// Tunnel is the name of a container in the server's network.
const Tunnel = "tunnel"

// Drift has the server run with another value of a variable than its files say, as where
// .env was edited and never applied. For use within Do.
func (s *Server) Drift(name, value string) {
	c := s.Engine.Container(s.Layout.Server)
	c.Env = slices.Clone(c.Env)
	for i, v := range c.Env {
		if strings.HasPrefix(v, name+"=") {
			c.Env[i] = name + "=" + value
		}
	}
}

// AddTunnel starts a container that lives in the server's network. For use within Do.
func (s *Server) AddTunnel() {
	image := &engine.Image{ID: imageID(30), Tags: []string{"tunnel:1"}, App: engine.App{Kind: engine.Sidecar}}
	s.Engine.Images = append(s.Engine.Images, image)
	s.Engine.Share(Tunnel, image, s.Engine.Container(s.Layout.Server))
}
