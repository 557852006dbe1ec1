package inventory

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// keychainForm splits SERVICE/ACCOUNT. Further slashes belong to the account,
// where people put addresses.
func keychainForm(rest string) (service, account string, ok bool) {
	service, account, ok = strings.Cut(rest, "/")
	for _, s := range []string{service, account} {
		// A name that looks like an option would be one to the program.
		ok = ok && s != "" && !strings.HasPrefix(s, "-")
	}
	return service, account, ok
}

// keychainCommand is the program that a system brings for its own keychain.
func keychainCommand(goos, service, account string) ([]string, error) {
	switch goos {
	case "darwin":
		return []string{"security", "find-generic-password", "-w", "-s", service, "-a", account}, nil
	case "linux":
		return []string{"secret-tool", "lookup", "service", service, "account", account}, nil
	}
	return nil, fmt.Errorf("no program is known that asks the keychain of %s; name one with command:…", goos)
}

// fromKeychain asks the keychain of the person who is logged in. The system may
// show a dialogue of its own.
func (r SecretRef) fromKeychain(ctx context.Context, from Resolver, goos string) (Secret, error) {
	service, account, ok := keychainForm(r.Rest)
	if !ok {
		return Secret{}, errors.New("it is not of the form SERVICE/ACCOUNT")
	}
	argv, err := keychainCommand(goos, service, account)
	if err != nil {
		return Secret{}, err
	}
	return fromProgram(ctx, from, argv)
}
