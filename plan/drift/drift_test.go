package drift_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"liftalot/plan/compose"
	"liftalot/plan/drift"
)

// recorded is what a real engine and a real Compose said of a project right after
// "docker compose up": the input of a comparison for each service.
func recorded(t *testing.T, name string) map[string]drift.Input {
	t.Helper()
	read := func(what string) []byte {
		data, err := os.ReadFile(filepath.Join("testdata", name+"."+what+".json"))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	model, err := compose.ParseModel(read("model"))
	if err != nil {
		t.Fatal(err)
	}
	var containers, images []json.RawMessage
	for data, into := range map[string]*[]json.RawMessage{"containers": &containers, "images": &images} {
		if err := json.Unmarshal(read(data), into); err != nil {
			t.Fatal(err)
		}
	}
	type head struct {
		ID, Name, Image string
		Config          struct{ Labels map[string]string }
	}
	of := func(data json.RawMessage) (h head) {
		if err := json.Unmarshal(data, &h); err != nil {
			t.Fatal(err)
		}
		return h
	}
	services, names := map[string]string{}, map[string]string{}
	for _, c := range containers {
		h := of(c)
		services[h.ID], names[h.Name[1:]] = h.Config.Labels["com.docker.compose.service"], h.ID
	}
	out := map[string]drift.Input{}
	for _, c := range containers {
		h := of(c)
		for _, i := range images {
			if of(i).ID == h.Image {
				out[services[h.ID]] = drift.Input{Model: model, Service: services[h.ID], Container: c, Image: i, Services: services, Names: names}
			}
		}
	}
	return out
}

func TestR8NoDriftRightAfterUp(t *testing.T) {
	files, err := filepath.Glob("testdata/*.model.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		name = name[:len(name)-len(".model.json")]
		t.Run(name, func(t *testing.T) {
			for service, in := range recorded(t, name) {
				report, err := drift.Compare(in)
				if err != nil {
					t.Fatal(err)
				}
				for _, d := range report.Differences {
					t.Errorf("%s: %s: runs %s, compose would make %s", service, d.Field, d.Runs, d.Makes)
				}
				for _, u := range report.Unknown {
					t.Errorf("%s: %s", service, u)
				}
			}
		})
	}
}

// changed is the recording with another value in the model of one service; nil takes the
// key away.
func changed(t *testing.T, service string, value any, path ...string) drift.Input {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "sink.model.json"))
	if err != nil {
		t.Fatal(err)
	}
	var root map[string]any
	if err := json.Unmarshal(data, &root); err != nil {
		t.Fatal(err)
	}
	at := root
	for _, key := range append([]string{"services", service}, path[:len(path)-1]...) {
		next, ok := at[key].(map[string]any)
		if !ok {
			next = map[string]any{}
			at[key] = next
		}
		at = next
	}
	if at[path[len(path)-1]] = value; value == nil {
		delete(at, path[len(path)-1])
	}
	data, err = json.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	in := recorded(t, "sink")[service]
	if in.Model, err = compose.ParseModel(data); err != nil {
		t.Fatal(err)
	}
	return in
}

type object = map[string]any

