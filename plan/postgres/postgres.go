// Package postgres holds what is done to a PostgreSQL in a container in more than one
// place, so that it is done the same way: a restore and the drill that proves it make a
// database by the same statements, give it the same properties, and fill it with the same
// flags.
package postgres

import _ "embed"

// Functions are those of shell, to stand before a script that gets container, login and
// database as its first three arguments.
//
//go:embed database.sh
var Functions string
