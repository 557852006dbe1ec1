# Nothing of ours is left but the runbook's backup, and that is closed.
set -eu
no() { echo "LEFT BEHIND: $*" >&2; exit 1; }
[ ! -e /var/lib/liftalot ] || no "$(find /var/lib/liftalot)"
[ ! -e /run/liftalot/lock.holder ] || no "the lock"
for d in /tmp /dev/shm /run /root /home; do
	# What the engine removes from /run while find walks there is no failure.
	left=$(find "$d" -xdev -name '*liftalot*' ! -path /run/liftalot 2>/dev/null || :)
	[ -z "$left" ] || no "$left"
done
left=$(find /srv -name '*liftalot*' -o -path '/srv/chatalot/*' -name '*.??????' -newer /srv/chatalot/Dockerfile ! -name '*.pem' ! -name 'rootfs.tar')
[ -z "$left" ] || no "$left"
for f in /root/.docker/config.json /home/*/.docker/config.json; do
	[ ! -e "$f" ] || ! grep -q auth "$f" || no "a login in $f"
done
open=$(find /var/backups -maxdepth 1 -name 'chatalot-pre-managed-update-*' ! -perm 700)
[ -z "$open" ] || no "$open is open to others"