// Every kind of field, in the way it is changed in the files, and what is named for it.
func TestEveryFieldIsCompared(t *testing.T) {
	for _, tt := range []struct {
		service, path string
		value         any
		want          string // fields, "" for a change that means nothing
	}{
		{"sink", "environment/A", "y", "environment.A"},
		{"sink", "environment/A", nil, "environment.A"},
		{"sink", "environment/A", "", "environment.A"},
		{"sink", "environment/NEW", "", "environment.NEW"},
		{"sink", "environment/B", "now set", "environment.B"},
		{"sink", "environment/LANG", "C.UTF-8", ""}, // as the image has it
		{"sink", "environment/LANG", "C", "environment.LANG"},
		{"sink", "environment/LANG", nil, ""},
		{"sink", "labels/foo", "baz", "labels.foo"},
		{"sink", "labels/com.docker.compose.x", "baz", ""},
		{"sink", "labels/liftalot.testenv.image", "other", "labels.liftalot.testenv.image"},
		{"sink", "command", []any{"sh", "-c", "sleep 1000  $$HOME"}, "command"},
		{"sink", "command", nil, "command"},
		{"sink", "entrypoint", []any{"docker-entrypoint.sh"}, ""},
		{"sink", "entrypoint", []any{"/bin/sh"}, "entrypoint"},
		{"side", "entrypoint", nil, "entrypoint"},
		{"sink", "user", "1000", "user"},
		{"sink", "user", nil, "user"},
		{"sink", "working_dir", "/tmp/", ""},
		{"sink", "working_dir", "/", "working_dir"},
		{"sink", "hostname", "other", "hostname"},
		{"sink", "hostname", nil, "hostname"},
		{"sink", "domainname", "example.com", "domainname"},
		{"sink", "restart", "always", "restart"},
		{"sink", "restart", "on-failure:4", "restart"},
		{"sink", "restart", nil, "restart"},
		{"side", "deploy/restart_policy/condition", "any", "restart"},
		{"sink", "healthcheck/test", "exit 0", ""},
		{"sink", "healthcheck/test", []any{"CMD", "exit", "0"}, "healthcheck.test"},
		{"sink", "healthcheck/interval", "90s", ""},
		{"sink", "healthcheck/interval", "10s", "healthcheck.interval"},
		{"sink", "healthcheck/timeout", "30s", ""}, // the default, written out
		{"sink", "healthcheck/timeout", "1s", "healthcheck.timeout"},
		{"sink", "healthcheck/retries", 3, "healthcheck.retries"},
		{"sink", "healthcheck/start_period", "6s", "healthcheck.start_period"},
		{"sink", "healthcheck", object{"disable": true}, "healthcheck.test"},
		{"sink", "healthcheck", nil, "healthcheck.test"},
		{"side", "healthcheck", nil, "healthcheck.test"},
		{"sink", "cap_add", []any{"SYS_TIME", "cap_net_admin"}, ""},
		{"sink", "cap_add", []any{"NET_ADMIN"}, "cap_add"},
		{"sink", "cap_drop", []any{"ALL"}, "cap_drop"},
		{"sink", "security_opt", []any{"seccomp=unconfined", "no-new-privileges"}, ""},
		{"sink", "security_opt", []any{"no-new-privileges:true"}, "security_opt.seccomp=unconfined"},
		{"sink", "security_opt", []any{"seccomp:unconfined", "no-new-privileges:true", "apparmor:x"}, "security_opt.apparmor=x"},
		{"sink", "read_only", nil, "read_only"},
		{"sink", "privileged", true, "privileged"},
		{"sink", "init", nil, "init"},
		{"sink", "tty", true, "tty"},
		{"sink", "mem_limit", "100m", ""},
		{"sink", "mem_limit", "64m", "mem_limit"},
		{"sink", "mem_limit", nil, "mem_limit"},
		{"sink", "memswap_limit", "209715200", ""}, // what the engine chose
		{"sink", "memswap_limit", "-1", "memswap_limit"},
		{"side", "deploy/resources/limits/memory", "60000000", "mem_limit"},
		{"side", "deploy/resources/limits/cpus", "0.250", ""},
		{"side", "deploy/resources/limits/cpus", "0.3", "cpus"},
		{"sink", "cpus", "0.50", ""},
		{"sink", "pids_limit", 101, "pids_limit"},
		{"sink", "shm_size", nil, ""}, // the engine's own size cannot be told from one of before
		{"sink", "shm_size", "64m", "shm_size"},
		{"sink", "ulimits/nofile/hard", 300, "ulimits.nofile"},
		{"sink", "ulimits/nproc", object{"soft": 50, "hard": 50}, ""},
		{"sink", "ulimits/nproc", nil, "ulimits.nproc"},
		{"sink", "oom_score_adj", 6, "oom_score_adj"},
		{"sink", "cgroup_parent", "other", "cgroup_parent"},
		{"sink", "extra_hosts", object{"a": "1.2.3.4", "b": []any{"host-gateway"}, "c": "[::1]"}, ""},
		{"sink", "extra_hosts", []any{"a:1.2.3.5", "b:host-gateway", "c:::1"}, "extra_hosts.a=1.2.3.4 extra_hosts.a=1.2.3.5"},
		{"sink", "dns", "1.1.1.1", ""},
		{"sink", "dns", []any{"8.8.8.8"}, "dns"},
		{"sink", "dns_search", nil, "dns_search"},
		{"sink", "dns_opt", nil, "dns_opt"},
		{"sink", "devices", []any{"/dev/null:/dev/null2", "/dev/zero"}, ""},
		{"sink", "devices", []any{"/dev/null:/dev/null2:r"}, "devices./dev/null2 devices./dev/zero"},
		{"sink", "logging/options/max-size", "2m", "logging.options.max-size"},
		{"sink", "logging/driver", "local", "logging.driver"},
		{"sink", "logging", nil, ""}, // the engine's own
		{"sink", "stop_signal", "int", ""},
		{"sink", "stop_signal", nil, ""}, // the image's
		{"sink", "stop_signal", "SIGQUIT", "stop_signal"},
		{"sink", "stop_grace_period", "90s", ""},
		{"sink", "stop_grace_period", nil, "stop_grace_period"},
		{"side", "stop_grace_period", "10s", ""},
		{"sink", "sysctls/net.core.somaxconn", 2048, "sysctls.net.core.somaxconn"},
		{"sink", "group_add", []any{"12", "mail"}, ""},
		{"sink", "group_add", []any{"12"}, "group_add"},
		{"sink", "ipc", "host", "ipc"},
		{"sink", "pid", "host", "pid"},
		{"side", "pid", nil, "pid"},
		{"side", "network_mode", "container:sink", ""},
		{"side", "network_mode", "host", "network_mode"},
		{"sink", "tmpfs", "/tmp:mode=01777,size=67108864", ""},
		{"sink", "tmpfs", []any{"/tmp"}, "tmpfs./tmp"},
		{"sink", "tmpfs", []any{"/tmp:size=64m,mode=1777", "/run"}, "tmpfs./run"},
		{"sink", "ports", nil, "ports.9001/tcp ports.9002/udp ports.9003/tcp ports.9100/tcp ports.9101/tcp"},
		{"sink", "networks/front", object{"ipv4_address": "10.211.0.9"}, "networks.front.aliases"},
		{"sink", "networks/front", object{"aliases": []any{"zz", "sink"}, "ipv4_address": "10.211.0.8"}, "networks.front.ipv4_address"},
		{"sink", "networks/front", nil, "networks.front"},
		{"sink", "networks/third", object{}, "networks.third"},
		{"sink", "secrets", []any{object{"source": "s1"}}, "volumes./run/secrets/other"},
		{"sink", "configs", nil, "volumes./c1"},
		{"sink", "runtime", "runsc", "runtime"},
		{"sink", "container_name", "other", ""}, // told elsewhere
		{"sink", "depends_on/side/condition", "service_started", ""},
		{"sink", "profiles", []any{"x"}, ""},
	} {
		in := changed(t, tt.service, tt.value, strings.Split(tt.path, "/")...)
		report, err := drift.Compare(in)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range report.Differences {
			got = append(got, d.Field)
		}
		if strings.Join(got, " ") != tt.want || len(report.Unknown) > 0 {
			t.Errorf("%s %s: %v: %q, want %q (%q)", tt.service, tt.path, tt.value, got, tt.want, report.Unknown)
		}
	}
}

