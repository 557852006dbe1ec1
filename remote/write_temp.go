package remote

import "path"

// TempPrefix begins the name of each temporary file of an owner's writes. What
// follows is different each time: a late request of a connection that was given
// up finds its own file or none, never one that is just being written.
func TempPrefix(owner string) string { return ".liftalot-" + owner + "-" }

func tempBeside(dest, owner string) string {
	return path.Join(path.Dir(dest), TempPrefix(owner)+newMark()[len("mark="):][:16])
}

// RemoveTemps is a command that removes what writes of these owners have left
// beside the files dest when the link broke. Only who keeps the owners from
// writing meanwhile may run it.
func RemoveTemps(owners, dest []string) Command {
	var args []string
	for _, o := range owners {
		args = append(args, TempPrefix(o))
	}
	return Command{
		Name: "remove temporary files", Root: true, Script: removeTempsScript,
		Args: append(append(args, "--"), dest...),
	}
}

// removeTempsScript follows links as a write does: the temporary file is beside what
// a link leads to.
//
//	$1… prefixes  --  files
const removeTempsScript = `temps=
while [ "$1" != -- ]; do
	temps="$temps $1"
	shift
done
shift
for file; do
	real=$(readlink -f -- "$file") || real=$file
	for t in $temps; do rm -f -- "${real%/*}/$t"* || exit 1; done
done
`
