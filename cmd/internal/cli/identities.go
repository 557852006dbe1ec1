package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

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
		if isThere(file) {
			files = append(files, file)
		}
	}
	return files
}

// missingKeys says which key files the inventory names that are not here, each once with
// the hosts that it is for. What ssh_config names may be missing, as with ssh; so may the
// private half, where the public one is here and an agent has the rest.
func missingKeys(hosts []inventory.Host) (warnings []string) {
	var order []string
	whose := map[string][]string{}
	for _, h := range hosts {
		for _, hop := range append(slices.Clone(h.Jump), h) {
			_, place, ours := strings.Cut(hop.From["identity"], ", ") // ssh_config has a place alone
			if !ours {
				continue
			}
			for _, file := range hop.Identities {
				text := fmt.Sprintf("%s: identity: there is no key file %s", place, file)
				if isThere(file) || isThere(file+".pub") || slices.Contains(whose[text], h.Name) {
					continue
				}
				if whose[text] == nil {
					order = append(order, text)
				}
				whose[text] = append(whose[text], h.Name)
			}
		}
	}
	for _, text := range order {
		warnings = append(warnings, fmt.Sprintf("%s, for %s", text, nameSome(whose[text])))
	}
	return warnings
}

func isThere(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}
