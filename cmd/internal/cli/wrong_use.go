package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"liftalot/inventory"
)

// usageError is a command line that cannot be understood.
type usageError struct {
	err     error
	command string
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// marksWrongUse counts the arguments of the commands below one in our words, and lists
// their subcommands where none of them was named.
func marksWrongUse(parent *cobra.Command) {
	for _, c := range parent.Commands() {
		if args := c.Args; args != nil && !c.HasSubCommands() {
			c.Args = func(cmd *cobra.Command, given []string) error {
				if args(cmd, given) == nil {
					return nil
				}
				return wrongUse(cmd, argumentHint(cmd, given))
			}
		}
		if c.HasSubCommands() {
			c.RunE, c.Args = orSubcommand(c.RunE), cobra.ArbitraryArgs
		}
		marksWrongUse(c)
	}
}

// orSubcommand runs a command that has subcommands too; nil: it does nothing by itself. A
// word that names nothing may have been meant as one of them.
func orSubcommand(run func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		var err error
		switch {
		case run != nil:
			err = run(cmd, args)
			if bad, ok := errors.AsType[*inventory.PatternError](err); !ok || !slices.Contains(args, bad.Pattern) {
				return err
			}
		case len(args) == 0:
			return cmd.Help()
		default:
			err = fmt.Errorf("unknown command %q for %q", args[0], cmd.CommandPath())
		}
		var names []string
		for _, c := range cmd.Commands() {
			names = append(names, c.Name())
		}
		return wrongUse(cmd, fmt.Errorf("%w; the subcommands of %s are %s", err, cmd.Name(), strings.Join(names, ", ")))
	}
}

// wrongUse marks what is wrong with flags and arguments.
func wrongUse(cmd *cobra.Command, err error) error {
	if err == nil {
		return nil
	}
	return &usageError{err, cmd.CommandPath()}
}

// wrongFlag says in our words what is wrong with a flag.
func wrongFlag(cmd *cobra.Command, err error) error {
	if renamed, ok := errors.AsType[*renamedError](err); ok {
		return wrongUse(cmd, renamed)
	}
	if bad, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		err = wrongValue(bad.GetFlag(), bad.GetValue())
	} else if bare, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		err = fmt.Errorf("--%s needs a value", bare.GetFlag().Name)
	} else if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok && unknown.GetSpecifiedShortnames() != "" {
		err = fmt.Errorf("unknown flag: -%.1s", unknown.GetSpecifiedName())
	} else if ok && unknown.GetSpecifiedName() == "dry-run" && cmd.Name() == "apply" {
		err = errors.New("apply has no --dry-run: \"liftalot plan\" shows what it would do, with the diff")
	}
	return wrongUse(cmd, err)
}

// wrongValue says which values a flag takes.
func wrongValue(flag *pflag.Flag, given string) error {
	wanted := map[string]string{
		"int": "whole number", "bool": "answer: true or false", "duration": "length of time such as 90s, 15m or 1h30m",
	}[flag.Value.Type()]
	if wanted == "" {
		return fmt.Errorf("--%s: %q is not taken", flag.Name, given)
	}
	return fmt.Errorf("--%s: %q is no %s", flag.Name, given, wanted)
}

// argumentHint says which argument is missing, or is one too many, as the command's use
// names them: "restore HOST [BACKUP]".
func argumentHint(cmd *cobra.Command, given []string) error {
	words := strings.Fields(cmd.Use)[1:]
	for i, word := range words {
		if i >= len(given) && !strings.HasPrefix(word, "[") {
			return fmt.Errorf("%s is missing: %s %s", strings.TrimSuffix(word, "..."), cmd.CommandPath(), strings.Join(words, " "))
		}
	}
	if len(words) == 0 {
		return fmt.Errorf("%q is one argument too many: %s takes none", given[0], cmd.CommandPath())
	}
	return fmt.Errorf("%q is one argument too many: %s %s", given[len(words)], cmd.CommandPath(), strings.Join(words, " "))
}
