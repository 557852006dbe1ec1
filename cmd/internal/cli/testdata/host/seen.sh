# Ends the watch and prints every line once.
kill "$(cat /root/watch.pid)"
sort -u /root/seen
rm -f /root/seen /root/watch /root/watch.pid
