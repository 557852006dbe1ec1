package remote

import (
	"os"
	"runtime/debug"
	"sync"
)

// A crowd is so many connections at once that collecting garbage becomes a good part of
// what they cost.
const crowd = 50

// crowdPercent is how far the heap may grow over what is in use before it is collected,
// in percent of it, while there is a crowd. What a thousand connections hold is their
// stacks for the most part, which this does not let grow.
const crowdPercent = 400

var crowds struct {
	sync.Mutex
	here   int // how many there are
	before int // the percentage without them
}

// Crowd makes the process collect its garbage less often while it talks to n hosts at
// once, until what it returns is called: each handshake leaves little behind, but every
// collection walks over the stacks of all the others. With a few hosts, or where GOGC
// is set, it does nothing.
func Crowd(n int) (leave func()) {
	if n < crowd || os.Getenv("GOGC") != "" {
		return func() {}
	}
	crowds.Lock()
	defer crowds.Unlock()
	if crowds.here++; crowds.here == 1 {
		crowds.before = debug.SetGCPercent(crowdPercent)
	}
	return sync.OnceFunc(func() {
		crowds.Lock()
		defer crowds.Unlock()
		if crowds.here--; crowds.here == 0 {
			debug.SetGCPercent(crowds.before)
		}
	})
}
