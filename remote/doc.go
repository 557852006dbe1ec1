// Package remote acts on one host over SSH. It knows nothing of what it is
// used for, and it installs nothing.
//
// A [Client] is made from a [Config] and used from many goroutines. It dials
// when it is first needed, keeps one connection for everything, and after a
// break dials again for the next call. It never repeats a call by itself.
// [Client.Run] runs a [Command]; [Client.ReadFile], [Client.Lstat],
// [Client.WriteFile] and [Client.Remove] work on files, as root where the host
// offers sudo. Detached work is in remote/job, the lock of a host in
// remote/lock, and remote/remotetest holds the contract as a test suite.
//
// # Outcomes
//
// An action on a host ends in one of four ways. Callers must tell them apart
// before they try again:
//
//   - it succeeded: the error is nil;
//   - it never started: [ErrNotStarted], safe to try again;
//   - it ran and failed: an [*ExitError], the host has answered;
//   - nobody knows: [ErrUnknownOutcome], the link broke after the start, so
//     look at the host before doing anything else.
//
// Why a thing never started is a type beneath ErrNotStarted: [*AuthError],
// [*HostKeyError], [*SudoError], [*BlockedError], [*TurnedAwayError],
// [*UnreachableError]. What follows from an error is decided in one place: [Denied], [Unanswered] and [Transient]; [Retry] tries again.
//
// # How a command runs
//
// One exec request carries the script and its arguments, quoted so that any
// login shell passes them on untouched, to /bin/sh. There is no terminal, and
// the script finds LC_ALL=C, TZ=UTC, umask 077 and a PATH that includes the
// sbin folders. The same random marker opens and closes both output streams:
// what a profile, a banner or sudo's lecture printed before it is not output,
// the exit status is read from the closing one and not from sshd or sudo, and
// output without a closing marker was cut, which is an unknown outcome.
//
// A command that runs into its deadline is told to stop and its channel is
// closed. Whether it did stop is unknown: sshd lets a command run to its end.
//
// # Secrets
//
// The script and its arguments are visible to every user of the host while
// they run. Secrets travel on Stdin, which is sent only after the opening
// marker was seen. The sudo password is sent only after our own random prompt
// was seen, and once; an account that needs none is never sent one, so that it
// cannot end up in a file. Error texts hold no output of the host.
//
// # Trust
//
// A host whose key is not in the known_hosts files, or differs, or is revoked,
// is refused, and nothing turns that off. [Scan] fetches keys to be shown to a
// person and [AddKnownHost] writes down the one that was accepted. Algorithms are the
// modern ones: AES-GCM, chacha20-poly1305 where the host has strict key exchange
// (CVE-2023-48795), and AES-CTR with a MAC over what was encrypted. The agent
// signs for the chosen identities and is never forwarded; channels that a
// server opens are refused. What a host says is bounded where it is read, and
// nothing waits for ever.
package remote
