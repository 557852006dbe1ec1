package backup

import (
	"bufio"
	"context"
	"errors"
	"io"
	"path"
	"slices"
	"strings"

	"liftalot/remote"
)

// helperContainer runs scripts among the files of a server, as root of a container of
// their own: the database's image, which is on the host, with the server's mounts,
// no network and few rights. So volumes and bind mounts are found whatever their
// names, and a link that the server plants among its files, even while they are
// read, leads to nothing of the host.
type helperContainer struct {
	host             Runner
	database, server string // containers
	write            bool
}

// insideScript runs $4 with the arguments that follow.
//
//	$1 database container  $2 server container  $3 ro, or rw
const insideScript = `set -eu
db=$1 server=$2 rights=$3 script=$4
shift 4
image=$(docker inspect -f '{{.Image}}' "$db" </dev/null)
caps='--cap-add DAC_OVERRIDE'
[ "$rights" = ro ] && from=$server:ro || { from=$server caps="$caps --cap-add CHOWN --cap-add FOWNER --cap-add FSETID"; }
exec docker run --rm -i --pull never --network none --log-driver none --label liftalot.files=1 --user 0:0 -e LC_ALL=C \
	--security-opt label=disable --cap-drop ALL $caps --volumes-from "$from" --entrypoint /bin/sh "$image" -c "$script" sh "$@"`

// command makes a command run inside.
func (i helperContainer) command(cmd remote.Command) remote.Command {
	rights := "ro"
	if i.write {
		rights = "rw"
	}
	cmd.Args = slices.Concat([]string{i.database, i.server, rights, cmd.Script}, cmd.Args)
	cmd.Script, cmd.Root = insideScript, true
	return cmd
}

// read runs a command inside and has its output read while it comes, to its end.
func (i helperContainer) read(ctx context.Context, cmd remote.Command, use func(*bufio.Reader) error) error {
	r, w := io.Pipe()
	cmd = i.command(cmd)
	cmd.Stdout = w
	ended := make(chan error, 1)
	go func() {
		res, err := i.host.Run(ctx, cmd)
		var exit *remote.ExitError
		if errors.As(err, &exit) && len(res.Stderr) > 0 {
			err = errors.Join(errors.New(lastLine(res.Stderr)), err)
		}
		w.CloseWithError(err) // nil is the end of the file
		ended <- err
	}()
	in := bufio.NewReaderSize(r, 64<<10)
	err := use(in)
	if err == nil {
		if _, more := in.ReadByte(); more == nil {
			err = errors.New("the host says more than was asked for")
		}
	}
	r.CloseWithError(errUseless)
	// What the line did can be tried again, but the reader may have taken it for the
	// end of what the host says: a line that is refused can look like one.
	if ran := <-ended; err == nil || provesNothing(ran) && !errors.Is(ran, errUseless) {
		return ran
	}
	return err // where the command failed, the reader met its error
}

var errUseless = errors.New("what the host says is of no use")

// foldersScript names the folders that a container may write to and that outlive
// it: volumes and bind mounts.
const foldersScript = `docker inspect -f '{{range .Mounts}}{{if and .RW (or (eq .Type "volume") (eq .Type "bind"))}}{{println .Destination}}{{end}}{{end}}' "$1" </dev/null`

// folders are those in which a server keeps files, by their paths inside it. A
// single file that is mounted is none of them, which only find can tell.
func (i helperContainer) folders(ctx context.Context) ([]string, error) {
	res, err := i.host.Run(ctx, remote.Command{Name: "ask for the server's mounts", Script: foldersScript, Args: []string{i.server}, Root: true})
	if err != nil {
		return nil, err
	}
	var list []string
	for d := range strings.Lines(string(res.Stdout)) {
		d = strings.TrimSuffix(d, "\n")
		if path.IsAbs(d) && path.Clean(d) == d && !slices.ContainsFunc(systems, func(s string) bool { return d == s || strings.HasPrefix(d, s+"/") }) {
			list = append(list, d)
		}
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// systems are where sockets, secrets and the system itself are mounted.
var systems = []string{"/run", "/var/run", "/proc", "/sys", "/dev", "/etc", "/bin", "/sbin", "/lib", "/usr"}
