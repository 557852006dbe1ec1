package compose

// An upgrade is the whole set of edits the tests make to one service.
type upgrade struct {
	Service  string            `json:"service"`
	Image    string            `json:"image"`
	Vars     [][2]string       `json:"vars"`
	Secret   string            `json:"secret"`
	Services map[string]string `json:"services"`
	Top      [][3]string       `json:"top"` // section, name, body
}

func upgradeOf(service string) upgrade {
	return upgrade{
		Service: service,
		Image:   "registry.example/chat@sha256:3aac2ee6e6fb",
		Vars: [][2]string{
			{"UPDATER_API_URL", "http://chat-updater:8081"},
			{"UPDATER_API_TOKEN_FILE", "/run/secrets/updater_token"},
			{"UPDATE_CHANNEL", "stable"},
			{"UPDATE_MANIFEST_HOST", "https://updates.example"},
		},
		Secret:   "updater_token",
		Services: map[string]string{"chat-socket-proxy": proxyBody, "chat-updater": updaterBody},
		Top: [][3]string{
			{"networks", "updater_internal", "internal: true\n"},
			{"secrets", "updater_token", "file: ./secrets/updater_token\n"},
			{"secrets", "cosign_pub", "file: ./secrets/cosign_pub\n"},
			{"secrets", "registry_creds", "file: ./secrets/registry_creds\n"},
			{"volumes", "updater_data", ""},
			{"volumes", "chat_backups", ""},
		},
	}
}

func (u upgrade) edits() []Edit {
	env := SetEnvironment{Service: u.Service}
	for _, v := range u.Vars {
		env.Vars = append(env.Vars, Var{v[0], v[1]})
	}
	out := []Edit{PinImage{u.Service, u.Image}, env, AddServiceSecret{u.Service, u.Secret}}
	for _, name := range []string{"chat-socket-proxy", "chat-updater"} {
		out = append(out, AddService{name, u.Services[name]})
	}
	for _, t := range u.Top {
		out = append(out, AddTopLevel{t[0], t[1], t[2]})
	}
	return out
}

const proxyBody = `image: registry.example/docker-socket-proxy:0.3.0
container_name: chat-socket-proxy
restart: unless-stopped
environment:
  CONTAINERS: "1"
  EXEC: "0"
volumes:
  - /var/run/docker.sock:/var/run/docker.sock:ro
networks:
  - updater_internal
read_only: true
tmpfs:
  - /tmp
cap_drop:
  - ALL
security_opt:
  - no-new-privileges:true
profiles:
  - updater
`

const updaterBody = `image: registry.example/chat-updater:0.24.6
depends_on:
  chat-socket-proxy:
    condition: service_started
environment:
  DATABASE_URL: postgres://chat:__DB_PASSWORD__@postgres:5432/chat
  LISTEN_ADDR: "0.0.0.0:8081"
volumes:
  - updater_data:/var/lib/chat-updater
  - chat_backups:/var/backups/chat
secrets:
  - updater_token
  - cosign_pub
  - source: registry_creds
    target: registry_creds
    mode: 0444
networks:
  - updater_internal
healthcheck:
  test: ["CMD", "curl", "-fsS", "http://localhost:8081/health"]
  interval: 30s
profiles:
  - updater
`
