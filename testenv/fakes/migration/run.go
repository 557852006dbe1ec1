package migration

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// A MissingError says that the database is ahead of this build.
type MissingError struct{ Version int64 }

func (e *MissingError) Error() string {
	return fmt.Sprintf("migration %d was previously applied but is missing in the resolved migrations", e.Version)
}

// A MismatchError says that a migration was another one when it was applied.
type MismatchError struct{ Version int64 }

func (e *MismatchError) Error() string {
	return fmt.Sprintf("migration %d was previously applied but has been modified", e.Version)
}

// A DirtyError says that a migration was begun and never finished.
type DirtyError struct{ Version int64 }

func (e *DirtyError) Error() string {
	return fmt.Sprintf("migration %d is partially applied; fix and remove row from `_sqlx_migrations` table", e.Version)
}

// lockKey keeps two servers from migrating one database at the same time.
const lockKey = 0x63686174616c6f74

const createTable = `CREATE TABLE IF NOT EXISTS _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMPTZ NOT NULL DEFAULT now(),
    success BOOLEAN NOT NULL,
    checksum BYTEA NOT NULL,
    execution_time BIGINT NOT NULL
)`

// Run applies what the database does not have yet and returns how many that
// were. Each stays applied even when a later one fails.
func Run(ctx context.Context, conn *pgx.Conn, list []Migration) (int, error) {
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(lockKey)); err != nil {
		return 0, fmt.Errorf("lock the migrations: %w", err)
	}
	n, err := run(ctx, conn, list)
	if _, unlockErr := conn.Exec(ctx, "SELECT pg_advisory_unlock($1)", int64(lockKey)); err == nil && unlockErr != nil {
		err = fmt.Errorf("unlock the migrations: %w", unlockErr)
	}
	return n, err
}

func run(ctx context.Context, conn *pgx.Conn, list []Migration) (int, error) {
	if _, err := conn.Exec(ctx, createTable); err != nil {
		return 0, fmt.Errorf("create the migrations' table: %w", err)
	}
	applied, err := readApplied(ctx, conn)
	if err != nil {
		return 0, err
	}
	if err := check(applied, list); err != nil {
		return 0, err
	}
	done := make(map[int64]bool, len(applied))
	for _, row := range applied {
		done[row.version] = true
	}
	n := 0
	for _, m := range list {
		if done[m.Version] {
			continue
		}
		if err := apply(ctx, conn, m); err != nil {
			return n, fmt.Errorf("while executing migration %d: error returned from database: %w", m.Version, err)
		}
		n++
	}
	return n, nil
}

// A row is what the database knows of one migration.
type row struct {
	version  int64
	success  bool
	checksum []byte
}

func readApplied(ctx context.Context, conn *pgx.Conn) ([]row, error) {
	rows, err := conn.Query(ctx, "SELECT version, success, checksum FROM _sqlx_migrations ORDER BY version")
	if err != nil {
		return nil, fmt.Errorf("read the migrations' table: %w", err)
	}
	applied, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (row, error) {
		var a row
		err := r.Scan(&a.version, &a.success, &a.checksum)
		return a, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the migrations' table: %w", err)
	}
	return applied, nil
}

// check holds the database against this build, in the order of sqlx: dirty
// before missing before modified.
func check(applied []row, list []Migration) error {
	known := make(map[int64]Migration, len(list))
	for _, m := range list {
		known[m.Version] = m
	}
	for _, a := range applied {
		if !a.success {
			return &DirtyError{a.version}
		}
	}
	for _, a := range applied {
		if _, ok := known[a.version]; !ok {
			return &MissingError{a.version}
		}
	}
	for _, a := range applied {
		if !bytes.Equal(a.checksum, known[a.version].Checksum()) {
			return &MismatchError{a.version}
		}
	}
	return nil
}

func apply(ctx context.Context, conn *pgx.Conn, m Migration) error {
	start := time.Now()
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, m.SQL); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO _sqlx_migrations
			(version, description, success, checksum, execution_time)
			VALUES ($1, $2, true, $3, $4)`,
			m.Version, m.Description, m.Checksum(), time.Since(start).Nanoseconds())
		return err
	})
}
