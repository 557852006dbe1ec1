//go:build unix

package container_test

func worlds() []world {
	return []world{
		{name: "plain", targets: []string{"rec-plain"}, run: `@RUN@ --name rec-plain liftalot-record/plain:1`},
		{name: "words", targets: []string{"rec-words"}, run: `
@RUN@ --name rec-words -e EMPTY= -e 'PASS=a$b"c\d'\''e=f @SERVER@ @IMAGE@ &|/' -e 'LINES=one
two' -e 'UNI=äß→🙂 <>&' --label 'we.ird=@ID@ "x"' --entrypoint /bin/busybox liftalot-record/rich:1 sh -c 'echo "$PASS" >/tmp/pass; exec busybox sleep 9999 || exec /bin/busybox sleep 9999'`,
			check: `docker exec rec-words /bin/busybox sh -c 'printf %s "$PASS"' >got; printf %s 'a$b"c\d'\''e=f @SERVER@ @IMAGE@ &|/' | cmp - got`},
		{name: "no-entrypoint", targets: []string{"rec-noentry"}, run: `@RUN@ --name rec-noentry --entrypoint '' liftalot-record/rich:1 /bin/busybox sleep 9999`},
		{name: "other-entrypoint", targets: []string{"rec-entry"}, run: `@RUN@ --name rec-entry -t --entrypoint /bin/busybox liftalot-record/rich:1 sh -c 'busybox sleep 9999 || /bin/busybox sleep 9999'`},
		{name: "nameless", targets: []string{"rec-nameless"}, differ: []string{".HostConfig.Binds", ".HostConfig.Mounts"}, run: `
@RUN@ --name rec-nameless -v /more --mount type=volume,dst=/third liftalot-record/rich:1
docker exec rec-nameless /bin/busybox sh -c 'for d in /data /more /third; do echo kept >$d/kept; done'`,
			check: `[ "$(docker exec rec-nameless /bin/busybox cat /data/kept /more/kept /third/kept /data/seed | tr '\n' ' ')" = 'kept kept kept of the image' ]`},
		{name: "mounts", targets: []string{"rec-mounts"}, differ: []string{".HostConfig.Binds"}, run: `
docker volume create --label @LABEL@ rec-vol
@RUN@ --name rec-mounts --read-only -v rec-vol:/vol -v "$PWD/files:/files:ro,rprivate" --mount "type=bind,src=$PWD/files,dst=/again,readonly,bind-propagation=rprivate" \
 --tmpfs /run:size=1m,mode=0700 --mount type=tmpfs,dst=/tmp,tmpfs-size=1048576,tmpfs-mode=01777 --mount type=volume,src=rec-vol,dst=/sub2,readonly,volume-nocopy liftalot-record/rich:1
docker exec rec-mounts /bin/busybox sh -c 'echo kept >/data/kept; echo kept >/vol/kept'`,
			check: `[ "$(docker exec rec-mounts /bin/busybox cat /data/kept /sub2/kept /files/seen /again/seen | tr '\n' ' ')" = 'kept kept of the host of the host ' ]`},
		{name: "networks", targets: []string{"rec-nets"}, run: `
docker network create --label @LABEL@ --subnet 172.31.240.0/24 rec-a >/dev/null
docker network create --label @LABEL@ --internal --subnet 172.31.241.0/24 rec-b >/dev/null
docker network create --label @LABEL@ rec-c >/dev/null
@RUN@ --name rec-nets --hostname named --network rec-a --network-alias one --network-alias two --ip 172.31.240.77 -p 127.0.0.1:39411:80 -p 39420-39422:90-92/udp -P liftalot-record/plain:1
docker network connect --alias three --ip 172.31.241.78 rec-b rec-nets
docker network connect rec-c rec-nets`,
			check: `[ "$(docker inspect -f '{{index .NetworkSettings.Networks "rec-a" "IPAddress"}} {{index .NetworkSettings.Networks "rec-b" "IPAddress"}}' rec-nets)" = '172.31.240.77 172.31.241.78' ] || { docker inspect rec-nets; exit 1; }`},
		{name: "left-network", targets: []string{"rec-left"}, run: `
docker network create --label @LABEL@ rec-a >/dev/null
docker network create --label @LABEL@ rec-b >/dev/null
@RUN@ --name rec-left --network rec-a liftalot-record/plain:1
docker network connect rec-b rec-left
docker network disconnect rec-a rec-left`},
		{name: "no-network", targets: []string{"rec-none"}, run: `@RUN@ --name rec-none --network none liftalot-record/plain:1`},
		{name: "host-modes", targets: []string{"rec-host"}, run: `@RUN@ --name rec-host --network host --pid host --ipc host --uts host liftalot-record/plain:1`},
		{name: "dependents", targets: []string{"rec-server", "rec-tunnel", "rec-reader"}, differ: []string{".HostConfig.Binds"}, run: `
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
		{name: "no-healthcheck", targets: []string{"rec-nohealth"}, run: `@RUN@ --name rec-nohealth --no-healthcheck --restart unless-stopped liftalot-record/rich:1`},
		{name: "privileged", targets: []string{"rec-priv"}, run: `@RUN@ --name rec-priv --privileged --restart always liftalot-record/plain:1`},
	}
}
