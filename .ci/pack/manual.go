package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"liftalot/cmd/internal/cli"
)

// manual makes the manual page of each command.
func manual(version string, made time.Time) ([]file, error) {
	root := cli.Commands()
	root.DisableAutoGenTag = true
	describe(root)
	dir, err := os.MkdirTemp("", "liftalot-man-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	header := &doc.GenManHeader{Section: "1", Source: "liftalot " + version, Manual: "liftalot", Date: &made}
	if err := doc.GenManTree(root, header, dir); err != nil {
		return nil, err
	}
	pages, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var all []file
	for _, p := range pages {
		data, err := os.ReadFile(filepath.Join(dir, p.Name()))
		if err != nil {
			return nil, err
		}
		all = append(all, file{p.Name(), 0o644, data})
	}
	return all, nil
}

// describe turns the text of each command into the markdown that cobra makes pages of. A
// topic of the help has no page: its text ends the page of the whole.
func describe(cmd *cobra.Command) {
	for _, c := range cmd.Commands() {
		if c.IsAdditionalHelpTopicCommand() {
			cmd.Long += fmt.Sprintf("\n\n%s: %s", c.Short, c.Long)
		}
	}
	for _, c := range cmd.Commands() {
		describe(c)
	}
	if cmd.Long == "" {
		cmd.Long = cmd.Short
	}
	cmd.Long = markdown(cmd.Long)
}

// markdown keeps what is indented as it is, and takes every other sign for itself.
func markdown(text string) string {
	sign := strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "<", `\<`, ">", `\>`, "[", `\[`, "]", `\]`)
	var b strings.Builder
	indented := false
	for _, line := range strings.Split(text, "\n") {
		if is := strings.HasPrefix(line, "  "); is != indented && line != "" {
			b.WriteString("\n") // a block begins and ends with an empty line
			indented = is
		}
		if indented {
			line = "    " + strings.TrimPrefix(line, "  ")
		} else {
			line = sign.Replace(line)
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return strings.TrimSpace(b.String())
}

// completions makes the script of each shell that cobra knows.
func completions() ([]file, error) {
	root := cli.Commands()
	var all []file
	for _, shell := range []struct {
		name string
		gen  func(*bytes.Buffer) error
	}{
		{"liftalot.bash", func(b *bytes.Buffer) error { return root.GenBashCompletionV2(b, true) }},
		{"_liftalot", func(b *bytes.Buffer) error { return root.GenZshCompletion(b) }},
		{"liftalot.fish", func(b *bytes.Buffer) error { return root.GenFishCompletion(b, true) }},
		{"liftalot.ps1", func(b *bytes.Buffer) error { return root.GenPowerShellCompletionWithDesc(b) }},
	} {
		var b bytes.Buffer
		if err := shell.gen(&b); err != nil {
			return nil, err
		}
		all = append(all, file{shell.name, 0o644, b.Bytes()})
	}
	return all, nil
}
