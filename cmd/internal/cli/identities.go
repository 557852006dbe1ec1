package cli

import (
	"os"
	"path/filepath"

	"liftalot/inventory"
)

// usualKeys are the files that ssh takes where nothing else is named, in its order.
var usualKeys = []string{"id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk"}

// identities are the key files for a host: those that are named for it, or else the usual
// ones that are there.
func identities(h inventory.Host) (files []string) {
	if h.From["identity"] != "" {
		return h.Identities
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return nil
	}
	for _, name := range usualKeys {
		file := filepath.Join(home, ".ssh", name)
		if _, err := os.Stat(file); err == nil {
			files = append(files, file)
		}
	}
	return files
}
