package remote

import (
	"strings"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/ssh"
)

// krl writes a list of sections, each its kind and its content.
func krl(version uint32, sections ...func(*cryptobyte.Builder)) []byte {
	var b cryptobyte.Builder
	b.AddBytes([]byte(krlMagic))
	b.AddUint32(version)
	b.AddBytes(make([]byte, 3*8))
	krlText("")(&b)
	krlText("")(&b)
	for _, add := range sections {
		add(&b)
	}
	return b.BytesOrPanic()
}

func krlText(text string) func(*cryptobyte.Builder) {
	return func(b *cryptobyte.Builder) {
		b.AddUint32LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes([]byte(text)) })
	}
}

func krlSection(kind uint8, content ...func(*cryptobyte.Builder)) func(*cryptobyte.Builder) {
	return func(b *cryptobyte.Builder) {
		b.AddUint8(kind)
		b.AddUint32LengthPrefixed(func(b *cryptobyte.Builder) {
			for _, add := range content {
				add(b)
			}
		})
	}
}

func krlByte(n uint8) func(*cryptobyte.Builder) {
	return func(b *cryptobyte.Builder) { b.AddUint8(n) }
}

func krlNumber(n uint64) func(*cryptobyte.Builder) {
	return func(b *cryptobyte.Builder) { b.AddUint64(n) }
}

// What a list holds that is not understood refuses it: the rest of it may be what counts.
// ssh-keygen writes none of these, so they are not in TestRevokedAsOpenSSH.
func TestKRLThatIsNotUnderstood(t *testing.T) {
	anyAuthority := []func(*cryptobyte.Builder){krlText(""), krlText("")}
	certificates := func(kind uint8, content ...func(*cryptobyte.Builder)) func(*cryptobyte.Builder) {
		return krlSection(krlCertificates, append(anyAuthority, krlSection(kind, content...))...)
	}
	for name, c := range map[string]struct {
		data []byte
		want string // part of the error; "" for none
	}{
		"nothing in it":               {krl(1), ""},
		"an extension":                {krl(1, krlSection(krlExtension, krlText("x@y"), krlByte(0), krlText("z"))), ""},
		"an extension of a section":   {krl(1, certificates(krlCertExtension, krlText("x@y"), krlByte(0), krlText("z"))), ""},
		"an extension that must be":   {krl(1, krlSection(krlExtension, krlText("x@y"), krlByte(1), krlText("z"))), `must be understood, "x@y"`},
		"one of a section":            {krl(1, certificates(krlCertExtension, krlText("x@y"), krlByte(1), krlText("z"))), "must be understood"},
		"a later version":             {krl(2), "version 2"},
		"signed":                      {krl(1, krlSection(4, krlText("k"))), "unknown kind, 4"},
		"certificates of a new form":  {krl(1, certificates(0x40)), "unknown form"},
		"half a number":               {krl(1, certificates(krlSerials, krlByte(1))), errKRL.Error()},
		"a range backwards":           {krl(1, certificates(krlSerialRange, krlNumber(2), krlNumber(1))), errKRL.Error()},
		"a range with more behind it": {krl(1, certificates(krlSerialRange, krlNumber(1), krlNumber(2), krlByte(0))), errKRL.Error()},
		"a negative bitmap":           {krl(1, certificates(krlSerialBitmap, krlNumber(1), krlText("\x80"))), errKRL.Error()},
		"a short hash":                {krl(1, krlSection(krlSHA256, krlText("short"))), errKRL.Error()},
		"an authority that is none":   {krl(1, krlSection(krlCertificates, krlText("odd"), krlText(""))), errKRL.Error()},
		"more behind the end":         {append(krl(1), 1), errKRL.Error()},
	} {
		_, err := parseKRL(c.data)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	whole := krl(1, certificates(krlSerialBitmap, krlNumber(1), krlText("\x01")), krlSection(krlKeys, krlText("a"), krlText("b")))
	if _, err := parseKRL(whole); err != nil {
		t.Fatal(err)
	}
	accepted := 0
	for n := len(krlMagic); n < len(whole); n++ {
		if _, err := parseKRL(whole[:n]); err == nil {
			accepted++
		}
	}
	if accepted != 2 { // where a section ends, the list may end too
		t.Errorf("%d of its beginnings pass for a whole list", accepted)
	}
}

// FuzzRevoked: no file of revoked keys, in either form, makes us fall over, and what was
// read can be asked.
func FuzzRevoked(f *testing.F) {
	line := knownLine(f, "")
	f.Add([]byte(strings.TrimSpace(line) + "\n# gone\n"))
	f.Add(krl(1, krlSection(krlKeys, krlText("a")), krlSection(krlCertificates, krlText(""), krlText(""),
		krlSection(krlSerials, krlNumber(7)), krlSection(krlSerialRange, krlNumber(1), krlNumber(9)), krlSection(krlSerialBitmap, krlNumber(1), krlText("\x05")))))
	key, err := parseKeyLine(strings.TrimSpace(line))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file := revokedFile{name: "fuzz"}
		if list, err := parseKRL(data); err == nil {
			file.list = list
			for _, certs := range list.certs {
				for serial := range uint64(16) {
					certs.holds(&ssh.Certificate{Serial: serial})
				}
			}
		} else if file.lines, err = parseRevokedKeys(data); err != nil {
			return
		}
		file.revokes(key)
	})
}
