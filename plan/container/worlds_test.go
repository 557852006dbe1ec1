//go:build unix

package container_test

// Each starts in a second or two on a quiet machine: what does not disturb each other is
// in one world.
func worlds() []world {
	return []world{
		{name: "words", here: true, targets: []string{"rec-words", "rec-noentry", "rec-entry"}, differ: []string{".HostConfig.Binds"}, run: `
@RUN@ --name rec-words -e EMPTY= -e 'PASS=a$b"c\d'\''e=f @SERVER@ @IMAGE@ &|/' -e 'LINES=one
two' -e 'UNI=äß→🙂 <>&' --label 'we.ird=@ID@ "x"' --entrypoint /bin/busybox liftalot-record/rich:1 sh -c '/bin/busybox sleep "$1"' '' 9999
@RUN@ --name rec-noentry --no-healthcheck --restart unless-stopped --entrypoint '' liftalot-record/rich:1 /bin/busybox sleep 9999
@RUN@ --name rec-entry -t -i --entrypoint /bin/busybox liftalot-record/rich:1 sh`,
			check: `docker exec rec-words /bin/busybox sh -c 'printf %s "$PASS"' >got; printf %s 'a$b"c\d'\''e=f @SERVER@ @IMAGE@ &|/' | cmp - got`},
		{name: "mounts", here: true, curl: true, targets: []string{"rec-mounts", "rec-nameless"}, run: `
docker volume create --label @LABEL@ rec-vol
@RUN@ --name rec-mounts --read-only -v rec-vol:/vol -v "$PWD/files:/files:ro,rprivate" --mount "type=bind,src=$PWD/files,dst=/again,readonly,bind-propagation=rprivate" \
 --tmpfs /run:size=1m,mode=0700 --mount type=tmpfs,dst=/tmp,tmpfs-size=1048576,tmpfs-mode=01777 --mount type=volume,src=rec-vol,dst=/sub2,readonly,volume-nocopy liftalot-record/rich:1
@RUN@ --name rec-nameless -v /more --mount type=volume,dst=/third liftalot-record/rich:1
docker exec rec-mounts /bin/busybox sh -c 'echo kept >/data/kept; echo kept >/vol/kept'
docker exec rec-nameless /bin/busybox sh -c 'for d in /data /more /third; do echo kept >$d/kept; done'`,
			differ: []string{".HostConfig.Binds", ".HostConfig.Mounts"},
			check: `[ "$(docker exec rec-mounts /bin/busybox cat /data/kept /sub2/kept /files/seen /again/seen | tr '\n' ' ')" = 'kept kept of the host of the host ' ]
[ "$(docker exec rec-nameless /bin/busybox cat /data/kept /more/kept /third/kept /data/seed | tr '\n' ' ')" = 'kept kept kept of the image' ]`},
		{name: "networks", targets: []string{"rec-nets", "rec-left", "rec-none", "rec-host"}, run: `
docker network create --label @LABEL@ --subnet 172.31.240.0/24 rec-a >/dev/null
docker network create --label @LABEL@ --internal --subnet 172.31.241.0/24 rec-b >/dev/null
docker network create --label @LABEL@ rec-c >/dev/null
@RUN@ --name rec-nets --hostname named --network rec-a --network-alias one --network-alias two --ip 172.31.240.77 -p 127.0.0.1:39411:80 -p 39420-39422:90-92/udp -P liftalot-record/plain:1
docker network connect --alias three --ip 172.31.241.78 rec-b rec-nets
docker network connect rec-c rec-nets
@RUN@ --name rec-left --network rec-a liftalot-record/plain:1
docker network connect rec-b rec-left
docker network disconnect rec-a rec-left
@RUN@ --name rec-none --network none liftalot-record/plain:1
@RUN@ --name rec-host --network host --pid host --ipc host --uts host liftalot-record/plain:1`,
			check: `[ "$(docker inspect -f '{{index .NetworkSettings.Networks "rec-a" "IPAddress"}} {{index .NetworkSettings.Networks "rec-b" "IPAddress"}}' rec-nets)" = '172.31.240.77 172.31.241.78' ]`},
		{name: "dependents", targets: []string{"rec-server", "rec-tunnel", "rec-reader"}, curl: true, differ: []string{".HostConfig.Binds"}, run: `
@RUN@ --name rec-server --ipc shareable -v /shared liftalot-record/rich:1
@RUN@ --name rec-tunnel --network container:rec-server --pid container:rec-server --ipc container:rec-server liftalot-record/rich:1
@RUN@ --name rec-reader --volumes-from rec-server:ro --link rec-server:talk liftalot-record/plain:1
docker exec rec-server /bin/busybox sh -c 'echo kept >/shared/kept'`,
			check: `[ "$(docker exec rec-reader /bin/busybox cat /shared/kept)" = kept ]; docker exec rec-reader /bin/busybox ping -c 1 -w 5 talk`},
		{name: "limits", targets: []string{"rec-limits"}, run: `
@RUN@ --name rec-limits --cap-add NET_ADMIN --cap-drop ALL --cap-drop chown --security-opt no-new-privileges --security-opt seccomp=unconfined --ulimit nofile=1000:2000 --ulimit nproc=99 \
 --sysctl net.ipv4.ip_unprivileged_port_start=0 --device /dev/null:/dev/mynull:rw --memory 64m --memory-reservation 32m --cpus 0.5 --cpu-shares 512 --pids-limit 50 --shm-size 1m --init --user 1000:1001 --group-add 44 --group-add 45 \
 --restart on-failure:3 --log-driver json-file --log-opt max-size=1m --log-opt max-file=2 --add-host db:10.1.2.3 --dns 10.9.9.9 --dns-search example.org --dns-option ndots:2 \
 --stop-signal SIGINT --stop-timeout 33 --oom-score-adj 100 --domainname example.org --health-cmd 'test -e "/x y"' --health-interval 9s --health-retries 4 --health-start-period 5s liftalot-record/plain:1`},
		{name: "compose", targets: []string{"talk", "rec-tunnel-1", "rec-reader-1"}, differ: []string{".HostConfig.Binds", ".HostConfig.Mounts"}, compose: composeFile,
			check: `docker compose -f again.yml -p rec ps --format '{{.Name}}' | sort | tr '\n' ' ' | grep -q '^rec-reader-1 rec-tunnel-1 talk $'
[ "$(docker exec talk /bin/busybox sh -c 'printf %s "$PASS"')" = 'a$b' ]
[ "$(docker exec rec-reader-1 /bin/busybox cat /data/seed)" = 'of the image' ]
[ "$(docker inspect -f '{{index .NetworkSettings.Networks "rec_front" "MacAddress"}}' talk)" = 02:42:ac:99:00:01 ]
[ "$(docker inspect -f '{{.HostConfig.RestartPolicy.Name}} {{index .Config.Labels "com.docker.compose.service"}}' talk)" = 'unless-stopped server' ]
id=$(docker inspect -f '{{.Id}}' talk)
docker compose -f again.yml -p rec up -d --no-build --pull never server 2>&1
[ "$(docker inspect -f '{{.Id}}' talk)" = "$id" ]`},
	}
}

