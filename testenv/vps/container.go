package vps

import (
	"bytes"
	"context"
	"fmt"

	"liftalot/testenv/images"
	"liftalot/testenv/vps/engine"
)

// machine is what a server's container is made with.
type machine struct {
	image     string
	container string
	hostname  string
	disk      string // volume for /state
	golden    string // volume the disk is copied from, or ""
	network   []string
	labels    []string
}

// create makes a container that can run an engine of its own.
//
// --privileged would do on many machines, but not where the workstation itself
// lacks a capability; these flags give what an engine needs and nothing of the
// workstation's devices. /run and /tmp are empty after a reboot, as they are on
// a real server.
func (m machine) create(ctx context.Context, docker engine.Docker) error {
	args := []string{
		"create", "--name", m.container, "--hostname", m.hostname,
		"--cap-add", "ALL", "--cap-drop", "SYS_RESOURCE",
		"--security-opt", "seccomp=unconfined",
		"--security-opt", "apparmor=unconfined",
		"--security-opt", "systempaths=unconfined",
		"--device-cgroup-rule", "a *:* rwm",
		"--cgroupns", "private",
		"--tmpfs", "/run:mode=0755,noexec,nosuid,nodev",
		"--tmpfs", "/tmp:mode=1777,exec,nosuid,nodev",
		"--stop-timeout", "30",
		"--volume", m.disk + ":/state",
	}
	if m.golden != "" {
		args = append(args, "--volume", m.golden+":/golden:ro")
	}
	args = append(args, m.network...)
	args = append(args, m.labels...)
	_, err := docker.Output(ctx, append(args, m.image)...)
	return err
}

// put copies files into a container that need not run.
func put(ctx context.Context, docker engine.Docker, container string, entries []images.Entry) error {
	archive, err := images.Tar(entries)
	if err != nil {
		return err
	}
	return docker.Stream(ctx, bytes.NewReader(archive), &bytes.Buffer{}, "cp", "-", container+":/")
}

// waitEngine is a script that ends when the server's own engine answers.
const waitEngine = `end=$((SECONDS + 60))
until docker info >/dev/null 2>&1; do
	if [ $SECONDS -ge $end ]; then
		tail -n 20 /var/log/dockerd.log >&2
		echo "the engine on this server does not answer" >&2
		exit 1
	fi
	sleep 0.1
done
`

// waitStack is a script that ends when the server of the stack says that it
// and its database are well. It asks at most twice a second: the server limits
// how often one address may ask.
const waitStack = waitEngine + `end=$((SECONDS + 90))
stack() {
	docker ps -q --filter label=com.docker.compose.project=chatalot --filter label=com.docker.compose.service="$1"
}
until id=$(stack chatalot) && [ -n "$id" ] &&
	docker exec "$id" curl -fsS http://127.0.0.1:8080/api/health 2>/dev/null |
	jq -e '.status == "ok" and .db_healthy' >/dev/null 2>&1; do
	if [ $SECONDS -ge $end ]; then
		docker ps -a >&2
		for id in $(docker ps -aq); do docker logs --tail 20 "$id" >&2; done
		echo "the stack on this server does not become healthy" >&2
		exit 1
	fi
	sleep 0.5
done
`

// Logs is what to read when something on the server went wrong: the last lines
// of sshd, the engine and every container.
func (h *Host) Logs(ctx context.Context) string {
	const script = `for f in /var/log/sshd.log /var/log/dockerd.log; do
	echo "== $f"
	tail -n 40 "$f"
done
echo '== docker ps -a'
docker ps -a
for name in $(docker ps -a --format '{{.Names}}'); do
	echo "== docker logs $name"
	docker logs --tail 40 "$name" 2>&1
done`
	stdout, stderr, _, err := h.Exec(ctx, script)
	if err != nil {
		return fmt.Sprintf("%s%s\nlogs of %s: %v\n", stdout, stderr, h.Name, err)
	}
	return stdout + stderr
}
