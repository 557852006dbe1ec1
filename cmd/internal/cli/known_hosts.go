package cli

import (
	"os"
	"path/filepath"
	"runtime"

	"liftalot/inventory"
)

// Where keys of hosts are looked up beside our own file: as ssh has it, in the user's
// files and in the machine's, which are only read. What ssh_config names takes the place
// of the usual ones, "none" that of all.

func userKnownHosts(h inventory.Host) []string {
	if h.From["known_hosts"] != "" {
		return h.KnownHosts
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return nil
	}
	return []string{filepath.Join(home, ".ssh", "known_hosts"), filepath.Join(home, ".ssh", "known_hosts2")}
}

func globalKnownHosts(h inventory.Host) []string {
	if h.From["global_known_hosts"] != "" {
		return h.GlobalKnownHosts
	}
	folder := "/etc/ssh"
	if runtime.GOOS == "windows" {
		folder = filepath.Join(os.Getenv("ProgramData"), "ssh")
	}
	return []string{filepath.Join(folder, "ssh_known_hosts"), filepath.Join(folder, "ssh_known_hosts2")}
}
