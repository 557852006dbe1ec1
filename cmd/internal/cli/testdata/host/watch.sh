# Writes down from now on, until "seen", every command line on this server, and
# the environment of every process that is not in a container: those of the
# client's containers hold the client's own secrets.
cat >/root/watch <<'END'
while :; do
	for d in /proc/[0-9]*; do
		tr '\0' ' ' <"$d/cmdline" && echo
		[ ! "$d/ns/mnt" -ef /proc/self/ns/mnt ] || { tr '\0' ' ' <"$d/environ" && echo; }
	done >>/root/seen 2>/dev/null
	sleep 0.2
done
END
nohup bash /root/watch >/dev/null 2>&1 &
echo $! >/root/watch.pid