// What compose files in the wild say of their services.
const composeFile = `
name: rec
x-labels: &labels
  @LABELMAP@
services:
  server:
    container_name: talk
    image: liftalot-record/rich:1
    hostname: talk.example
    restart: unless-stopped
    environment:
      PASS: a$$b
      LINES: "one\ntwo"
      QUOTED: '"x" = ''y'''
      EMPTY: ""
    command: [sleep, "9999"]
    labels: *labels
    user: "0:0"
    group_add: ["44"]
    init: true
    stop_grace_period: 21s
    stop_signal: SIGTERM
    cap_drop: [ALL]
    cap_add: [CHOWN, DAC_OVERRIDE]
    security_opt: ["no-new-privileges:true"]
    read_only: true
    tmpfs: [/tmp, "/run:size=1m"]
    shm_size: 2m
    ulimits: {nofile: {soft: 1000, hard: 2000}, nproc: 99}
    sysctls: {net.core.somaxconn: "1024"}
    extra_hosts: ["db2:10.1.2.3", "host.docker.internal:host-gateway"]
    dns: [10.9.9.9]
    dns_search: [example.org]
    logging: {driver: json-file, options: {max-size: 1m, max-file: "2"}}
    deploy: {resources: {limits: {cpus: "0.5", memory: 64m, pids: 60}, reservations: {memory: 16m}}}
    healthcheck: {test: ["CMD", "/bin/busybox", "true"], interval: 9s, timeout: 3s, retries: 4, start_period: 5s, start_interval: 1s}
    ports: ["127.0.0.1:39431:80", "39440-39441:90-91/udp", "81"]
    expose: ["8443"]
    ipc: shareable
    volumes:
      - vol:/vol
      - ./files:/files:ro
      - type: bind
        source: ./files
        target: /again
        read_only: true
        bind: {propagation: rprivate}
      - type: tmpfs
        target: /scratch
        tmpfs: {size: 1048576, mode: 1023}
      - /nameless
    secrets: [token]
    configs: [conf]
    networks:
      front: {aliases: [one, two], ipv4_address: 172.31.242.77, mac_address: "02:42:ac:99:00:01", priority: 10}
      inner: {aliases: [three]}
  tunnel:
    image: liftalot-record/plain:1
    labels: *labels
    network_mode: service:server
    pid: service:server
    ipc: service:server
    restart: always
    depends_on: [server]
  reader:
    image: liftalot-record/plain:1
    labels: *labels
    volumes: [/data]
    links: ["server:talkative"]
    networks: [inner]
    entrypoint: ["/bin/busybox", "sh", "-c"]
    command: ["/bin/busybox sleep 9999"]
    healthcheck: {disable: true}
networks:
  front: {labels: *labels, ipam: {config: [{subnet: 172.31.242.0/24}]}}
  inner: {labels: *labels, internal: true}
volumes:
  vol: {labels: *labels}
secrets:
  token: {file: ./files/seen}
configs:
  conf: {file: ./files/seen}
`
