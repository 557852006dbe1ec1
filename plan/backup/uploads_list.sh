# Lists folders, one system call per file and none of its content. Runs inside a
# container: GNU and busybox. $@ are the folders.
#   at SECONDS            by this clock, before the first file was looked at
#   some N                then N lines "MODE UID GID SIZE MTIME CTIME INODE", MODE
#                         in hex, and N names, each ended by a NUL byte
#   gone                  for a name that vanished, or cannot be looked at
#   end STATUS            of find: another than 0 says that something vanished
# A name may hold anything but NUL, so it never shares a line with a number.
date +'at %s'
rc=0
for d; do
	[ -d "$d" ] || continue
	find "$d" -xdev -exec /bin/sh -c '
		some() {
			s=$(stat -c "%f %u %g %s %Y %Z %i" "$@" 2>/dev/null) || return
			printf "some %d\n%s\n" $# "$s"
			printf "%s\0" "$@"
		}
		# What vanished meanwhile spoils a batch: then one after the other.
		some "$@" || for f; do some "$f" || echo gone; done
		:' sh {} + || rc=$?
done
echo "end $rc"
