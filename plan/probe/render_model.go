package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"liftalot/plan"
	"liftalot/plan/compose"
	"liftalot/remote"
)

// renderScript reads one candidate from standard input, where compose takes
// it as the file "-". Compose takes only one from there: with several, they lie
// on the memory file system for the moment, where nothing of the client's is,
// and are gone on every way out.
//
//	$1 number of candidates, then for each its length and its place among the
//	compose arguments; -- and the compose arguments
const renderScript = `set -eu
n=$1
shift
if [ "$n" = 1 ]; then
	shift 3
	exec docker compose "$@"
fi
umask 077
d=$(mktemp -d /dev/shm/liftalot.XXXXXX)
trap 'rm -rf "$d"' EXIT
trap 'exit 1' HUP INT TERM PIPE
i=0
while [ $i -lt "$n" ]; do
	head -c "$1" >"$d/$i.yml"
	shift 2
	i=$((i + 1))
done
shift
i=0
for a; do
	shift
	case $a in @candidate.*) a=$d/${a#@candidate.}.yml ;; esac
	set -- "$@" "$a"
done
docker compose "$@" </dev/null
`

// RenderError reports that compose does not accept the edited files.
type RenderError struct {
	Host    string
	Message string // compose's own words: foreign text, bounded, without what may be a secret
}

func (e *RenderError) Error() string {
	return fmt.Sprintf("%s: compose does not accept the edited file: %s", e.Host, e.Message)
}

// RenderModel asks the host's compose for the merged model, every profile active,
// with some of the project's files replaced by what they would become. Nothing
// of the client's is written.
func RenderModel(ctx context.Context, host Runner, name string, project plan.Project, files map[string][]byte) (*compose.Model, error) {
	args := project.Args()
	var head []string
	var stdin bytes.Buffer
	n := 0
	for i, a := range args {
		data, edited := files[a]
		if !edited || i == 0 || args[i-1] != "-f" {
			continue
		}
		head = append(head, strconv.Itoa(len(data)), strconv.Itoa(i))
		stdin.Write(data)
		args[i] = "-"
		if len(files) > 1 {
			args[i] = "@candidate." + strconv.Itoa(n)
		}
		n++
	}
	if n != len(files) {
		return nil, fmt.Errorf("%s: %d of %d edited files are among the project's", name, n, len(files))
	}
	all := slices.Concat([]string{strconv.Itoa(n)}, head, []string{"--"}, args, []string{"--profile", "*", "config", "--format", "json"})
	res, err := host.Run(ctx, remote.Command{
		Name: "ask compose about the edited file", Script: renderScript, Args: all, Stdin: &stdin, Root: true, MaxStdout: maxOutput,
	})
	var exit *remote.ExitError
	if errors.As(err, &exit) {
		said := compose.RedactMessage(strings.TrimSpace(string(res.Stderr)))
		for _, data := range files {
			said = compose.RedactValues(said, compose.Secrets(data))
		}
		return nil, &RenderError{Host: name, Message: said[max(0, len(said)-400):]}
	}
	if err != nil {
		return nil, err
	}
	return compose.ParseModel(res.Stdout)
}
