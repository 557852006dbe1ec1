//go:build race

package compose

// raced: the detector is on. Nothing in this package runs at once, so it would
// only make the corpus take minutes.
const raced = true
