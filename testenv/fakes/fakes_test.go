package fakes

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestForVersion(t *testing.T) {
	tests := []struct {
		version    string
		generation Generation
		reported   string
		migrations int64
	}{
		{"0.1.0", Public, "0.1.0", 18},
		{"0.9.0", Public, "0.1.0", 23},
		{"0.10.0", Public, "0.9.0", 24},
		{"0.13.0", Public, "0.12.0", 34},
		{"0.13.7", Public, "0.13.7", 35},
		{"0.14.0", Public, "0.13.7", 36},
		{"0.17.0", Public, "0.17.0", 39},
		{"0.18.45", Public, "0.17.0", 42},
		{"0.22.6", Public, "0.17.0", 49},
		{"0.23.0", Public, "0.17.0", 51},
		{"0.24.5", Managed, "0.24.5", 51},
		{"0.24.6", Managed, "0.24.6", 51},
		{"0.24.7", Managed, "0.24.7", 55},
		{"1.0.0", Managed, "1.0.0", 55},
	}
	for _, tt := range tests {
		t.Run(tt.version, func(t *testing.T) {
			c, err := ForVersion(tt.version)
			if err != nil {
				t.Fatal(err)
			}
			if c.Generation != tt.generation || c.ReportedVersion() != tt.reported || c.Migrations != tt.migrations {
				t.Errorf("got %+v, want %+v", c, tt)
			}
		})
	}
	if _, err := ForVersion("latest"); err == nil {
		t.Error("a version that is none was accepted")
	}
}

func TestParseRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"unknown field":     `{"version":"1","generation":"public","migrations":1,"more":1}`,
		"no version":        `{"generation":"public","migrations":1}`,
		"no generation":     `{"version":"1","migrations":1}`,
		"unknown behaviour": `{"version":"1","generation":"public","behaviour":"odd"}`,
		"negative":          `{"version":"1","generation":"public","migrations":-1}`,
		"two objects":       `{"version":"1","generation":"public"} {}`,
		"no JSON":           `version: 1`,
		"empty":             ``,
	} {
		t.Run(name, func(t *testing.T) {
			if c, err := Parse([]byte(text)); err == nil {
				t.Errorf("accepted as %+v", c)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"version":"0.24.6","generation":"managed","migrations":51,"behaviour":"slow","extra":{"delay":"1s"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(data)
		if err != nil {
			return
		}
		written, err := c.JSON()
		if err != nil {
			t.Fatalf("%+v cannot be written: %v", c, err)
		}
		again, err := Parse(written)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Extra) == 0 { // an empty map is not written
			c.Extra, again.Extra = nil, nil
		}
		if d := cmp.Diff(c, again); d != "" {
			t.Error(d)
		}
	})
}

func TestReadToken(t *testing.T) {
	good := strings.Repeat("0123456789abcdef", 4)
	for name, tt := range map[string]struct {
		content string
		ok      bool
	}{
		"as openssl writes it": {good + "\n", true},
		"without line end":     {good, true},
		"empty":                {"", false},
		"only a line end":      {"\n", false},
		"too short":            {good[:62], false},
		"not hex":              {strings.Repeat("g", 64), false},
		"CRLF":                 {good + "\r\n", false},
		"two lines":            {good + "\n\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "token")
			if err := os.WriteFile(path, []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := ReadToken(path)
			if (err == nil) != tt.ok {
				t.Errorf("got %v", err)
			}
			if err != nil && len(tt.content) > 10 && strings.Contains(err.Error(), tt.content[:10]) {
				t.Errorf("the error shows the token: %v", err)
			}
		})
	}
}

func TestCheckRequest(t *testing.T) {
	now := time.Unix(1_780_000_000, 0)
	token := []byte("one")
	signed := httptest.NewRequest("GET", StatusPath, nil)
	SignRequest(signed, token, now)
	elsewhere := signed.Clone(t.Context())
	elsewhere.URL.Path = "/v1/apply"
	for name, err := range map[string]error{
		"right":       CheckRequest(signed, token, now.Add(time.Minute)),
		"other token": CheckRequest(signed, []byte("two"), now),
		"other path":  CheckRequest(elsewhere, token, now),
		"too old":     CheckRequest(signed, token, now.Add(time.Hour)),
		"not yet":     CheckRequest(signed, token, now.Add(-time.Hour)),
		"not signed":  CheckRequest(httptest.NewRequest("GET", StatusPath, nil), token, now),
	} {
		if (err == nil) != (name == "right") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
