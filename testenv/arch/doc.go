// Package arch holds the rules for all code of the project, as tests.
//
// There is nothing to call. [go test] reads the source tree and fails, with the
// reason, where it breaks a rule that the language does not know: who may import
// whom, where bytes may reach a terminal, what may be linked into the binary. A
// rule that stands in the way of something good is changed here, in the commit
// that needs it, with its reason.
//
//	layering_test.go      who may import whom: the table of the packages
//	vocabulary_test.go    names of errors, files and functions, and what doc comments begin with
//	rules_test.go         what code may not do, by reading every file
//	methods_test.go       how many methods a type may have, and reach
//	linked_test.go        which modules reach the binary, and the platforms it builds for
//	sbom_test.go          what make sbom writes
//	evidence_test.go      that tests which pages name exist
//	traps_test.go         that docs/traps.md explains each code that is cited
//	architecture_test.go  that docs/architecture.md tells who imports whom
//	front_test.go         the inventory in examples, and where pages lead
//	workflow_test.go      that the public CI runs .ci/run and nothing else
//
// The rules are read from syntax, in a second; only the builds for other
// platforms take longer, the first time.
package arch
