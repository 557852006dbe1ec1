// Package migration brings the stand-in's database up to date the way sqlx
// does: the embedded migrations in order, each in a transaction of its own,
// each recorded in _sqlx_migrations with the SHA-384 of its text.
//
// It refuses what sqlx refuses, in the words of sqlx: a migration in the
// database that this build lacks ([MissingError]), one whose text has changed
// ([MismatchError]), and one that was left half done ([DirtyError]). An older
// build on a newer schema therefore never starts.
package migration

import (
	"crypto/sha512"
	_ "embed" // the migrations' text
	"fmt"
	"regexp"
	"strconv"
)

//go:embed migrations.sql
var source string

// A Migration is one step of the schema.
type Migration struct {
	Version     int64
	Description string
	SQL         string
}

// Checksum is what sqlx records: the SHA-384 of the text.
func (m Migration) Checksum() []byte {
	sum := sha512.Sum384([]byte(m.SQL))
	return sum[:]
}

// UpTo returns the migrations up to and with the version newest.
func UpTo(newest int64) ([]Migration, error) {
	all, err := parse(source)
	if err != nil {
		return nil, err
	}
	var list []Migration
	for _, m := range all {
		if m.Version <= newest {
			list = append(list, m)
		}
	}
	if newest > 0 && (len(list) == 0 || list[len(list)-1].Version != newest) {
		return nil, fmt.Errorf("there is no migration %d", newest)
	}
	return list, nil
}

// Failing returns a migration that fails half way, whatever the data.
func Failing(version int64) Migration {
	return Migration{
		Version:     version,
		Description: "retention rules",
		SQL: "CREATE TABLE retention_rules (channel_id uuid REFERENCES channels (id));\n" +
			"ALTER TABLE retention_rules ADD CONSTRAINT days_positive CHECK (days > 0);\n",
	}
}

// parse splits the source at its headings. Text before the first is a comment.
func parse(text string) ([]Migration, error) {
	heading := regexp.MustCompile(`(?m)^-- migration ([0-9]+): (.+)\n`)
	places := heading.FindAllStringSubmatchIndex(text, -1)
	list := make([]Migration, 0, len(places))
	for i, at := range places {
		version, err := strconv.ParseInt(text[at[2]:at[3]], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("migration %q: %w", text[at[2]:at[3]], err)
		}
		if n := len(list); n > 0 && list[n-1].Version >= version {
			return nil, fmt.Errorf("migration %d comes after %d", version, list[n-1].Version)
		}
		end := len(text)
		if i+1 < len(places) {
			end = places[i+1][0]
		}
		list = append(list, Migration{
			Version:     version,
			Description: text[at[4]:at[5]],
			SQL:         text[at[1]:end],
		})
	}
	return list, nil
}
