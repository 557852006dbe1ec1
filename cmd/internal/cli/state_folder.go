package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// A stateFolder is what this machine keeps: a folder for each host, the records of the
// batches, what was learned of the vendor's channels, the keys of the hosts and its own.
type stateFolder string

func (s stateFolder) host(name string) string { return filepath.Join(string(s), "hosts", name) }

// knownHosts is our own file; the user's are only read.
func (s stateFolder) knownHosts() string { return filepath.Join(string(s), "known_hosts") }

func (s stateFolder) keyFile() string { return filepath.Join(string(s), "backup.key") }

func (s stateFolder) batchFolder() string { return filepath.Join(string(s), "batches") }

func (s stateFolder) channelsFile() string { return filepath.Join(string(s), "channels.json") }

// checkState refuses a state folder that others may read: it holds backups.
func checkState(dir string) error {
	info, err := os.Stat(dir)
	if os.IsNotExist(err) {
		if err = os.MkdirAll(dir, 0o700); err == nil {
			return nil
		}
	}
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		return &nothingToDoError{
			what: fmt.Sprintf("the state folder %s cannot be made or read: %v", dir, failed.Err),
			hint: "--state FOLDER names one that you may write to",
		}
	}
	if !info.IsDir() {
		return &usageError{fmt.Errorf("state folder: %s is not a folder", dir), "liftalot"}
	}
	if info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		return &usageError{fmt.Errorf("state folder %s can be read by others (mode %04o): chmod 700 it", dir, info.Mode().Perm()), "liftalot"}
	}
	return nil
}