func TestMountsAreCompared(t *testing.T) {
	bind := func(source, target string, readOnly bool) object {
		return object{"type": "bind", "source": source, "target": target, "read_only": readOnly}
	}
	const hostname, data, tt1 = "volumes./etc/h", "volumes./data", "volumes./tt"
	base := []any{
		object{"type": "volume", "source": "data", "target": "/data", "read_only": true}, bind("/etc/hostname", "/etc/h", true),
		object{"type": "volume", "target": "/anon"}, object{"type": "tmpfs", "target": "/tt", "tmpfs": object{"size": "1m", "mode": 448}}, bind("/srv/", "/srv2", false),
	}
	for _, tt := range []struct {
		name, want string
		at         int
		mount      object
	}{
		{"as it was", "", 1, bind("/etc/hostname", "/etc/h/", true)},
		{"another source", hostname, 1, bind("/etc/hosts", "/etc/h", true)},
		{"writable", hostname, 1, bind("/etc/hostname", "/etc/h", false)},
		{"another target", hostname + " volumes./etc/x", 1, bind("/etc/hostname", "/etc/x", true)},
		{"a folder for a volume", data, 0, bind("/srv/data", "/data", true)},
		{"another volume", data, 0, object{"type": "volume", "source": "other", "target": "/data", "read_only": true}},
		{"a part of it", data, 0, object{"type": "volume", "source": "data", "target": "/data", "read_only": true, "volume": object{"subpath": "x"}}},
		{"another size", tt1, 3, object{"type": "tmpfs", "target": "/tt", "tmpfs": object{"size": 2097152, "mode": 448}}},
		{"a name for what had none", "volumes./anon", 2, object{"type": "volume", "source": "data", "target": "/anon"}},
	} {
		all := slices.Clone(base)
		all[tt.at] = tt.mount
		report, err := drift.Compare(changed(t, "sink", all, "volumes"))
		var got []string
		for _, d := range report.Differences {
			got = append(got, d.Field)
		}
		if err != nil || strings.Join(got, " ") != tt.want {
			t.Errorf("%s: %q, want %q (%v)", tt.name, got, tt.want, err)
		}
	}
}

