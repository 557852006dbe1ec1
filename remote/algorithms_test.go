package remote_test

import (
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"liftalot/remote"
)

// Hosts without AES-GCM are reached as ssh reaches them, and where nothing is in common both
// lists are told (03-no-gcm-cipher).
func TestCase03NoGCMCipher(t *testing.T) {
	for _, c := range []struct{ config, want string }{
		{"Ciphers chacha20-poly1305@openssh.com,aes256-ctr", ""},
		{"Ciphers aes128-ctr\nMACs hmac-sha2-512-etm@openssh.com", ""},
		{"Ciphers aes256-ctr\nMACs hmac-sha2-256", "no common algorithm for client to server MAC: here hmac-sha2-256-etm@openssh.com, hmac-sha2-512-etm@openssh.com; there hmac-sha2-256"},
		{"KexAlgorithms sntrup761x25519-sha512@openssh.com", "there sntrup761x25519-sha512@openssh.com"},
	} {
		s := startSSHD(t, c.config)
		cfg := s.config("root")
		cfg.KnownHosts, cfg.UserKnownHosts, cfg.GlobalKnownHosts = nil, []string{s.known}, []string{"none"}
		err := s.client(cfg).Connect(t.Context())
		if bad, ok := errors.AsType[*remote.AlgorithmError](err); ok != (c.want != "") || ok && !strings.Contains(bad.Error(), c.want) || !ok && err != nil {
			t.Errorf("%s: got %v", c.config, err)
		}
		if in, said := sshLogsIn(s, cfg); !in {
			t.Errorf("%s: ssh does not log in: %s", c.config, said)
		}
		_, scanned := remote.Scan(t.Context(), cfg)
		if _, ok := errors.AsType[*remote.AlgorithmError](scanned); ok != strings.Contains(c.want, "sntrup") && ok != (c.want != "") {
			t.Errorf("%s: scan: %v", c.config, scanned)
		}
	}
}

// Without strict key exchange chacha20-poly1305 is not used, and what is said does not
// matter before the list is whole.
func TestNotStrict(t *testing.T) {
	for offer, want := range map[string]bool{
		"kex-strict-s-v00@openssh.com,curve25519-sha256|chacha20-poly1305@openssh.com,aes256-ctr": false,
		"curve25519-sha256|chacha20-poly1305@openssh.com,aes256-ctr":                              true,
		"curve25519-sha256|aes256-gcm@openssh.com,chacha20-poly1305@openssh.com":                  false,
		"curve25519-sha256|aes256-ctr":                                                            false,
		"curve25519-sha256|3des-cbc":                                                              false,
	} {
		kex, cipher, _ := strings.Cut(offer, "|")
		packet := append([]byte{4, 20}, make([]byte, 16)...)
		for _, list := range []string{kex, "ssh-ed25519", cipher, cipher, "hmac-sha2-256", "hmac-sha2-256", "none", "none", "", ""} {
			packet = append(binary.BigEndian.AppendUint32(packet, uint32(len(list))), list...)
		}
		said := "a line before\r\nSSH-2.0-x\r\n" + string(binary.BigEndian.AppendUint32(nil, uint32(len(packet)))) + string(packet) + "more"
		for _, r := range []io.Reader{strings.NewReader(said), iotest.OneByteReader(strings.NewReader(said))} {
			if got := remote.PeekRefuses(r); got != want {
				t.Errorf("%s: refused %v, want %v", offer, got, want)
			}
		}
	}
}

// Whoever sits on the way may put a packet to be ignored before the list, unseen by the
// library: what the host has is not known then, and it is taken for one without.
func TestNotStrictWhereSomethingComesBeforeTheList(t *testing.T) {
	for name, packet := range map[string]string{
		"ignore":   "\x00\x00\x00\x0c\x06\x02\x00\x00\x00\x00junkjunk",
		"too long": "\x7f\xff\xff\xff\x04\x14",
		"no lists": "\x00\x00\x00\x14\x02\x14" + strings.Repeat("\x00", 18),
	} {
		if !remote.PeekRefuses(strings.NewReader("SSH-2.0-x\r\n" + packet)) {
			t.Errorf("%s: taken", name)
		}
	}
}
