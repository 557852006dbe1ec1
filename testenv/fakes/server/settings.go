package server

import (
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"liftalot/testenv/fakes"
)

// settings is the environment, read and proven.
type settings struct {
	databaseURL string
	listenAddr  string
	storage     string
	updater     *updaterSettings // nil: managed updates are off
}

// updaterSettings is how the server reaches its sidecar.
type updaterSettings struct {
	url   string
	token []byte
}

func readSettings(p fakes.Process) (settings, error) {
	s := settings{
		databaseURL: p.Getenv("DATABASE_URL"),
		listenAddr:  orDefault(p.Getenv("LISTEN_ADDR"), "0.0.0.0:8080"),
		storage:     orDefault(p.Getenv("FILE_STORAGE_PATH"), "./data/files"),
	}
	if s.databaseURL == "" {
		return settings{}, errors.New("DATABASE_URL must be set")
	}
	if err := checkKeys(p.Getenv); err != nil {
		return settings{}, err
	}
	if p.Config.Generation == fakes.Managed {
		if err := checkTOTP(p); err != nil {
			return settings{}, err
		}
		updater, err := readUpdater(p.Getenv)
		if err != nil {
			return settings{}, err
		}
		s.updater = updater
	}
	return s, prepareStorage(s.storage)
}

func orDefault(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}

// checkKeys reads both signing keys as the server's user. The path of each is
// required: there is no default that works in the image.
func checkKeys(getenv func(string) string) error {
	private, err := readPEM(getenv, "JWT_PRIVATE_KEY_PATH", "PRIVATE KEY")
	if err != nil {
		return err
	}
	if _, err := x509.ParsePKCS8PrivateKey(private); err != nil {
		return fmt.Errorf("JWT_PRIVATE_KEY_PATH: %w", err)
	}
	public, err := readPEM(getenv, "JWT_PUBLIC_KEY_PATH", "PUBLIC KEY")
	if err != nil {
		return err
	}
	if _, err := x509.ParsePKIXPublicKey(public); err != nil {
		return fmt.Errorf("JWT_PUBLIC_KEY_PATH: %w", err)
	}
	return nil
}

func readPEM(getenv func(string) string, key, kind string) ([]byte, error) {
	path := getenv(key)
	if path == "" {
		return nil, fmt.Errorf("%s must be set", key)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != kind {
		return nil, fmt.Errorf("%s: %s holds no PEM block %q", key, path, kind)
	}
	return block.Bytes, nil
}

// checkTOTP requires the key of the second factor. Public builds take an empty
// one, and compose passes "" for a variable that is not set.
func checkTOTP(p fakes.Process) error {
	key := p.Getenv("TOTP_ENCRYPTION_KEY")
	if path := p.Getenv("TOTP_ENCRYPTION_KEY_FILE"); key == "" && path != "" {
		data, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("TOTP_ENCRYPTION_KEY_FILE: %w", err)
		}
		key = string(data)
	}
	key = strings.TrimSpace(key)
	if key == "" {
		return errors.New("TOTP_ENCRYPTION_KEY must be set and not empty")
	}
	if raw, err := hex.DecodeString(key); err != nil || len(raw) != 32 {
		p.Log.Warn("TOTP_ENCRYPTION_KEY is not 64 hex characters")
	}
	return nil
}

// readUpdater reads how to reach the sidecar. Without a URL the other three
// keys mean nothing, as in a stack that was staged and never finished.
func readUpdater(getenv func(string) string) (*updaterSettings, error) {
	base := getenv("UPDATER_API_URL")
	if base == "" {
		return nil, nil
	}
	if u, err := url.Parse(base); err != nil || u.Scheme != "http" || u.Host == "" {
		return nil, fmt.Errorf("UPDATER_API_URL: %q is not an http URL", base)
	}
	path := getenv("UPDATER_API_TOKEN_FILE")
	if path == "" {
		return nil, errors.New("UPDATER_API_URL is set and UPDATER_API_TOKEN_FILE is not")
	}
	token, err := fakes.ReadToken(path)
	if err != nil {
		return nil, fmt.Errorf("UPDATER_API_TOKEN_FILE: %w", err)
	}
	switch channel := getenv("UPDATE_CHANNEL"); channel {
	case "stable", "beta", "canary":
	default:
		return nil, fmt.Errorf("UPDATE_CHANNEL: %q is not stable, beta or canary", channel)
	}
	host := getenv("UPDATE_MANIFEST_HOST")
	if u, err := url.Parse(host); err != nil || u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("UPDATE_MANIFEST_HOST: %q is not an https URL", host)
	}
	return &updaterSettings{url: strings.TrimSuffix(base, "/"), token: token}, nil
}

// prepareStorage proves that uploads can be stored.
func prepareStorage(dir string) error {
	err := os.MkdirAll(dir, 0o755)
	if err == nil {
		err = fakes.CheckWritable(dir)
	}
	if err != nil {
		return fmt.Errorf("FILE_STORAGE_PATH: %w", err)
	}
	return nil
}
