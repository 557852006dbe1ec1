package cli

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// Every secret of a story is a canary: a random text that can be looked for, in
// every form that a program on its way may give it.

// secretsScript prints every secret of the server, one a line.
const secretsScript = `cd /srv/chatalot
sed -n 's/^[A-Z_]*\(PASSWORD\|KEY\|TOKEN\)[A-Z_]*=//p' .env
for f in secrets/updater_token secrets/db_password secrets/totp_encryption_key; do [ ! -s $f ] || { cat $f; echo; }; done
sed -n 2p secrets/jwt_private.pem
true`

// canaries are the secrets of a server as it is now, and those of the story.
func canaries(ts *testscript.TestScript, host string) []string {
	w := of(ts)
	out, err := w.host(ts, host).Run(w.tb.Context(), secretsScript)
	ts.Check(err)
	own := strings.Fields(out)
	if len(own) < 3 {
		ts.Fatalf("the server has only %d secrets to look for", len(own))
	}
	var all []string
	for _, secret := range append(own, w.secrets...) {
		all = append(all, disguises(secret)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// disguises are the forms of a secret that are looked for: as it is, for a URL,
// for JSON, in hex, and in base64 at the three places where it can begin within
// something longer, as after "user:".
func disguises(secret string) []string {
	quoted, _ := json.Marshal(secret) // a string always can be
	all := []string{
		secret, url.QueryEscape(secret), url.PathEscape(secret), string(quoted[1 : len(quoted)-1]),
		hex.EncodeToString([]byte(secret)), strings.ToUpper(hex.EncodeToString([]byte(secret))),
		strings.ReplaceAll(secret, "'", `'\''`),
	}
	for _, alphabet := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		for shift := range 3 {
			text := alphabet.EncodeToString(append(make([]byte, shift), secret...))
			// Only characters that depend on nothing around the secret.
			first, last := (shift*8+5)/6, (shift+len(secret))*8/6
			if last-first >= 8 {
				all = append(all, text[first:last])
			}
		}
	}
	return all
}

func TestDisguises(t *testing.T) {
	const secret = "Kanarienvogel-4711/+&'"
	forms := disguises(secret)
	quoted, err := json.Marshal("x" + secret + "y")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"a" + secret, url.Values{"p": {secret}}.Encode(), string(quoted), hex.EncodeToString([]byte("u" + secret)),
		base64.StdEncoding.EncodeToString([]byte("u:" + secret)), base64.StdEncoding.EncodeToString([]byte("us:" + secret + "tail")),
		base64.URLEncoding.EncodeToString([]byte("user:" + secret)),
	} {
		if !slices.ContainsFunc(forms, func(f string) bool { return strings.Contains(text, f) }) {
			t.Errorf("it is not found in %q", text)
		}
	}
}

// secretless is: secretless HOST PATH... Files or folders, in which no secret of
// the server or of the story may be found, backups included: they are encrypted.
// The host itself is looked at too.
func secretless(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: secretless HOST PATH...")
	}
	forms := canaries(ts, args[0])
	looked := 0
	for _, root := range args[1:] {
		err := filepath.WalkDir(ts.MkAbs(root), func(file string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			data, err := os.ReadFile(file)
			for _, form := range forms {
				if bytes.Contains(data, []byte(form)) {
					ts.Fatalf("%s holds a secret of %s", file, args[0])
				}
			}
			looked++
			return err
		})
		ts.Check(err)
	}
	if looked == 0 {
		ts.Fatalf("no file was looked at")
	}
	traceless(ts, args[0], forms)
}

// tracelessScript looks for lines of its input wherever a program may leave
// something. What docker keeps of the containers is left out: their environment
// holds the client's own secrets, as it did before.
const tracelessScript = `cat >/dev/shm/canaries
grep -rlaF -D skip -f /dev/shm/canaries --exclude=canaries --exclude-dir=docker --exclude-dir=containerd \
	/root /home /tmp /var/tmp /run /dev/shm /etc /var/log /var/spool /var/lib/liftalot 2>/dev/null
rm -f /dev/shm/canaries
true`

func traceless(ts *testscript.TestScript, host string, forms []string) {
	w := of(ts)
	var out, errs bytes.Buffer
	in := strings.NewReader(strings.Join(forms, "\n") + "\n")
	code, err := w.host(ts, host).ExecStream(w.tb.Context(), in, &out, &errs, "bash", "-c", tracelessScript)
	ts.Check(err)
	if code != 0 || out.Len() > 0 {
		ts.Fatalf("a secret lies on %s in\n%s%s", host, out.String(), errs.String())
	}
}
