package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// The exit statuses. With several hosts the worst one counts: 22, 23, 20, 21,
// then the smallest of the rest.
const (
	exitDone        = 0
	exitInternal    = 1
	exitUsage       = 2
	exitCheck       = 10
	exitLocked      = 11
	exitAuth        = 12
	exitStale       = 13
	exitHostKey     = 14
	exitTrust       = 15
	exitBackup      = 16
	exitUnreachable = 17
	exitAlgorithms  = 18
	exitInterrupted = 20
	exitRolledBack  = 21
	exitPerson      = 22
	exitState       = 23
	exitCancelled   = 130
)

// exitMeaning is an exit status in words.
type exitMeaning struct {
	code    int
	meaning string
}

func exitMeanings() []exitMeaning {
	return []exitMeaning{
		{exitDone, "done, or nothing to do"},
		{exitInternal, "internal error"},
		{exitUsage, "wrong use, or a bad inventory"},
		{exitCheck, "a check says stop"},
		{exitLocked, "another operator holds the lock"},
		{exitAuth, "ssh, sudo, registry or bucket refused the login"},
		{exitStale, "the plan is stale"},
		{exitHostKey, "host key unknown or changed"},
		{exitTrust, "signature or trust"},
		{exitBackup, "backup failed or unproven"},
		{exitUnreachable, "unreachable or timed out"},
		{exitAlgorithms, "no SSH algorithm in common"},
		{exitInterrupted, "interrupted, can be resumed"},
		{exitRolledBack, "failed and rolled back"},
		{exitPerson, "needs a person"},
		{exitState, "local state damaged, or from a newer version"},
		{exitCancelled, "cancelled"},
	}
}

// exitsKey is where a command keeps its exit statuses.
const exitsKey = "exits"

// exitCodes are the annotations of a command that may end with these statuses, and with
// those that every command may end with: 0, 1 and 2.
func exitCodes(codes ...int) map[string]string {
	var list []string
	for _, code := range append([]int{exitDone, exitInternal, exitUsage}, codes...) {
		list = append(list, strconv.Itoa(code))
	}
	return map[string]string{exitsKey: strings.Join(list, " ")}
}

// mayExit reports whether a command declares that it may end with a status.
func mayExit(cmd *cobra.Command, code int) bool {
	return slices.Contains(strings.Fields(cmd.Annotations[exitsKey]), strconv.Itoa(code))
}

// addExitHelp ends the help of each command below one with the statuses it declares.
func addExitHelp(parent *cobra.Command) {
	for _, cmd := range parent.Commands() {
		if cmd.Annotations[exitsKey] != "" {
			cmd.Long = strings.TrimSpace(cmd.Long) + "\n\nExit status (\"liftalot help exit-codes\" lists them all):\n" +
				exitTable(func(code int) bool { return mayExit(cmd, code) })
		}
		addExitHelp(cmd)
	}
}

func exitTable(with func(code int) bool) string {
	var b strings.Builder
	for _, e := range exitMeanings() {
		if with(e.code) {
			fmt.Fprintf(&b, "  %-4d %s\n", e.code, e.meaning)
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

// exitCodesTopic is no command: it is what "liftalot help exit-codes" prints.
func exitCodesTopic() *cobra.Command {
	return &cobra.Command{
		Use: "exit-codes", Short: "What the exit statuses mean",
		Long: "A command ends with one of these statuses; its own help lists those that it can end with.\n\n" +
			exitTable(func(int) bool { return true }) + `

From 10 to 18 nothing was changed. With several hosts the worst one counts: 22, 23,
20, 21, then the smallest of the rest. With --json the status of each host is in the
document of the commands that change hosts, as "exit".`,
	}
}
