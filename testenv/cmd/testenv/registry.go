package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"liftalot/testenv/fakevendor"
	"liftalot/testenv/vps"
)

// The login a closed registry asks for.
const (
	registryUser     = "client"
	registryPassword = "read-only-token"
)

func (a *app) registryCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "registry anonymous|basic|bearer",
		Short: "Choose whether the registry asks who is there",
		Long: fmt.Sprintf(`Choose whether the registry asks who is there: user %s, password %s.
An inventory written afterwards holds the login.`, registryUser, registryPassword),
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			env, err := vps.Attach(cmd.Context(), a.options())
			if err != nil {
				return err
			}
			return setRegistry(cmd.Context(), env, fakevendor.AuthMode(args[0]))
		},
	}
}

// setRegistry opens or closes the registry. The password's file is there while
// it is closed: an inventory only ever refers to it.
func setRegistry(ctx context.Context, env *vps.Env, mode fakevendor.AuthMode) error {
	auth := fakevendor.Auth{Mode: mode}
	if mode != fakevendor.Anonymous {
		auth.User, auth.Password = registryUser, registryPassword
	}
	if err := env.Fixture().SetAuth(ctx, auth); err != nil {
		return err
	}
	if mode != fakevendor.Anonymous {
		return os.WriteFile(registryPasswordFile(env), []byte(registryPassword), 0o600)
	}
	if err := os.Remove(registryPasswordFile(env)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func registryPasswordFile(env *vps.Env) string {
	return filepath.Join(filepath.Dir(env.KeyFile()), "registry-password")
}

// registryLogin is the inventory's part about the registry, nil while it is
// open to everyone.
func registryLogin(env *vps.Env) *registry {
	file := registryPasswordFile(env)
	if _, err := os.Stat(file); err != nil {
		return nil
	}
	return &registry{Username: registryUser, Password: "file:" + file}
}
