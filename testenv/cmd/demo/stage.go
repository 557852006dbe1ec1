package main

import "context"

// A stage is what the story is played on: two servers and the vendor's hosts.
type stage interface {
	// boot lends the servers; they end with the stage.
	boot(ctx context.Context) ([]server, error)
	// unapplied has the owner of acme change a variable in a file and never apply it.
	unapplied(ctx context.Context) error
	// cosignKey is the fingerprint that stands in for the vendor's.
	cosignKey(ctx context.Context) (string, error)
	// passwordFile holds what sudo asks ops for.
	passwordFile() string
	// environ leads a process to the vendor's hosts.
	environ() []string
	// close takes everything away, also when ctx has ended.
	close(ctx context.Context) error
}

// A server is one of the story.
type server struct {
	name, addr string
	port       int
	user       string
	hostKey    string // a line as in authorized_keys
	keyFile    string
	// look sees the server from inside, not over ssh and not through the tool,
	// once it answers; see [item].
	look func(ctx context.Context) ([]item, error)
}
