package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"liftalot/plan"
)

// commandTree is the whole tree of commands, those that cobra adds included.
func commandTree() *cobra.Command {
	root := newApp(Env{}).root()
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	return root
}

// pages are what users and contributors read. CHANGELOG tells of the past.
func pages(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob("../../../docs/*.md")
	must(t, err)
	all := map[string]string{}
	for _, name := range append(names, "../../../README.md", "../../../CONTRIBUTING.md") {
		text, err := os.ReadFile(name)
		must(t, err)
		all[strings.TrimPrefix(name, "../../../")] = string(text)
	}
	return all
}

var (
	codeSpan  = regexp.MustCompile("`([^`]+)`")
	separator = regexp.MustCompile(` && |; | \| |\$\(`)
	afterward = regexp.MustCompile(`\s{2,}.*| [#>)].*|\)`) // a remark in its column, or where the output goes
)

// codeOf is what stands in spans and blocks of code, each piece apart.
func codeOf(text string) (pieces []string) {
	for part := range strings.SplitSeq(text, "\n\n") {
		prose := ""
		for line := range strings.Lines(part) {
			if block, ok := strings.CutPrefix(line, "    "); ok {
				pieces = append(pieces, strings.TrimPrefix(strings.TrimSpace(block), "$ "))
			} else {
				prose += line
			}
		}
		for _, m := range codeSpan.FindAllStringSubmatch(prose, -1) {
			pieces = append(pieces, strings.ReplaceAll(m[1], "\n", " "))
		}
	}
	return pieces
}

// commandsIn are the command lines of liftalot in a piece of code, without "liftalot".
func commandsIn(piece string) (lines []string) {
	for _, part := range separator.Split(piece, -1) {
		if line, ok := strings.CutPrefix(strings.TrimSpace(part), "liftalot "); ok {
			lines = append(lines, afterward.ReplaceAllString(line, ""))
		}
	}
	return lines
}

// follow goes down the tree along a command line and says what is not there.
func follow(root *cobra.Command, line string) error {
	cmd, given := root, []string(nil)
	words := strings.Fields(line)
	for i := 0; i < len(words); i++ {
		if name, isFlag := strings.CutPrefix(words[i], "-"); isFlag && name != "" {
			name, _, hasValue := strings.Cut(words[i], "=")
			given = append(given, name)
			if f := flagOf(cmd, name); f != nil && !hasValue && *f {
				i++
			}
			continue
		}
		next := child(cmd, words[i])
		switch {
		case next != nil:
			cmd = next
		case cmd == root:
			return fmt.Errorf("there is no command %q", words[i])
		default: // arguments; what follows may be flags still
		}
	}
	for _, name := range given {
		if flagOf(cmd, name) == nil {
			return fmt.Errorf("%s has no flag %s", cmd.CommandPath(), name)
		}
	}
	return nil
}

func child(cmd *cobra.Command, name string) *cobra.Command {
	for _, c := range cmd.Commands() {
		if c.Name() == name {
			return c
		}
	}
	return nil
}

// flagOf reports whether a command's flag takes a value; nil if it has no such flag.
func flagOf(cmd *cobra.Command, name string) *bool {
	cmd.InitDefaultHelpFlag()
	flags := cmd.Flags()
	flags.AddFlagSet(cmd.InheritedFlags())
	long, isLong := strings.CutPrefix(name, "--")
	f := flags.Lookup(long)
	if short := strings.TrimPrefix(name, "-"); !isLong && len(short) == 1 {
		f = flags.ShorthandLookup(short)
	}
	if f == nil {
		return nil
	}
	takes := f.NoOptDefVal == ""
	return &takes
}

// What a reader types from the pages is there: commands, flags, decisions.
func TestThePagesNameRealCommands(t *testing.T) {
	root := commandTree()
	checked := 0
	for page, text := range pages(t) {
		for _, piece := range codeOf(text) {
			for _, line := range commandsIn(piece) {
				checked++
				if err := follow(root, line); err != nil {
					t.Errorf("%s: liftalot %s: %v", page, line, err)
				}
			}
		}
		for _, m := range regexp.MustCompile(`allow: \[([a-z-]+)`).FindAllStringSubmatch(text, -1) {
			if !slices.Contains(plan.Overrides(), m[1]) {
				t.Errorf("%s: there is no decision %q", page, m[1])
			}
		}
	}
	if checked < 40 {
		t.Errorf("only %d command lines were found", checked)
	}
}

// foreign are flags of other programs that the pages speak of.
var foreign = []string{
	"--build", "--clean", "--env-file", "--no-deps", "--no-owner", "--remove-orphans", "--locale-provider",
}

func TestThePagesNameRealFlags(t *testing.T) {
	root := commandTree()
	for page, text := range pages(t) {
		for _, piece := range codeOf(text) {
			name := regexp.MustCompile(`^--[a-z-]+`).FindString(piece)
			if name != "" && !slices.Contains(foreign, name) && !anywhere(root, name) {
				t.Errorf("%s: no command has the flag %s", page, name)
			}
		}
	}
}

func anywhere(cmd *cobra.Command, flag string) bool {
	return flagOf(cmd, flag) != nil || slices.ContainsFunc(cmd.Commands(), func(c *cobra.Command) bool { return anywhere(c, flag) })
}

// The README gives each command only flags that it has.
func TestTheReadmesTableNamesRealFlags(t *testing.T) {
	root := commandTree()
	for _, m := range regexp.MustCompile("(?m)^\\| (`[a-z]+`(?:, `[a-z]+`)*) \\| (.*) \\|$").FindAllStringSubmatch(pages(t)["README.md"], -1) {
		var commands []*cobra.Command
		for _, span := range codeSpan.FindAllStringSubmatch(m[1], -1) {
			if c := child(root, span[1]); c != nil {
				commands = append(commands, c)
			}
		}
		for _, span := range codeSpan.FindAllStringSubmatch(m[2], -1) {
			if !strings.HasPrefix(span[1], "--") || len(commands) == 0 {
				continue
			}
			if !slices.ContainsFunc(commands, func(c *cobra.Command) bool { return anywhere(c, span[1]) }) {
				t.Errorf("README.md gives %s the flag %s, which it has not", m[1], span[1])
			}
		}
	}
}

func TestFollow(t *testing.T) {
	root := commandTree()
	for line, want := range map[string]string{
		"check":                           "",
		"-i examples/inventory.yml hosts": "",
		"--state here backups prune --keep-daily": "",
		"report verify --page x.html":             "",
		"rollback HOST --with-database --help":    "",
		"frobnicate":                              `there is no command "frobnicate"`,
		"check --sideways":                        "liftalot check has no flag --sideways",
		"-x check":                                "liftalot check has no flag -x",
		"backups --drill":                         "liftalot backups has no flag --drill",
	} {
		got := ""
		if err := follow(root, line); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
	if got := commandsIn("make build && liftalot plan; liftalot apply --wave 25%          # a canary first"); !slices.Equal(got, []string{"plan", "apply --wave 25%"}) {
		t.Errorf("got %q", got)
	}
}

// D11: an older pg_restore refuses a sound dump, and whoever restores by hand must know.
func TestD11BackupsSayWhichPgRestoreReadsThem(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "backups.md"))
	must(t, err)
	_, after, found := strings.Cut(string(text), "db.dump.age | pg_restore")
	if !found || !strings.Contains(after, "unsupported version (1.16)") {
		t.Error("docs/backups.md does not say beside its pg_restore on this machine how new that must be")
	}
}
