# Starts a server's container as it is and waits until its health answer says that it is
# healthy ("degraded" is HTTP 200 too). One that keeps restarting is not waited for.
#   $1 container  $2 port  $3 seconds
set -u
healthy() {
	h=$(docker exec "$1" curl -s -m 4 "http://127.0.0.1:$2/api/health" 2>/dev/null </dev/null | tr -d ' \t\r\n')
	case $h in *'"status":"ok"'*) ;; *) return 1 ;; esac
	case $h in *'"db_healthy":true'*) return 0 ;; esac
	return 1
}
restarts() { docker inspect -f '{{.RestartCount}}' "$1" 2>/dev/null </dev/null; }
docker start "$1" >/dev/null </dev/null || exit 1
before=$(restarts "$1")
end=$(($(date +%s) + $3))
while [ "$(date +%s)" -lt "$end" ]; do
	healthy "$1" "$2" && exit 0
	now=$(restarts "$1")
	if [ "${now:-0}" -ge "$((${before:-0} + 3))" ]; then
		echo "the server was restarted $now times: $(docker logs --tail 1 "$1" 2>&1 </dev/null | cut -c1-200)"
		exit 1
	fi
	sleep 1
done
echo "the server did not become healthy within $3 seconds"
exit 1
