package cli

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"liftalot/cmd/internal/ui"
	"liftalot/inventory"
)

// A dialog asks a person, one question at a time, and fetches the secrets that the
// inventory names.
type dialog struct {
	asker  *ui.Asker
	getenv func(string) string
	term   *terminal
	prompt sync.Mutex // one question at a time

	mu    sync.Mutex
	typed map[string]inventory.Secret // what a person typed, by what it was asked for
}

// secretOf fetches a secret and tells the redactor about it. What is typed is
// asked for once per invocation.
func (d *dialog) secretOf(ctx context.Context, ref inventory.SecretRef, what string) ([]byte, error) {
	got, err := ref.Resolve(ctx, inventory.Resolver{
		LookupEnv: func(name string) (string, bool) { v := d.getenv(name); return v, v != "" },
		Prompt:    d.ask, What: what,
	})
	if err != nil {
		return nil, err
	}
	d.term.secret.Add(got.Reveal())
	return got.Reveal(), nil
}

func (d *dialog) ask(ctx context.Context, what string) (inventory.Secret, error) {
	d.prompt.Lock()
	defer d.prompt.Unlock()
	d.mu.Lock()
	known, ok := d.typed[what]
	d.mu.Unlock()
	if ok {
		return known, nil
	}
	text, err := d.asker.Password(ctx, ui.Textf("%s:", what))
	if err != nil {
		return inventory.Secret{}, err
	}
	got := inventory.NewSecret(text)
	d.term.secret.Add(text)
	d.mu.Lock()
	d.typed[what] = got
	d.mu.Unlock()
	return got, nil
}

// askAnew asks for what is good for one time only, such as a code.
func (d *dialog) askAnew(ctx context.Context, what string) ([]byte, error) {
	d.prompt.Lock()
	defer d.prompt.Unlock()
	text, err := d.asker.Password(ctx, ui.Textf("%s:", what))
	if err == nil {
		d.term.secret.Add(text)
	}
	return text, err
}

// confirm asks before hosts are changed.
func (d *dialog) confirm(ctx context.Context, question ui.Text) error {
	return d.confirmed("say --yes", func() (bool, error) { return d.asker.Confirm(ctx, question) })
}

// confirmed asks, and says what is to be said without anybody to ask.
func (d *dialog) confirmed(unasked string, ask func() (bool, error)) error {
	if d.term.flags.yes {
		return nil
	}
	if d.term.flags.json {
		return &usageError{fmt.Errorf("--json never changes a host without --yes"), "liftalot"}
	}
	ok, err := ask()
	if err == ui.ErrNobody {
		return &usageError{fmt.Errorf("nobody to ask whether to go on: %s", unasked), "liftalot"}
	}
	if err != nil {
		return err
	}
	if !ok {
		return errCancelled
	}
	return nil
}

// newPassphrase asks for a passphrase twice.
func (d *dialog) newPassphrase(ctx context.Context) ([]byte, error) {
	first, err := d.asker.Password(ctx, ui.Textf("new passphrase of the backup key:"))
	if errors.Is(err, ui.ErrNobody) {
		return nil, &usageError{errors.New("a new passphrase is typed at a terminal, and there is none: no key was made"), "liftalot key"}
	}
	if err != nil {
		return nil, err
	}
	again, err := d.asker.Password(ctx, ui.Textf("once more:"))
	if err != nil {
		return nil, err
	}
	if len(first) == 0 || string(first) != string(again) {
		return nil, &usageError{errors.New("the two passphrases differ, or are empty: no key was made"), "liftalot key"}
	}
	return first, nil
}
