// Package release finds out what a channel offers and whether it is what the
// vendor signed. It runs on the workstation; a server has no part in it.
//
// [Client.Resolve] reads the channel's manifest, checks it with the pinned
// key, asks the registry which digests the release's images have for the
// server's platform, checks their signatures with the same key, and returns a
// [Release] in which everything is named by digest. Call it once for a batch
// of hosts and not once for each, so that all of them get the same bytes.
//
// # Trust
//
// The anchor is the SHA-256 of the vendor's key file, [PinnedKeySHA256] unless
// the inventory names another. Only ECDSA over P-256 with SHA-256 is known:
// no algorithm is taken from what is being checked, and nothing is parsed
// before its signature is checked, or found to be missing.
//
// A signature is in one of three states. [Verified] is never claimed without
// one. [NotSigned] is said in [Release.Warnings] and stops only a [Source]
// that requires signatures. [Bad] always stops, with a [*TrustError].
// "Missing" is claimed only when the server said so: one that answers with an
// error leaves the question open, and that is an error here too. The socket
// proxy is held to the same, though it is somebody else's program: it gets the
// docker socket. A digest that is known to be good does for it.
//
// A manifest of another product or channel is refused, an expired one, and a
// tag that points to another digest than the manifest says.
//
// # What is remembered
//
// A [Memory] goes in with a [Source] and learns from a [Release]. By it a
// release is refused that is older than one accepted before on the channel, the
// same version with other contents, a tag of any of the images that came to
// another digest, and a channel or an image that was signed before and is not
// any more.
//
// # Where the login goes
//
// To the registry, and to the one host that [Source.TokenHost] names, over TLS,
// wherever the registry would have it sent ([*LoginError]).
//
// # What a server may do to us
//
// Waste our time, up to a deadline. Every answer is bounded in size, only TLS
// is spoken, no redirect to another host is followed except for a blob, whose
// bytes are held against its digest, and no text of a server's answer becomes
// part of an error without being quoted. Only "too many requests" and server
// errors are tried again, a few times.
//
// # Where signatures are looked for
//
// A manifest's beside it, at .sig (base64 of the DER signature, as
// "cosign sign-blob" writes it), .bundle (cosign's older bundle) and
// .sigstore.json (the current one). An image's in its repository, at the tag
// sha256-<digest>.sig and, if there is none, among the OCI referrers, as a
// signature or as a bundle: those that the registry lists, and those in the
// index at the tag sha256-<digest>, which stands for a list that it does not
// keep.
package release
