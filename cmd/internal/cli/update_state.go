package cli

import (
	"errors"
	"os"

	"liftalot/plan/statefile"
	"liftalot/remote/filelock"
)

// updateState reads a state file, lets change make its new content, and writes that, while
// no other liftalot on this machine does the same: two of them would each write what they
// read, and the later one would take away what the earlier one added. A file that is not
// there is read as nil, and one of which change makes nil stays as it is.
func updateState(path string, change func(old []byte) ([]byte, error)) error {
	return filelock.Do(path, func() error {
		old, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		data, err := change(old)
		if err != nil || data == nil {
			return err
		}
		return statefile.WriteFile(path, data, 0o600)
	})
}
