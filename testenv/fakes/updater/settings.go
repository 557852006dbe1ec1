package updater

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/url"
	"os"
	"strings"

	"liftalot/testenv/fakes"
)

// dbPasswordFile is where compose puts the secret the placeholder stands for.
const dbPasswordFile = "/run/secrets/db_password"

// placeholder is replaced in DATABASE_URL by the password, byte for byte: a
// line end in the file breaks the login, as does a character that means
// something in a URL.
const placeholder = "__DB_PASSWORD__"

// settings is the environment of the vendor's fragment, read and proven.
type settings struct {
	dockerHost      string // host:port of the socket proxy
	statePath       string
	serverContainer string
	databaseURL     string
	snapshotDir     string
	token           []byte
	listenAddr      string
	haveCredentials bool
}

// readSettings requires every key of the fragment and the files they name.
func readSettings(getenv func(string) string, passwordFile string) (settings, error) {
	e := environment{getenv: getenv}
	s := settings{
		statePath:       e.require("CHATALOT_UPDATER_SQLITE_PATH"),
		serverContainer: e.require("CHATALOT_UPDATER_SERVER_CONTAINER"),
		databaseURL:     e.require("DATABASE_URL"),
		snapshotDir:     e.require("CHATALOT_SNAPSHOT_DIR"),
		listenAddr:      e.require("CHATALOT_UPDATER_LISTEN_ADDR"),
	}
	dockerHost := e.require("DOCKER_HOST")
	tokenFile := e.require("CHATALOT_UPDATER_API_TOKEN_FILE")
	keyFile := e.require("CHATALOT_UPDATER_COSIGN_PUBKEY_PATH")
	credsFile := e.require("CHATALOT_UPDATER_REGISTRY_CREDS_FILE")
	if len(e.missing) > 0 {
		return settings{}, fmt.Errorf("missing environment: %s", strings.Join(e.missing, ", "))
	}
	u, err := url.Parse(dockerHost)
	if err != nil || u.Scheme != "tcp" || u.Port() == "" {
		return settings{}, fmt.Errorf("DOCKER_HOST: %q is not tcp://host:port", dockerHost)
	}
	s.dockerHost = u.Host
	if s.token, err = fakes.ReadToken(tokenFile); err != nil {
		return settings{}, fmt.Errorf("CHATALOT_UPDATER_API_TOKEN_FILE: %w", err)
	}
	if err := checkKey(keyFile); err != nil {
		return settings{}, fmt.Errorf("CHATALOT_UPDATER_COSIGN_PUBKEY_PATH: %w", err)
	}
	if s.haveCredentials, err = checkCredentials(credsFile); err != nil {
		return settings{}, fmt.Errorf("CHATALOT_UPDATER_REGISTRY_CREDS_FILE: %w", err)
	}
	if s.databaseURL, err = fillPassword(s.databaseURL, passwordFile); err != nil {
		return settings{}, fmt.Errorf("DATABASE_URL: %w", err)
	}
	if err := prepareState(s.statePath); err != nil {
		return settings{}, fmt.Errorf("CHATALOT_UPDATER_SQLITE_PATH: %w", err)
	}
	if err := fakes.CheckWritable(s.snapshotDir); err != nil {
		return settings{}, fmt.Errorf("CHATALOT_SNAPSHOT_DIR: %w", err)
	}
	return s, nil
}

// environment collects what is missing, so that it is said in one line.
type environment struct {
	getenv  func(string) string
	missing []string
}

func (e *environment) require(key string) string {
	value := e.getenv(key)
	if value == "" {
		e.missing = append(e.missing, key)
	}
	return value
}

// checkKey requires an ECDSA P-256 public key in PEM, as cosign makes them.
func checkKey(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	block, rest := pem.Decode(data)
	if block == nil || block.Type != "PUBLIC KEY" {
		return fmt.Errorf("%s holds no public key in PEM", path)
	}
	if len(bytes.TrimSpace(rest)) > 0 {
		return fmt.Errorf("%s holds more than one key", path)
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if ec, ok := key.(*ecdsa.PublicKey); !ok || ec.Curve != elliptic.P256() {
		return fmt.Errorf("%s does not hold an ECDSA P-256 key", path)
	}
	return nil
}

// checkCredentials reports whether the file holds credentials: blank means
// none, anything else must be the documented object.
func checkCredentials(path string) (bool, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return false, err
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return false, nil
	}
	var creds struct {
		Username      string `json:"username"`
		Password      string `json:"password"`
		ServerAddress string `json:"serveraddress"`
	}
	if err := json.Unmarshal(data, &creds); err != nil {
		return false, fmt.Errorf("%s is not JSON", path) // the cause would quote a secret
	}
	if creds.Username == "" || creds.Password == "" || creds.ServerAddress == "" {
		return false, fmt.Errorf("%s lacks username, password or serveraddress", path)
	}
	return true, nil
}

func fillPassword(databaseURL, passwordFile string) (string, error) {
	if !strings.Contains(databaseURL, placeholder) {
		return databaseURL, nil
	}
	password, err := os.ReadFile(passwordFile)
	if err != nil {
		return "", err
	}
	if len(password) == 0 {
		return "", fmt.Errorf("%s is empty", passwordFile)
	}
	return strings.ReplaceAll(databaseURL, placeholder, string(password)), nil
}

// prepareState creates the state database, readable by its owner only.
func prepareState(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}
