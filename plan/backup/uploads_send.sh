# Sends files one after the other, each as many bytes as the reader expects: pairs
# of a size and a name come on standard input, each ended by a NUL byte. One that
# has shrunk or gone is filled up with zeros, so that the next one begins where it
# must: its hash will tell.
# Six pairs at a time fit the shortest command line that an xargs makes, so that none
# is ever torn apart.
xargs -0 -n 12 /bin/sh -c '
	while [ $# -gt 1 ]; do
		{
			head -c "$1" 2>/dev/null <"$2"
			cat /dev/zero 2>/dev/null
		} 2>/dev/null | head -c "$1"
		shift 2
	done' sh
