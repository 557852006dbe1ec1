package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// commandOf finds the command that a command line means.
func commandOf(t *testing.T, args []string) *cobra.Command {
	t.Helper()
	root := newApp(Process()).root()
	cmd, _, err := root.Find(args)
	if err != nil {
		return root
	}
	return cmd
}

// every calls f with each command that a person may type.
func every(cmd *cobra.Command, f func(*cobra.Command)) {
	for _, c := range cmd.Commands() {
		f(c)
		every(c, f)
	}
}

func TestEveryCommandListsItsExitCodes(t *testing.T) {
	every(newApp(Process()).root(), func(cmd *cobra.Command) {
		if !cmd.Runnable() {
			return // a topic of the help
		}
		for _, code := range []int{exitDone, exitInternal, exitUsage} {
			if !mayExit(cmd, code) || !strings.Contains(cmd.Long, "\n  "+strconv.Itoa(code)+"    ") {
				t.Errorf("%s: its help does not list the exit status %d", cmd.CommandPath(), code)
			}
		}
		if !strings.Contains(cmd.Example, cmd.CommandPath()) {
			t.Errorf("%s: its help has no example of it: %q", cmd.CommandPath(), cmd.Example)
		}
		if cmd.Parent() == cmd.Root() && cmd.GroupID == "" && !cmd.Hidden {
			t.Errorf("%s: it is in no group of the help", cmd.CommandPath())
		}
	})
}

// Every status has its words, and every command only statuses that have.
func TestExitCodesHaveAMeaning(t *testing.T) {
	known := map[string]bool{}
	for _, e := range exitMeanings() {
		known[strconv.Itoa(e.code)] = true
	}
	every(newApp(Process()).root(), func(cmd *cobra.Command) {
		for _, code := range strings.Fields(cmd.Annotations[exitsKey]) {
			if !known[code] {
				t.Errorf("%s: exit status %s has no meaning", cmd.CommandPath(), code)
			}
		}
	})
}

// What the stories have seen a command end with stands in its help. The stories of the
// simulated hosts are held against it where they run the command.
func TestStoriesEndWithListedExitCodes(t *testing.T) {
	stories, err := filepath.Glob(filepath.Join("testdata", "*", "*.txtar"))
	must(t, err)
	ends := regexp.MustCompile(`^exits ([0-9]+) liftalot (.*)`)
	found := 0
	for _, story := range stories {
		text, err := os.ReadFile(story)
		must(t, err)
		for _, line := range strings.Split(string(text), "\n") {
			m := ends.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			found++
			code, err := strconv.Atoi(m[1])
			must(t, err)
			if cmd := commandOf(t, strings.Fields(m[2])); cmd.HasParent() && !mayExit(cmd, code) {
				t.Errorf("%s: %q: the help of %q does not list %d", story, line, cmd.CommandPath(), code)
			}
		}
	}
	if found < 50 {
		t.Errorf("only %d lines were found, of well over a hundred", found)
	}
}

// The README lists every command once, and every exit status with its words.
func TestReadmeListsCommandsAndExitCodes(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "README.md"))
	must(t, err)
	_, table, found := strings.Cut(string(text), "\n## Commands\n")
	table, _, ends := strings.Cut(table, "\n## ")
	if !found || !ends {
		t.Fatal("README.md has no list of the commands")
	}
	var first strings.Builder // the names, of each row
	for _, line := range strings.Split(table, "\n") {
		if cells := strings.Split(line, "|"); len(cells) > 2 {
			first.WriteString(cells[1])
		}
	}
	for _, g := range newApp(Process()).commands() {
		for _, cmd := range g.commands {
			if strings.Count(first.String(), "`"+cmd.Name()+"`") != 1 {
				t.Errorf("the README's table of commands does not have %s once", cmd.Name())
			}
		}
	}
	plain := strings.NewReplacer("*", "").Replace(string(text))
	for _, e := range exitMeanings() {
		if !strings.Contains(plain, "| "+strconv.Itoa(e.code)+" | "+e.meaning+" |") {
			t.Errorf("the README does not say that %d is %q", e.code, e.meaning)
		}
	}
}
