package fakes

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// StatusPath is where the sidecar answers requests the server has signed.
const StatusPath = "/v1/status"

// The headers of a signed request. How the real ones sign is not public; the
// stand-ins need only agree with each other.
const (
	timeHeader      = "X-Updater-Time"
	signatureHeader = "X-Updater-Signature"
)

// maxSkew is how old a signed request may be.
const maxSkew = 5 * time.Minute

// ReadToken reads the token server and sidecar share: 64 hex characters, as
// "openssl rand -hex 32" writes them, a line end included.
func ReadToken(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	text := strings.TrimSuffix(string(data), "\n")
	if text == "" {
		return nil, fmt.Errorf("%s is empty", path)
	}
	if raw, err := hex.DecodeString(text); err != nil || len(raw) != 32 {
		return nil, fmt.Errorf("%s does not hold 64 hex characters", path)
	}
	return []byte(text), nil
}

// SignRequest signs method, path and time with the token.
func SignRequest(r *http.Request, token []byte, now time.Time) {
	at := strconv.FormatInt(now.Unix(), 10)
	r.Header.Set(timeHeader, at)
	r.Header.Set(signatureHeader, hex.EncodeToString(signature(r, token, at)))
}

// CheckRequest returns nil if the request was signed with the token, recently.
func CheckRequest(r *http.Request, token []byte, now time.Time) error {
	at := r.Header.Get(timeHeader)
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return errors.New("request is not signed")
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > maxSkew || age < -maxSkew {
		return errors.New("request was signed at another time")
	}
	given, err := hex.DecodeString(r.Header.Get(signatureHeader))
	if err != nil || !hmac.Equal(given, signature(r, token, at)) {
		return errors.New("request was signed with another token")
	}
	return nil
}

func signature(r *http.Request, token []byte, at string) []byte {
	mac := hmac.New(sha256.New, token)
	_, _ = fmt.Fprintf(mac, "%s\n%s\n%s", r.Method, r.URL.Path, at) // a hash takes every write
	return mac.Sum(nil)
}
