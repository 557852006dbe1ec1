package probe

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"liftalot/plan"
	"liftalot/remote"
)

// includedScript reads further files of the project, those that are there and no larger
// than 1 MiB.
//
//	$1 marker, as in probe.sh  $2… files
const includedScript = `M=$1
shift
n=0
for f; do
	printf '%s begin file.%s\n' "$M" "$n"
	if ! [ -e "$f" ]; then
		s=1
	elif ! [ -f "$f" ] || [ "$(wc -c <"$f")" -gt 1048576 ]; then
		s=2
	else
		cat "$f"
		s=$?
		[ "$s" -eq 0 ] || s=2
	fi
	printf '\n%s end file.%s %s \n' "$M" "$n" "$s"
	n=$((n + 1))
done
`

// maxIncludes bounds how deep files may name files.
const maxIncludes = 10

// readIncluded reads what the project's compose files include and extend, for what those name
// in turn. Most projects have no such files, and cost no command.
func readIncluded(ctx context.Context, host Runner, f *plan.Facts) error {
	for range maxIncludes {
		files := plan.FilesOf(f).Unread
		if len(files) == 0 {
			return nil
		}
		marker, err := newMarker()
		if err != nil {
			return err
		}
		res, err := host.Run(ctx, remote.Command{
			Name: "look at further files", Script: includedScript, Root: true, Timeout: timeout, MaxStdout: maxOutput,
			Args: slices.Concat([]string{marker}, files),
		})
		if err != nil {
			return err
		}
		parts, err := split(marker, res.Stdout)
		if err != nil || res.StdoutLost > 0 || len(parts) != len(files) {
			return fmt.Errorf("look at further files: the answer cannot be read")
		}
		for i, name := range files {
			x := plan.File{Path: name, Missing: parts[i].code == 1}
			if parts[i].code == 0 {
				sum := sha256.Sum256(parts[i].out)
				x.Data, x.Size, x.SHA256 = parts[i].out, int64(len(parts[i].out)), hex.EncodeToString(sum[:])
			}
			f.Included = append(f.Included, x)
		}
	}
	return nil
}
