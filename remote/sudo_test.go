package remote_test

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"liftalot/remote"
	"liftalot/testenv/vps"
	"liftalot/testenv/vps/vpstest"
)

// A sudoPlace is a machine with a real sshd and a real sudo.
type sudoPlace struct {
	add    func(t *testing.T, a account) string // the login it got
	config func(login string) remote.Config
	folder func(t *testing.T) string // that only root may look into
	read   func(file string) (content string, there bool)
}

// TestSudoMatrix puts the dialogue to the sudo of this machine (F23, M5).
func TestSudoMatrix(t *testing.T) {
	s := startSSHD(t)
	runSudoMatrix(t, sudoPlace{
		add:    func(_ *testing.T, a account) string { return s.add(a).name },
		config: s.config,
		folder: rootFolder,
		read: func(file string) (string, bool) {
			got, err := os.ReadFile(file)
			return string(got), err == nil
		},
	})
}

// TestSudoMatrixOnVPS is the same on a server as clients have them.
func TestSudoMatrixOnVPS(t *testing.T) {
	host := vpstest.Boot(t, "public")
	known := trusted(t, host, host.Port)
	runSudoMatrix(t, sudoPlace{
		add: func(t *testing.T, a account) string { return addOnVPS(t, host, a) },
		config: func(login string) remote.Config {
			return remote.Config{
				Name: host.Name, Address: host.Addr, Port: host.Port, User: login,
				Identities: []string{host.KeyFile}, IdentitiesOnly: true, KnownHosts: []string{known},
			}
		},
		folder: func(t *testing.T) string { return vpsFolder(t, host) },
		read: func(file string) (string, bool) {
			out, err := host.Run(t.Context(), "cat -- "+file)
			return out, err == nil
		},
	})
}

// addOnVPS makes an account that lets the environment's key in. It goes with
// the server.
func addOnVPS(t *testing.T, host *vps.Host, a account) string {
	t.Helper()
	name := "lift" + strings.ToLower(rand.Text()[:8])
	script := "set -e\nuseradd --create-home --shell /bin/sh " + name + "\nusermod --password '*' " + name +
		"\ninstall -d -o " + name + " -m 700 /home/" + name + "/.ssh" +
		"\ninstall -o " + name + " -m 600 /root/.ssh/authorized_keys /home/" + name + "/.ssh/\n"
	if a.password != "" {
		script += "chpasswd <<'END'\n" + name + ":" + a.password + "\nEND\n"
	}
	if len(a.sudoers) > 0 {
		script += "cat >/etc/sudoers.d/" + name + " <<'END'\n" + strings.ReplaceAll(strings.Join(a.sudoers, "\n"), "NAME", name) +
			"\nEND\nchmod 440 /etc/sudoers.d/" + name + "\n"
	}
	onVPS(t, host, script)
	return name
}

// A sudoCase is one mood of sudo.
type sudoCase struct {
	name  string
	acc   account
	login string
	mode  remote.SudoMode
	given string
	want  remote.SudoProblem // empty: it works
	asks  int
}

