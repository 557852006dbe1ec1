// Package cli turns arguments into calls, and what comes of them into words and
// an exit status. One file per command; what the commands share is in session.go
// (one invocation), target.go (one host) and fleet.go (many), which are made of parts with
// a subject each: a [terminal], a [dialog], a [stateFolder], a [keyring] and so on.
//
// It is the one place where a connection meets an engine, and it decides nothing
// about a host: what to do is plan's, how it is done apply's.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"liftalot/plan"
	"liftalot/plan/release"
)

// Env is what a process has around it.
type Env struct {
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	Getenv func(string) string
	Now    func() time.Time
	Vendor *release.Client // asks the vendor's hosts
}

// Process is the Env of this process.
func Process() Env {
	return Env{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Now: time.Now, Vendor: new(release.Client)}
}

// app is one invocation before a command is chosen.
type app struct {
	env              Env
	flags            flags
	term             *terminal
	stop             chan struct{} // closed by the first interrupt
	lookups          *releaseCache // what the vendor has said
	drainOnInterrupt atomic.Bool   // hosts are being changed: the first interrupt waits for a step
}

func newApp(env Env) *app {
	a := &app{env: env, lookups: new(releaseCache), stop: make(chan struct{})}
	a.term = newTerminal(env, &a.flags)
	return a
}

// Main runs a command line and returns the exit status.
func Main(args []string, env Env) int { return newApp(env).main(args) }

func (a *app) main(args []string) int {
	ctx, done := a.signals()
	defer done()
	root := a.root()
	root.SetArgs(args)
	root.SetOut(a.term.out)
	root.SetErr(a.term.err)
	if asksToComplete(args) {
		root.SetOut(a.env.Stdout)
	}
	err := root.ExecuteContext(ctx)
	if context.Cause(ctx) == errInterrupted && !a.drainOnInterrupt.Load() {
		// What the hosts say of it is only that they were left.
		err = errInterrupted
	}
	return a.term.close(a.term.explain(err))
}

// signals makes the first interrupt ask for an end after the step under way,
// and the second one end that too. While nothing is changed the first one ends
// the command.
func (a *app) signals() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	ch := make(chan os.Signal, 2)
	signal.Notify(ch, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	var wait sync.WaitGroup
	quit := make(chan struct{})
	wait.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-quit:
				return
			case <-ch:
			}
			if n == 0 && a.drainOnInterrupt.Load() {
				close(a.stop)
				a.term.err.Printf("\ninterrupted: finishing the step under way; once more to leave now\n")
				continue
			}
			cancel(errInterrupted)
			return
		}
	})
	return ctx, func() {
		signal.Stop(ch)
		close(quit)
		wait.Wait()
		cancel(nil)
	}
}

var errInterrupted = errors.New("interrupted")

// flags are those that every command knows.
type flags struct {
	inventory string
	state     string
	parallel  int // 0: as many as fit
	timeout   time.Duration
	json      bool
	quiet     bool
	verbose   bool
	logFile   string
	yes       bool

	onlyFailed, onlyPending bool     // of the last batch
	batchOf                 []string // what it may have done, of the command that is given
	manifest                string   // of check and plan
}

// Commands are all commands, for who writes manual pages and completions of them.
func Commands() *cobra.Command { return newApp(Process()).root() }

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:     "liftalot",
		Short:   "Lifts running chatalot servers onto managed updates, over SSH, from your laptop",
		Version: version(),
		Long: `Lifts running chatalot servers onto managed updates, over SSH, from your laptop:
a whole inventory of them, with proof before each change and a rollback after it.

  liftalot init > inventory.yml     a commented inventory to fill in
  liftalot trust acme               look at a host's key and remember it
  liftalot check acme               what stands in the way
  liftalot plan acme                what would be done, with the diff
  liftalot apply acme               do it
  liftalot rollback acme            undo it

A PATTERN is a name, a glob, @group, or !not-this, in quotes where the shell has its
own use for it: '!acme', '*.eu'. Without one, all hosts.`,
		SilenceErrors: true, SilenceUsage: true, PersistentPreRunE: func(cmd *cobra.Command, args []string) error {
			if a.flags.parallel < 0 || a.flags.timeout < 0 {
				return wrongUse(cmd, errors.New("--parallel and --timeout are not below zero"))
			}
			if a.flags.parallel == 0 && cmd.Flags().Changed("parallel") {
				return wrongUse(cmd, errors.New("--parallel 0 would look at no host; without it there are as many at a time as fit"))
			}
			return a.refuseJSON(cmd, args)
		},
	}
	pf := root.PersistentFlags()
	pf.StringVarP(&a.flags.inventory, "inventory", "i", "inventory.yml", "the hosts file")
	pf.StringVar(&a.flags.state, "state", "", "state folder (default .liftalot beside the inventory)")
	pf.IntVar(&a.flags.parallel, "parallel", 0, "hosts at a time (default: as many as this machine can look at, 8 where hosts are changed)")
	pf.DurationVar(&a.flags.timeout, "timeout", 0, "end the whole command after this long")
	pf.BoolVar(&a.flags.json, "json", false, "one JSON document on standard output")
	pf.BoolVarP(&a.flags.quiet, "quiet", "q", false, "only results and failures")
	pf.BoolVarP(&a.flags.verbose, "verbose", "v", false, "also what hosts say while a step is under way")
	pf.StringVar(&a.flags.logFile, "log-file", "", "add what happens to this file, one JSON object a line")
	for _, g := range a.commands() {
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
		for _, cmd := range g.commands {
			cmd.GroupID = g.id
		}
		root.AddCommand(g.commands...)
	}
	root.AddCommand(composeCommand(a), exitCodesTopic())
	describeOwn(root)
	addExitHelp(root)
	marksWrongUse(root)
	root.SetFlagErrorFunc(wrongFlag)
	root.SetVersionTemplate("liftalot {{.Version}}\n")
	root.InitDefaultVersionFlag() // cobra adds it late otherwise, and the pages are held against what there is
	a.completes(root)
	return root
}

