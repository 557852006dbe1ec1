package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// usageError is a command line that cannot be understood.
type usageError struct {
	err     error
	command string
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// marksWrongUse counts the arguments of the commands below one in our words.
func marksWrongUse(parent *cobra.Command) {
	for _, c := range parent.Commands() {
		if args := c.Args; args != nil {
			c.Args = func(cmd *cobra.Command, given []string) error {
				if args(cmd, given) == nil {
					return nil
				}
				return wrongUse(cmd, miscounted(cmd, given))
			}
		}
		marksWrongUse(c)
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

// miscounted says which argument is missing, or is one too many, as the command's use
// names them: "restore HOST [BACKUP]".
func miscounted(cmd *cobra.Command, given []string) error {
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
