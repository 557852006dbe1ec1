# The watchdog of a job, for swap.sh, restore.sh and undo_restore.sh, behind the functions of
# container.sh and one that prints watchdog.sh. Its settings are those of the script:
# CONTAINER, OLDIMAGE, PROJECT, SERVICE, RECORD, DEPENDENTS, DEPENDENTRECORD, RUN, WORK, and
# ASK, the database's container where that decides which server runs.

# set_server CONTAINER IMAGE PROJECT SERVICE RECORD DEPENDENTS sets those of a server that is
# stopped and started again.
set_server() { CONTAINER=$1 OLDIMAGE=$2 PROJECT=$3 SERVICE=$4 RECORD=$5 DEPENDENTRECORD=$5 DEPENDENTS=$6; }

# watchdog_on starts the watchdog, which brings a server back after a power cut: a container,
# since the engine starts those again after a boot. It has the engine's socket, as the
# updater's proxy has, and is removed at the end of this job. Its compose labels are empty:
# an image that compose has built would give it those of its service.
watchdog_on() {
	[ -n "$RECORD" ] || return 0
	watchdog_script >"$WORK/watchdog" || return 1
	docker rm -f "liftalot-watchdog-$RUN" >/dev/null 2>&1 </dev/null
	docker run -d --name "liftalot-watchdog-$RUN" --restart always --network none --pid host --user 0 --read-only --cap-drop ALL \
		--security-opt no-new-privileges --security-opt label=disable --no-healthcheck --label "liftalot.run=$RUN" \
		--label com.docker.compose.project= --label com.docker.compose.service= \
		-v /var/run/docker.sock:/var/run/docker.sock -v "$WORK:/job:ro" -v "$RECORD:/record" -v "$DEPENDENTRECORD:/dependents" \
		--entrypoint sh "$OLDIMAGE" /job/watchdog "$CONTAINER" "$OLDIMAGE" "$PROJECT" "$SERVICE" "$DEPENDENTS" "liftalot-watchdog-$RUN" "${ASK:-}" \
		>/dev/null 2>"$WORK/watchdog.err" </dev/null &&
		WATCHED=1
}
watchdog_off() { [ -z "$RECORD" ] || docker rm -f "liftalot-watchdog-$RUN" >/dev/null 2>&1 </dev/null; }

# state CONTAINER TEMPLATE prints what the engine tells of a container.
state() { docker inspect -f "$2" "$1" 2>/dev/null </dev/null; }

# revive_dependents brings back the containers that share a namespace with the server: after
# a start of the same container they are restarted, after it was replaced they are recreated.
revive_dependents() {
	for _d in $DEPENDENTS; do
		_name=${_d%%:*} _rest=${_d#*:}
		_id=$(state "${_rest%%:*}" '{{.Id}}')
		[ -n "$_id" ] || continue
		if matches_record "$DEPENDENTRECORD" "$_name" "$_id" >/dev/null 2>&1; then
			[ "${_rest#*:}" != 1 ] || docker restart -t 10 "$_name" >/dev/null 2>&1 </dev/null || echo "note $_name, which depends on the server, does not start"
			continue
		fi
		docker stop -t 10 "$_name" >/dev/null 2>&1 </dev/null
		docker rm -f "$_name" >/dev/null 2>&1 </dev/null
		if ! recreate "$DEPENDENTRECORD" "$_name" "$_id" >"$WORK/attend" 2>&1; then
			echo "note $_name, which depends on the server, cannot be made anew: $(tail -n 1 "$WORK/attend" | cut -c1-200)"
		elif [ "${_rest#*:}" = 1 ] && ! docker start "$_name" >"$WORK/attend" 2>&1 </dev/null; then
			echo "note $_name, which depends on the server, does not start: $(tail -n 1 "$WORK/attend" | cut -c1-200)"
		fi
	done
}
