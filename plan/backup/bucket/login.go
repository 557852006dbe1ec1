package bucket

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// A Login is who we are to a store.
type Login struct{ ID, Secret, Token string } // Token is "" but for a login that expires

// ParseLogin reads "ACCESS_KEY_ID:SECRET". Its error does not repeat the text.
func ParseLogin(text []byte) (Login, error) {
	id, secret, ok := strings.Cut(string(text), ":")
	if !ok || id == "" || secret == "" || strings.ContainsAny(string(text), " \t\r\n") {
		return Login{}, errors.New("the login of the bucket must be ACCESS_KEY_ID:SECRET on one line")
	}
	return Login{ID: id, Secret: secret}, nil
}

// maxLogins bounds a file of logins.
const maxLogins = 1 << 20

// OwnLogin is the login that AWS's own programs would use, from the environment or
// from ~/.aws/credentials. The address at which a cloud tells its machines who they
// are is never asked: on a hotel's network anybody could answer there.
func OwnLogin(getenv func(string) string, home string) (Login, error) {
	env := Login{getenv("AWS_ACCESS_KEY_ID"), getenv("AWS_SECRET_ACCESS_KEY"), getenv("AWS_SESSION_TOKEN")}
	if env.ID != "" && env.Secret != "" {
		return env, nil
	}
	file, profile := getenv("AWS_SHARED_CREDENTIALS_FILE"), getenv("AWS_PROFILE")
	if file == "" {
		file = filepath.Join(home, ".aws", "credentials")
	}
	if profile == "" {
		profile = "default"
	}
	f, err := os.Open(file)
	if err != nil {
		return Login{}, fmt.Errorf("there is no bucket_login in the inventory, no AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY, and no %s", file)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxLogins))
	if err != nil {
		return Login{}, fmt.Errorf("read %s: %w", file, err)
	}
	found := section(data, profile)
	l := Login{found["aws_access_key_id"], found["aws_secret_access_key"], found["aws_session_token"]}
	if l.ID == "" || l.Secret == "" {
		return Login{}, fmt.Errorf("%s has no login of the name %q", file, profile)
	}
	return l, nil
}

// section reads the pairs of one section of an INI file.
func section(data []byte, name string) map[string]string {
	pairs, inside := map[string]string{}, false
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if title, ok := strings.CutPrefix(line, "["); ok {
			inside = strings.TrimSpace(strings.TrimSuffix(title, "]")) == name
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if inside && ok && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, ";") {
			pairs[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
	}
	return pairs
}
