package plan

import (
	"fmt"
	"net/url"
	"strings"
)

// The vendor's two services, from the runbook, with what differs between
// deployments filled in from the live stack: networks, names, the database's
// address. Everything else is the vendor's, word for word.

// updaterNetwork joins the updater and its proxy and nothing else.
const updaterNetwork = "updater_internal"

// updaterSecrets are the files the updater reads, in the vendor's order.
var updaterSecrets = []string{"updater_token", "cosign_pub", "db_password", "registry_creds"}

// updaterVolumes are the volumes it keeps its state and snapshots in, and where.
var updaterVolumes = []variable{
	{"updater_data", "/var/lib/chatalot-updater"},
	{"chatalot_backups", "/var/backups/chatalot"},
}

// deployment is what the fragment needs to know of a deployment.
type deployment struct {
	updater, proxy string   // image references
	server         string   // container name
	networks       []string // of the updater, besides updaterNetwork
	database       Database
	dependency     string // condition on the database's service, "" without one
	ipv6Off        bool
	writable       bool // proxy without read_only, a decision taken by name
}

// databaseURL is the updater's, with the vendor's placeholder for the password
// and compose's own escape for a dollar sign.
func (a deployment) databaseURL() string {
	d := a.database
	u := fmt.Sprintf("postgres://%s:__DB_PASSWORD__@%s:%d/%s", url.User(d.User).String(), d.Host, d.Port, d.Name)
	if d.Query != "" {
		u += "?" + d.Query
	}
	return strings.ReplaceAll(u, "$", "$$")
}

// variable is a name and what it is set to.
type variable struct{ key, value string }

func (a deployment) environment() []variable {
	return []variable{
		{"DOCKER_HOST", "tcp://" + ProxyService + ":2375"},
		{"CHATALOT_UPDATER_SQLITE_PATH", "/var/lib/chatalot-updater/state.db"},
		{"CHATALOT_UPDATER_SERVER_CONTAINER", a.server},
		{"DATABASE_URL", a.databaseURL()},
		{"CHATALOT_SNAPSHOT_DIR", "/var/backups/chatalot"},
		{"CHATALOT_UPDATER_API_TOKEN_FILE", "/run/secrets/updater_token"},
		{"CHATALOT_UPDATER_COSIGN_PUBKEY_PATH", "/run/secrets/cosign_pub"},
		{"CHATALOT_UPDATER_REGISTRY_CREDS_FILE", "/run/secrets/registry_creds"},
		{"CHATALOT_UPDATER_LISTEN_ADDR", "0.0.0.0:8081"},
	}
}

// proxyEnvironment is what the updater may ask of the engine. The proxy binds
// [::] and dies where IPv6 is off, unless told (trap F2).
func (a deployment) proxyEnvironment() []variable {
	acl := []variable{
		{"CONTAINERS", "1"}, {"IMAGES", "1"}, {"NETWORKS", "1"}, {"POST", "1"},
		{"EXEC", "0"}, {"VOLUMES", "0"}, {"SYSTEM", "0"}, {"BUILD", "0"},
	}
	if a.ipv6Off {
		acl = append(acl, variable{"DISABLE_IPV6", "1"})
	}
	return acl
}

func (a deployment) proxyService() string {
	var b strings.Builder
	fmt.Fprintf(&b, "image: %s\ncontainer_name: %s\nrestart: unless-stopped\nenvironment:\n", a.proxy, ProxyService)
	for _, v := range a.proxyEnvironment() {
		fmt.Fprintf(&b, "  %s: %q\n", v.key, v.value)
	}
	b.WriteString("volumes:\n  - /var/run/docker.sock:/var/run/docker.sock:ro\n")
	fmt.Fprintf(&b, "networks:\n  - %s\n", updaterNetwork)
	if !a.writable {
		b.WriteString("read_only: true\n")
	}
	return b.String() + hardening + profile
}

// hardening closes both services.
const hardening = `tmpfs:
  - /tmp
cap_drop:
  - ALL
security_opt:
  - no-new-privileges:true
`

// profile keeps a service out of a plain "docker compose up".
const profile = `profiles:
  - updater
`

func (a deployment) updaterService() string {
	var b strings.Builder
	fmt.Fprintf(&b, "image: %s\ncontainer_name: %s\nrestart: unless-stopped\n", a.updater, UpdaterService)
	fmt.Fprintf(&b, "depends_on:\n  %s:\n    condition: service_started\n", ProxyService)
	if a.dependency != "" {
		fmt.Fprintf(&b, "  %s:\n    condition: %s\n", a.database.Service, a.dependency)
	}
	b.WriteString("environment:\n")
	for _, v := range a.environment() {
		fmt.Fprintf(&b, "  %s: %s\n", v.key, quoteYAML(v.value))
	}
	b.WriteString("volumes:\n")
	for _, v := range updaterVolumes {
		fmt.Fprintf(&b, "  - %s:%s\n", v.key, v.value)
	}
	b.WriteString("secrets:\n")
	for _, s := range updaterSecrets {
		// The runbook's long form with "mode: 0444" is ignored by compose for
		// files (trap S1): the mode on the host counts, so the short form says it all.
		fmt.Fprintf(&b, "  - %s\n", s)
	}
	fmt.Fprintf(&b, "networks:\n  - %s\n", updaterNetwork)
	for _, n := range a.networks {
		fmt.Fprintf(&b, "  - %s\n", n)
	}
	b.WriteString("read_only: true\n" + hardening)
	b.WriteString(`healthcheck:
  test: ["CMD", "curl", "-fsS", "http://localhost:8081/health"]
  interval: 30s
  timeout: 5s
  retries: 3
  start_period: 10s
`)
	return b.String() + profile
}

// quoteYAML writes a value plain where every YAML reader takes it for a string,
// and in double quotes where one might not.
func quoteYAML(v string) string {
	for _, r := range v {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("_/.:@=+-", r):
		default:
			return fmt.Sprintf("%q", v)
		}
	}
	if v == "" || strings.HasSuffix(v, ":") || v[0] >= '0' && v[0] <= '9' || strings.ContainsRune("=:@+-", rune(v[0])) {
		return fmt.Sprintf("%q", v)
	}
	return v
}

// serverEnvironment is what the admin panel needs of the server.
func serverEnvironment(s Settings) []variable {
	return []variable{
		{"UPDATER_API_URL", "http://" + UpdaterService + ":8081"},
		{"UPDATER_API_TOKEN_FILE", "/run/secrets/updater_token"},
		{"UPDATE_CHANNEL", s.Channel},
		{"UPDATE_MANIFEST_HOST", s.ManifestHost},
	}
}
