// Lanes runs the main story and the conformance suite of package remote on every
// kind of server that testenv makes, one after the other, and writes the table of
// docs/hosts.md.
//
//	go run ./testenv/cmd/lanes [-write docs/hosts.md] [LANE...]
//
// Lanes that are not named keep their lines. It needs what the tests on real servers
// need, and from minutes (all made before) to an hour. Exit status: 0 if everything
// passed, 1 if not; the table is written all the same, and says so.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"liftalot/testenv/images"
	"liftalot/testenv/vps"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "lanes:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("lanes", flag.ContinueOnError)
	write := flags.String("write", "", "the `page` that has the table; without it the lines are only printed")
	logs := flags.String("logs", filepath.Join("bin", "lanes"), "the `folder` for what the tests said")
	if err := flags.Parse(args); err != nil {
		return err
	}
	lanes, err := chosen(flags.Args())
	if err != nil {
		return err
	}
	if err := os.MkdirAll(*logs, 0o755); err != nil {
		return err
	}
	var failed []string
	for _, lane := range lanes {
		r, err := measure(ctx, lane, *logs)
		if err != nil {
			return fmt.Errorf("lane %s: %w", lane.Name, err)
		}
		fmt.Println(r.line())
		if *write != "" {
			if err := replaceLine(*write, r); err != nil {
				return err
			}
		}
		for _, s := range suites() {
			if r.outcome[s.name] != passed {
				failed = append(failed, lane.Name+": "+s.name)
			}
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("failed: %s; what the tests said is in %s", strings.Join(failed, ", "), *logs)
	}
	return nil
}

func chosen(names []string) ([]images.Lane, error) {
	if len(names) == 0 {
		return images.Lanes(), nil
	}
	var lanes []images.Lane
	for _, name := range names {
		lane, err := images.FindLane(name)
		if err != nil {
			return nil, err
		}
		lanes = append(lanes, lane)
	}
	return lanes, nil
}

// A suite is a test that is run on every lane.
type suite struct{ name, pkg, tests string }

func suites() []suite {
	return []suite{
		{"main story", "./cmd/internal/cli", "^TestServers$/^public$"},
		{"what ran", "./cmd/internal/cli", "^TestServers$/^(ran|no-files)$"},
		{"remote", "./remote", "^(TestConformanceOnVPS|TestSudoMatrixOnVPS)$"},
	}
}

// measure asks a server of the lane what it has, and runs the suites.
func measure(ctx context.Context, lane images.Lane, logs string) (result, error) {
	r := result{lane: lane, day: time.Now().UTC().Format(time.DateOnly), outcome: map[string]string{}}
	var err error
	if r.facts, err = ask(ctx, lane); err != nil {
		return r, err
	}
	for _, s := range suites() {
		began := time.Now()
		if err := s.run(ctx, lane, logs); err == nil {
			r.outcome[s.name] = passed
		} else if ctx.Err() != nil {
			return r, ctx.Err()
		} else {
			r.outcome[s.name] = "**failed**"
		}
		fmt.Fprintf(os.Stderr, "lanes: %s: %s: %s in %s\n", lane.Name, s.name, r.outcome[s.name], time.Since(began).Round(time.Second))
	}
	return r, nil
}

func (s suite) run(ctx context.Context, lane images.Lane, logs string) error {
	file, err := os.Create(filepath.Join(logs, lane.Name+"-"+strings.ReplaceAll(s.name, " ", "-")+".log"))
	if err != nil {
		return err
	}
	test := exec.CommandContext(ctx, "go", "test", s.pkg, "-run", s.tests, "-count=1", "-timeout", "40m", "-v")
	test.Env = append(test.Environ(), images.LaneEnv+"="+lane.Name, "LIFTALOT_REQUIRE_DOCKER=1")
	test.Stdout, test.Stderr = file, file
	return errors.Join(test.Run(), file.Close())
}

// facts is what a server says of itself, a fact a line, in the order of the columns.
const facts = `sed -n 's/^PRETTY_NAME="\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' /etc/os-release
echo "$(docker version -f '{{.Server.Version}}') ($(docker info -f '{{.Driver}}'), API $(docker version -f '{{.Server.APIVersion}}'))"
docker compose version --short
docker exec "$(docker ps -qf label=com.docker.compose.service=postgres)" postgres --version | awk '{print $3}'
sudo --version 2>&1 | awk 'NR == 1 {print $1, $NF}'
PATH=/usr/sbin:/usr/bin:/sbin:/bin
stat --version 2>/dev/null | sed -n 's/^stat *(\{0,1\}\([^)]*\))\{0,1\} *\([0-9.]*\)$/\1 \2/p' | grep . || busybox | sed -n 's/ (.*//;1p'
sshd -V 2>&1 | sed -n 's/,.*//;s/ .*//;/^OpenSSH/p'`

// ask boots a server of the lane for what it says of itself.
func ask(ctx context.Context, lane images.Lane) (answers []string, err error) {
	env, err := vps.Open(ctx, vps.Options{Owner: fmt.Sprintf("lanes-%d", os.Getpid()), Lane: lane.Name, Log: os.Stderr})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, env.Close(context.WithoutCancel(ctx))) }()
	host, err := env.Boot(ctx, vps.BootOptions{Scenario: "public"})
	if err != nil {
		return nil, err
	}
	out, err := host.Run(ctx, facts)
	if err != nil {
		return nil, err
	}
	answers = strings.Split(strings.TrimSpace(out), "\n")
	if len(answers) != len(columns) {
		return nil, fmt.Errorf("it says of itself %q, want %s", answers, strings.Join(columns, ", "))
	}
	return answers, nil
}
