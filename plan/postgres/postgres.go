// Package postgres holds what is done to a PostgreSQL in a container in more than one
// place, so that it is done the same way: a restore and the drill that proves it make a
// database by the same statements, give it the same properties, and fill it with the same
// flags; a restore and a rollback exchange two by the same transaction.
package postgres

import _ "embed"

// Names are shell functions for the databases of the PostgreSQL in the container $C, as user $U.
//
//go:embed names.sh
var Names string

//go:embed database.sh
var database string

// Functions are shell functions, those of Names among them. They stand before a script whose
// first three arguments are container, login and database.
var Functions = Names + database