// What cannot be told is no drift, and is said.
func TestWhatCannotBeTold(t *testing.T) {
	for _, key := range []string{"gpus", "blkio_config", "links", "a_key_of_tomorrow"} {
		report, err := drift.Compare(changed(t, "sink", []any{"x"}, key))
		if err != nil || len(report.Differences) > 0 || len(report.Unknown) != 1 || !strings.HasPrefix(report.Unknown[0], key) {
			t.Errorf("%s: %+v, %v", key, report, err)
		}
	}
	in := recorded(t, "sink")["sink"]
	for name, broken := range map[string]drift.Input{
		"no container": {Model: in.Model, Service: "sink", Image: in.Image},
		"no image":     {Model: in.Model, Service: "sink", Container: in.Container},
		"no documents": {Model: in.Model, Service: "sink", Container: json.RawMessage(`{}`), Image: json.RawMessage(`{}`)},
		"no JSON":      {Model: in.Model, Service: "sink", Container: json.RawMessage(`<`), Image: in.Image},
		"no service":   {Model: in.Model, Service: "other", Container: in.Container, Image: in.Image},
	} {
		if _, err := drift.Compare(broken); err == nil {
			t.Errorf("%s: it was compared", name)
		}
	}
}

// A panel, or Watchtower, makes the container of a newer image with all that the old one
// had: what its image said stays in it. What the client's files say is compared all the same.
func TestWhatAnotherToolCopied(t *testing.T) {
	in := recorded(t, "sink")["sink"]
	panel := func(now ...string) drift.Input {
		in := in
		in.Container = json.RawMessage(strings.NewReplacer(`"com.docker.compose.image": "sha256:7b`, `"com.docker.compose.image": "sha256:00`).Replace(string(in.Container)))
		in.Image = json.RawMessage(strings.NewReplacer(now...).Replace(string(in.Image)))
		return in
	}
	for name, tt := range map[string]struct {
		in   drift.Input
		want int
	}{
		"nothing else":                {panel(), 0},
		"its image says other things": {panel("PG_MAJOR=17", "PG_MAJOR=18", "docker-entrypoint.sh", "other.sh"), 0},
		"as compose noted":            {drift.Input{Model: in.Model, Service: "sink", Container: in.Container, Image: panel("PG_MAJOR=17", "PG_MAJOR=18").Image, Services: in.Services, Names: in.Names}, 1},
		"what no image says any more": {panel("PG_MAJOR=17", "OTHER=1"), 1},
	} {
		report, err := drift.Compare(tt.in)
		if err != nil || len(report.Differences) != tt.want {
			t.Errorf("%s: %+v, %v", name, report.Differences, err)
		}
	}
}

func TestShowHidesWhatMayBeSecret(t *testing.T) {
	const canary = "canary-Tr0ub4dor"
	for _, d := range []drift.Difference{
		{Field: "environment.DB_PASSWORD", Runs: `"` + canary + `"`, Makes: `"other-` + canary + `"`},
		{Field: "environment.SOMETHING", Runs: `"` + canary + `"`},
		{Field: "environment.PUBLIC_URL", Makes: `"https://user:` + canary + `@chat.example.com"`},
		{Field: "command", Runs: "run --token " + canary, Makes: "run"},
		{Field: "command", Runs: "run " + canary},
		{Field: "labels.traefik.http.middlewares.auth.basicauth.users", Runs: `"admin:` + canary + `"`},
		{Field: "labels.anything", Runs: `"` + canary + `"`},
		{Field: "healthcheck.test", Runs: `CMD-SHELL "curl -u admin:` + canary + ` http://localhost"`},
		{Field: "logging.options.splunk-token", Runs: `"` + canary + `"`},
		{Field: "volumes./data", Runs: "bind /srv/given-secret"},
	} {
		if said := d.Show([]string{"given-secret"}); strings.Contains(said, canary) || strings.Contains(said, "Tr0ub4dor") || strings.Contains(said, "given-secret") || !strings.Contains(said, d.Field) {
			t.Errorf("%s: %s", d.Field, said)
		}
	}
	for want, d := range map[string]drift.Difference{
		`environment.RUST_LOG: what runs has "info", the files say "debug"`:                           {Field: "environment.RUST_LOG", Runs: `"info"`, Makes: `"debug"`},
		`environment.X: what runs has none, the files say ***`:                                        {Field: "environment.X", Makes: `"a"`},
		`environment.X: what runs has another value than the files say (not shown: it may be secret)`: {Field: "environment.X", Runs: `"a"`, Makes: `"b"`},
		`user: what runs has none, the files say 1000`:                                                {Field: "user", Makes: "1000"},
		`user: what runs has a?b, the files say none`:                                                 {Field: "user", Runs: "a\x1bb"},
	} {
		if got := d.Show(nil); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if said := (drift.Difference{Field: "user", Runs: strings.Repeat("x", 9000)}).Show(nil); len(said) > 300 {
		t.Errorf("%d bytes are shown", len(said))
	}
}
