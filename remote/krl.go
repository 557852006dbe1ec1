package remote

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/ssh"
)

// A revocationList is a key revocation list of OpenSSH, the binary form of
// RevokedHostKeys, as ssh-keygen -k writes it. PROTOCOL.krl of OpenSSH describes the
// format. What is not understood there is an error and not skipped: a list that is read
// by halves lets in what the other half revokes.
type revocationList struct {
	keys   map[string]bool // plain public keys, in wire format
	sha1   map[string]bool
	sha256 map[string]bool
	certs  map[string]*revokedCerts // by the authority's key in wire format; "" is any authority
}

// revokedCerts are the certificates of one authority that were revoked.
type revokedCerts struct {
	ids     map[string]bool
	ranges  []serialRange
	bitmaps []serialBitmap
}

type serialRange struct{ first, last uint64 }

type serialBitmap struct {
	offset uint64
	bits   *big.Int
}

// krlMagic begins every list; what begins otherwise is a file of public keys.
const krlMagic = "SSHKRL\n\x00"

const krlVersion = 1

// The kinds of sections, and of those within a section of certificates.
const (
	krlCertificates = 1
	krlKeys         = 2
	krlSHA1         = 3
	krlSHA256       = 5
	krlExtension    = 255

	krlSerials       = 0x20
	krlSerialRange   = 0x21
	krlSerialBitmap  = 0x22
	krlKeyIDs        = 0x23
	krlCertExtension = 0x39
)

// errKRL is a list that breaks off, or holds what its format does not allow.
var errKRL = errors.New("damaged key revocation list")

func parseKRL(data []byte) (*revocationList, error) {
	k := &revocationList{keys: map[string]bool{}, sha1: map[string]bool{}, sha256: map[string]bool{}, certs: map[string]*revokedCerts{}}
	s := cryptobyte.String(data)
	var version uint32
	var reserved, comment cryptobyte.String
	if !s.Skip(len(krlMagic)) || !s.ReadUint32(&version) {
		return nil, errKRL
	}
	if version != krlVersion {
		return nil, fmt.Errorf("key revocation list of version %d, known is %d", version, krlVersion)
	}
	if !s.Skip(3*8) || !krlString(&s, &reserved) || !krlString(&s, &comment) { // number, date, flags
		return nil, errKRL
	}
	err := krlSections(s, func(kind uint8, body cryptobyte.String) error {
		switch kind {
		case krlCertificates:
			return k.readCertificates(body)
		case krlKeys:
			return krlEntries(body, 0, k.keys)
		case krlSHA1:
			return krlEntries(body, sha1.Size, k.sha1)
		case krlSHA256:
			return krlEntries(body, sha256.Size, k.sha256)
		case krlExtension:
			return krlOptional(body)
		}
		return fmt.Errorf("key revocation list with a section of an unknown kind, %d", kind)
	})
	return k, err
}

func (k *revocationList) readCertificates(s cryptobyte.String) error {
	var authority, reserved cryptobyte.String
	if !krlString(&s, &authority) || !krlString(&s, &reserved) {
		return errKRL
	}
	name := string(authority)
	if name != "" {
		key, err := ssh.ParsePublicKey(authority)
		if err != nil {
			return fmt.Errorf("%w: the key of an authority: %w", errKRL, err)
		}
		name = string(plainKey(key).Marshal())
	}
	certs := k.certs[name]
	if certs == nil {
		certs = &revokedCerts{ids: map[string]bool{}}
		k.certs[name] = certs
	}
	return krlSections(s, certs.readSection)
}

