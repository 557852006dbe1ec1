# evidence CONTAINER says in one line how a container stands and in others what it said
# last. Longer lines are cut; what a cut leaves of a secret is taken off by who reads them.
evidence() {
	docker inspect -f 'state {{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}} {{.RestartCount}} {{.Name}}' "$1" 2>/dev/null </dev/null || return 0
	docker logs --tail 20 "$1" 2>&1 </dev/null | cut -c1-700 | sed 's/^/log /'
}
