package remote

import (
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// The algorithms we offer. AES-GCM before all others, since the attack on those has no hold
// there whatever the server does (CVE-2023-48795); chacha20-poly1305 only where the server
// has strict key exchange, see [kexPeek], and AES in counter mode only with a MAC over what
// was encrypted. No SHA-1 anywhere, no DSA.
func ciphers() []string {
	return []string{ssh.CipherAES128GCM, ssh.CipherAES256GCM, ssh.CipherChaCha20Poly1305, ssh.CipherAES256CTR, ssh.CipherAES192CTR, ssh.CipherAES128CTR}
}

// ciphersNotStrict are those for a server without strict key exchange.
func ciphersNotStrict() []string {
	return slices.DeleteFunc(ciphers(), func(c string) bool { return c == ssh.CipherChaCha20Poly1305 })
}

func keyExchanges() []string {
	return []string{
		ssh.KeyExchangeMLKEM768X25519,
		ssh.KeyExchangeCurve25519,
		ssh.KeyExchangeECDHP256,
		ssh.KeyExchangeECDHP384,
		ssh.KeyExchangeECDHP521,
		ssh.KeyExchangeDH16SHA512,
		ssh.KeyExchangeDH14SHA256,
	}
}

func macs() []string {
	return []string{ssh.HMACSHA256ETM, ssh.HMACSHA512ETM}
}

func plainHostKeyAlgorithms() []string {
	return []string{
		ssh.KeyAlgoED25519,
		ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
		ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256,
	}
}

// certHostKeyAlgorithms are those of certificates, in the order of the plain ones.
func certHostKeyAlgorithms() []string {
	return []string{
		ssh.CertAlgoED25519v01,
		ssh.CertAlgoECDSA256v01, ssh.CertAlgoECDSA384v01, ssh.CertAlgoECDSA521v01,
		ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01,
	}
}

// withCertificates puts before each of some plain algorithms that of its certificates.
func withCertificates(plain []string) []string {
	var list []string
	for _, a := range plain {
		if i := slices.Index(plainHostKeyAlgorithms(), a); i >= 0 {
			list = append(list, certHostKeyAlgorithms()[i])
		}
		list = append(list, a)
	}
	return list
}

// isCertAlgorithm reports whether a host key algorithm is one of certificates
// (PROTOCOL.certkeys of OpenSSH).
func isCertAlgorithm(name string) bool { return strings.HasSuffix(name, "-cert-v01@openssh.com") }

// rsaSignatures are the only ones an RSA key of ours makes.
func rsaSignatures() []string {
	return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
}

// modern keeps of a list of host key algorithms those we offer at all.
func modern(algorithms []string) []string {
	return slices.DeleteFunc(slices.Clone(algorithms), func(a string) bool {
		return !slices.Contains(plainHostKeyAlgorithms(), a) && !slices.Contains(certHostKeyAlgorithms(), a)
	})
}