// commandGroup is commands that stand together in the help.
type commandGroup struct {
	id, title string
	commands  []*cobra.Command
}

// commands are those that the help shows, in its order.
func (a *app) commands() []commandGroup {
	return []commandGroup{
		{"start", "Get started:", []*cobra.Command{initCommand(a), hostsCommand(a), trustCommand(a), sudoersCommand(a)}},
		{"upgrade", "Upgrade:", []*cobra.Command{checkCommand(a), planCommand(a), applyCommand(a), verifyCommand(a), rollbackCommand(a)}},
		{"backups", "Backups:", []*cobra.Command{backupCommand(a), backupsCommand(a), restoreCommand(a), keyCommand(a)}},
		{"recovery", "Recovery:", []*cobra.Command{adoptCommand(a), unlockCommand(a), forgetCommand(a)}},
		{informationGroup, "Information:", []*cobra.Command{statusCommand(a), historyCommand(a), reportCommand(a), versionCommand(a)}},
	}
}

const informationGroup = "information"

// describeOwn gives the commands that cobra adds by itself a place in the help, and what
// every command has.
func describeOwn(root *cobra.Command) {
	root.SetHelpCommandGroupID(informationGroup)
	root.SetCompletionCommandGroupID(informationGroup)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "help":
			cmd.Example, cmd.Annotations = "  liftalot help exit-codes", exitCodes()
		case "completion":
			cmd.Short, cmd.Example, cmd.Annotations = "Print a completion script for your shell", "  liftalot completion bash", exitCodes()
			for _, shell := range cmd.Commands() {
				shell.Example, shell.Annotations = fmt.Sprintf("  liftalot completion %s", shell.Name()), exitCodes()
			}
		}
	}
}

// addManifest adds the flag of the commands that look a release up.
func (a *app) addManifest(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().StringVar(&a.flags.manifest, "manifest", "", "read the release from this file, with FILE.sig, .bundle or .sigstore.json beside it, instead of asking the manifest host")
	return cmd
}

// addSelection adds the flags of the commands that can resume the last batch of some
// kinds.
func (a *app) addSelection(cmd *cobra.Command, kinds ...plan.RunKind) *cobra.Command {
	cmd.PreRun = func(*cobra.Command, []string) {
		for _, k := range kinds {
			a.flags.batchOf = append(a.flags.batchOf, string(k))
		}
	}
	f := cmd.Flags()
	f.BoolVar(&a.flags.onlyFailed, "retry-failed", false, "only hosts that failed in the last batch, or could not be reached")
	f.BoolVar(&a.flags.onlyPending, "pending", false, "only hosts that the last batch did not come to, or was interrupted at")
	renamedFlag(cmd, "left", "--pending")
	return cmd
}

// renamedFlag answers a flag's former spelling with the one that it has now.
func renamedFlag(cmd *cobra.Command, old, now string) {
	cmd.Flags().BoolFunc(old, "say "+now, func(string) error { return &renamedError{old, now} })
	cmd.Flags().Lookup(old).Hidden = true
}

// renamedError is the answer to a former spelling.
type renamedError struct{ old, now string }

func (e *renamedError) Error() string {
	return fmt.Sprintf("--%s has another name now: say %s", e.old, e.now)
}

// onHosts does something with the hosts that patterns name, within --timeout.
func (a *app) onHosts(cmd *cobra.Command, patterns []string, do func(context.Context, *session) error) error {
	s, err := a.open(patterns)
	if err != nil {
		return err
	}
	ctx, cancel := a.limited(cmd.Context())
	defer cancel()
	return do(ctx, s)
}

// limited gives a command its overall time.
func (a *app) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	if a.flags.timeout <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, a.flags.timeout, fmt.Errorf("the command's --timeout of %s is over", a.flags.timeout))
}
