package inventory

import (
	"cmp"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// tokens are what stands for the letter after a "%" in a value of ssh_config.
type tokens map[byte]string

// tokensOf are the tokens of a host that is settled. What is not among them, such as %C,
// differs between versions of OpenSSH.
func tokensOf(h *Host, port string, env *environment) tokens {
	machine, _ := os.Hostname()
	short, _, _ := strings.Cut(machine, ".")
	return tokens{
		'd': env.home, 'h': h.Address, 'n': h.Name, 'p': cmp.Or(port, strconv.Itoa(cmp.Or(h.Port, defaultPort))), 'r': h.User, 'u': env.user,
		'k': cmp.Or(h.HostKeyAlias, h.Name), 'i': strconv.Itoa(os.Getuid()), 'l': machine, 'L': short,
	}
}

// expand replaces the tokens of a text; one that is not known is an error, as to ssh.
func (t tokens) expand(text string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			b.WriteByte(text[i])
			continue
		}
		if i++; i == len(text) {
			return "", fmt.Errorf("ends with a single %%")
		}
		value, known := t[text[i]]
		switch {
		case text[i] == '%':
			b.WriteByte('%')
		case known:
			b.WriteString(value)
		default:
			return "", fmt.Errorf("has %q, which stands for nothing here", "%"+text[i:i+1])
		}
	}
	return b.String(), nil
}

// expandPath replaces what may stand in the name of a file: tokens, variables, and the
// home folder in front.
func (t tokens) expandPath(text string, env *environment) (string, error) {
	text, err := t.expand(text)
	if err == nil {
		text, err = expandEnv(text)
	}
	return env.tilde(text), err
}

// expandEnv replaces ${NAME} by the variable of that name, which must be set.
func expandEnv(text string) (string, error) {
	var missing error
	text = envReference.ReplaceAllStringFunc(text, func(ref string) string {
		value, ok := os.LookupEnv(ref[2 : len(ref)-1])
		if !ok {
			missing = fmt.Errorf("has %s, and there is no such variable", ref)
		}
		return value
	})
	return text, missing
}

var envReference = regexp.MustCompile(`\$\{\w+\}`)

// tilde replaces "~" and "~NAME" at the start of a path.
func (s *environment) tilde(path string) string {
	if !strings.HasPrefix(path, "~") {
		return path
	}
	name, rest, _ := strings.Cut(path[1:], "/")
	home := s.home
	if name != "" {
		u, err := user.Lookup(name)
		if err != nil {
			return path
		}
		home = u.HomeDir
	}
	return filepath.Join(home, rest)
}
