package cli

import (
	"fmt"
	"io"
	"os"

	"filippo.io/age"
)

// openAge plays "age -d -i KEY [FILE]" in stories that open a backup by hand, with
// age's own library: the machine of a test need not have the program.
func openAge() {
	if err := decryptAge(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "age:", err)
		os.Exit(1)
	}
}

func decryptAge(args []string) error {
	if len(args) < 3 || len(args) > 4 || args[0] != "-d" || args[1] != "-i" {
		return fmt.Errorf("it knows -d -i KEY [FILE] here, not %q", args)
	}
	key, err := os.Open(args[2])
	if err != nil {
		return err
	}
	defer key.Close()
	ids, err := age.ParseIdentities(key)
	if err != nil {
		return err
	}
	in := os.Stdin
	if len(args) == 4 {
		if in, err = os.Open(args[3]); err != nil {
			return err
		}
		defer in.Close()
	}
	r, err := age.Decrypt(in, ids...)
	if err != nil {
		return err
	}
	_, err = io.Copy(os.Stdout, r)
	return err
}