func (c *revokedCerts) readSection(kind uint8, s cryptobyte.String) error {
	switch kind {
	case krlSerials:
		for !s.Empty() {
			var serial uint64
			if !s.ReadUint64(&serial) {
				return errKRL
			}
			c.ranges = append(c.ranges, serialRange{serial, serial})
		}
		return nil
	case krlSerialRange:
		var r serialRange
		if !s.ReadUint64(&r.first) || !s.ReadUint64(&r.last) || !s.Empty() || r.first > r.last {
			return errKRL
		}
		c.ranges = append(c.ranges, r)
		return nil
	case krlSerialBitmap:
		var b serialBitmap
		var bits cryptobyte.String
		if !s.ReadUint64(&b.offset) || !krlString(&s, &bits) || !s.Empty() || len(bits) > 0 && bits[0]&0x80 != 0 {
			return errKRL
		}
		b.bits = new(big.Int).SetBytes(bits)
		c.bitmaps = append(c.bitmaps, b)
		return nil
	case krlKeyIDs:
		return krlEntries(s, 0, c.ids)
	case krlCertExtension:
		return krlOptional(s)
	}
	return fmt.Errorf("key revocation list with certificates in an unknown form, %d", kind)
}

// revokes returns the key that the list revokes, of those that vouch here: the
// host's, or the authority's of its certificate. A certificate that is revoked
// itself stands for its key.
func (k *revocationList) revokes(key ssh.PublicKey) ssh.PublicKey {
	for _, part := range keyParts(key) {
		blob := part.Marshal()
		h1, h256 := sha1.Sum(blob), sha256.Sum256(blob)
		if k.keys[string(blob)] || k.sha1[string(h1[:])] || k.sha256[string(h256[:])] {
			return part
		}
	}
	cert, ok := key.(*ssh.Certificate)
	if !ok {
		return nil
	}
	for _, authority := range []string{"", string(cert.SignatureKey.Marshal())} {
		if k.certs[authority].holds(cert) {
			return cert.Key
		}
	}
	return nil
}

func (c *revokedCerts) holds(cert *ssh.Certificate) bool {
	switch {
	case c == nil:
		return false
	case c.ids[cert.KeyId]:
		return true
	case cert.Serial == 0: // what an authority writes that does not number them
		return false
	}
	for _, r := range c.ranges {
		if r.first <= cert.Serial && cert.Serial <= r.last {
			return true
		}
	}
	for _, b := range c.bitmaps {
		if at := cert.Serial - b.offset; cert.Serial >= b.offset && at < uint64(b.bits.BitLen()) && b.bits.Bit(int(at)) == 1 {
			return true
		}
	}
	return false
}

// krlSections hands each section of s to read.
func krlSections(s cryptobyte.String, read func(kind uint8, body cryptobyte.String) error) error {
	for !s.Empty() {
		var kind uint8
		var body cryptobyte.String
		if !s.ReadUint8(&kind) || !krlString(&s, &body) {
			return errKRL
		}
		if err := read(kind, body); err != nil {
			return err
		}
	}
	return nil
}

// krlEntries reads strings, of one size where size is not 0, into a set.
func krlEntries(s cryptobyte.String, size int, into map[string]bool) error {
	for !s.Empty() {
		var entry cryptobyte.String
		if !krlString(&s, &entry) || size != 0 && len(entry) != size {
			return errKRL
		}
		into[string(entry)] = true
	}
	return nil
}

// krlOptional reads an extension. One that its writer calls critical must be understood,
// and none is known.
func krlOptional(s cryptobyte.String) error {
	var name, contents cryptobyte.String
	var critical uint8
	if !krlString(&s, &name) || !s.ReadUint8(&critical) || !krlString(&s, &contents) || !s.Empty() {
		return errKRL
	}
	if critical != 0 {
		return fmt.Errorf("key revocation list with an extension that must be understood, %q", bytes.ToValidUTF8(name, []byte("?")))
	}
	return nil
}

// krlString reads a string of the SSH protocol: its length in four bytes, and its bytes.
func krlString(s, out *cryptobyte.String) bool {
	var size uint32
	return s.ReadUint32(&size) && uint64(size) <= uint64(len(*s)) && s.ReadBytes((*[]byte)(out), int(size))
}
