package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/ssh/knownhosts"
	"gopkg.in/yaml.v3"

	"liftalot/testenv/vps"
)

// An inventoryFile is the part of liftalot's format that a server here needs.
type inventoryFile struct {
	Version  int             `yaml:"version"`
	Defaults defaults        `yaml:"defaults"`
	Hosts    map[string]host `yaml:"hosts"`
}

type defaults struct {
	Identity        string    `yaml:"identity"`
	CosignKeySHA256 string    `yaml:"cosign_key_sha256"`
	Registry        *registry `yaml:"registry,omitempty"`
}

type registry struct {
	Username string `yaml:"username"`
	Password string `yaml:"password"`
}

type host struct {
	Address string `yaml:"address"`
	Port    int    `yaml:"port"`
	User    string `yaml:"user"`
	Sudo    string `yaml:"sudo"`
}

func (a *app) inventoryCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "inventory FILE",
		Short: "Write a liftalot inventory of the servers that are up",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			env, err := vps.Attach(cmd.Context(), a.options())
			if err != nil {
				return err
			}
			return writeInventory(cmd.Context(), env, args[0])
		},
	}
}

// writeInventory writes all servers of the environment to a file, and their
// keys where liftalot looks for them. Both are written whole: addresses come
// back with other keys, and an old line would look like an attack.
func writeInventory(ctx context.Context, env *vps.Env, file string) error {
	hosts, err := env.Hosts(ctx)
	if err != nil {
		return err
	}
	fingerprint, err := env.Fixture().KeyFingerprint(ctx)
	if err != nil {
		return err
	}
	text, err := inventoryText(hosts, env.PasswordFile(), defaults{
		Identity: env.KeyFile(), CosignKeySHA256: fingerprint, Registry: registryLogin(env),
	})
	if err != nil {
		return fmt.Errorf("write inventory: %w", err)
	}
	state := filepath.Join(filepath.Dir(file), ".liftalot")
	if err := os.MkdirAll(state, 0o700); err != nil {
		return fmt.Errorf("write inventory: %w", err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return fmt.Errorf("write inventory: %w", err)
	}
	if err := os.WriteFile(filepath.Join(state, "known_hosts"), knownHosts(hosts), 0o600); err != nil {
		return fmt.Errorf("write host keys: %w", err)
	}
	return nil
}

func inventoryText(hosts []*vps.Host, passwordFile string, d defaults) ([]byte, error) {
	inv := inventoryFile{Version: 1, Defaults: d, Hosts: map[string]host{}}
	for _, h := range hosts {
		inv.Hosts[h.Name] = host{
			Address: h.Addr, Port: h.Port, User: h.User, Sudo: sudoSetting(h.User, passwordFile),
		}
	}
	var text bytes.Buffer
	text.WriteString("# Servers lent by testenv. \"testenv env\" prints what else liftalot needs.\n")
	enc := yaml.NewEncoder(&text)
	enc.SetIndent(2)
	err := enc.Encode(inv)
	return text.Bytes(), err
}

// sudoSetting is how liftalot says what the user needs to become root.
func sudoSetting(user, passwordFile string) string {
	switch sudoFor(user) {
	case sudoRoot:
		return "none"
	case sudoPassword:
		return "file:" + passwordFile
	}
	return sudoNoPasswd
}

func knownHosts(hosts []*vps.Host) []byte {
	var lines []string
	for _, h := range hosts {
		at := knownhosts.Normalize(net.JoinHostPort(h.Addr, strconv.Itoa(h.Port)))
		for _, key := range h.HostKeys {
			lines = append(lines, at+" "+key+"\n")
		}
	}
	slices.Sort(lines)
	return []byte(strings.Join(lines, ""))
}