func sudoCases() []sudoCase {
	const password = "correct horse"
	all := []string{"NAME ALL=(ALL) ALL"}
	return []sudoCase{
		{name: "root", login: "root", mode: remote.SudoPassword, given: "unused"},
		{name: "nopasswd, none given", acc: account{sudoers: []string{"NAME ALL=(ALL) NOPASSWD: ALL"}}, mode: remote.SudoNoPassword},
		{name: "nopasswd, one given", acc: account{sudoers: []string{"NAME ALL=(ALL) NOPASSWD: ALL"}}, mode: remote.SudoPassword, given: password},
		{name: "right", acc: account{password: password, sudoers: all}, mode: remote.SudoPassword, given: password, asks: 1},
		{name: "wrong", acc: account{password: password, sudoers: all}, mode: remote.SudoPassword, given: "wrong", want: remote.SudoWrongPassword, asks: 1},
		{name: "wrong, one try", acc: account{password: password, sudoers: append(all, "Defaults:NAME passwd_tries=1")}, mode: remote.SudoPassword, given: "wrong", want: remote.SudoWrongPassword, asks: 1},
		{name: "needed, none given", acc: account{password: password, sudoers: all}, mode: remote.SudoNoPassword, want: remote.SudoNoPasswordSet},
		{name: "needed, nobody to ask", acc: account{password: password, sudoers: all}, mode: remote.SudoPassword, want: remote.SudoNoPasswordSet, asks: 1},
		{name: "not in sudoers", acc: account{password: password}, mode: remote.SudoPassword, given: password, want: remote.SudoNotAllowed, asks: 1},
		{name: "not in sudoers, no password", acc: account{password: password}, mode: remote.SudoNoPassword, want: remote.SudoNoPasswordSet},
		{name: "another command only", acc: account{sudoers: []string{"NAME ALL=(ALL) NOPASSWD: /bin/true"}, password: password}, mode: remote.SudoPassword, given: password, want: remote.SudoNotAllowed, asks: 1},
		{name: "the rule of liftalot sudoers", acc: account{sudoers: []string{"Defaults:NAME requiretty", "Defaults:NAME !requiretty", "NAME ALL=(root) NOPASSWD: " + remote.SudoProgram}}, mode: remote.SudoNoPassword},
		{name: "the same with a password", acc: account{password: password, sudoers: []string{"NAME ALL=(root) " + remote.SudoProgram}}, mode: remote.SudoPassword, given: password, asks: 1},
		{name: "requiretty", acc: account{sudoers: []string{"NAME ALL=(ALL) NOPASSWD: ALL", "Defaults:NAME requiretty"}}, mode: remote.SudoNoPassword, want: remote.SudoNeedsTTY},
		{name: "lecture", acc: account{password: password, sudoers: append(all, "Defaults:NAME lecture=always")}, mode: remote.SudoPassword, given: password, asks: 1},
		{name: "odd prompt and pty", acc: account{password: password, sudoers: append(all, `Defaults:NAME passprompt="Passwort %p: ", use_pty, !env_reset`)}, mode: remote.SudoPassword, given: password, asks: 1},
		{name: "cached", acc: account{password: password, sudoers: append(all, "Defaults:NAME timestamp_type=global")}, mode: remote.SudoPassword, given: password, asks: 1},
	}
}

func runSudoMatrix(t *testing.T, place sudoPlace) {
	for _, c := range sudoCases() {
		t.Run(c.name, func(t *testing.T) { c.run(t, place) })
	}
}

func (c sudoCase) run(t *testing.T, place sudoPlace) {
	login := c.login
	if login == "" {
		login = place.add(t, c.acc)
	}
	asks := 0
	cfg := place.config(login)
	cfg.Sudo = remote.Sudo{Mode: c.mode, Password: func(context.Context) ([]byte, error) {
		asks++
		if c.given == "" {
			return nil, errors.New("nobody is there")
		}
		return []byte(c.given), nil
	}}
	client := remote.NewClient(cfg)
	t.Cleanup(func() { client.Close() })
	target := filepath.Join(place.folder(t), "target")
	write := remote.Command{Name: "write", Script: `id -u; cat > "$1"`, Args: []string{target}, Stdin: strings.NewReader("data"), Root: true}
	res, err := client.Run(t.Context(), write)
	refused, isSudo := errors.AsType[*remote.SudoError](err)
	got, there := place.read(target)
	switch {
	case asks != c.asks:
		t.Errorf("the password was asked for %d times, want %d", asks, c.asks)
	case c.want == "" && (err != nil || got != "data" || string(res.Stdout) != "0\n"):
		t.Errorf("got %q in the file, %q, %v", got, res.Stdout, err)
	case c.want != "" && (!isSudo || refused.Kind != c.want || !errors.Is(err, remote.ErrNotStarted) || there):
		t.Errorf("got %v, want %s", err, c.want)
	}
	if c.want != "" {
		return
	}
	// A second command may find cached credentials, and must not notice.
	write.Stdin = strings.NewReader("more")
	if _, err := client.Run(t.Context(), write); err != nil {
		t.Error(err)
	}
	if got, _ := place.read(target); got != "more" {
		t.Errorf("the second command wrote %q", got)
	}
	if c.name == "cached" && asks != 1 {
		t.Errorf("cached credentials were not used: asked %d times", asks)
	}
}
