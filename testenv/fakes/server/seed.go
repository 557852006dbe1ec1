package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
)

// The size of the seeded instance: enough to tell a whole copy from a torn
// one, small enough to be copied with every throw-away server.
const seedUploads = 12

// seedSQL fills the tables. Every value follows from its number, so two seeded
// databases are equal, and columns that later migrations rename are left out.
const seedSQL = `
INSERT INTO users (id, username, password_hash, created_at)
    SELECT md5('user' || n)::uuid, 'user' || n, '$argon2id$stand-in$' || md5('password' || n),
           timestamptz '2025-01-01 00:00Z' + n * interval '1 hour'
    FROM generate_series(1, 20) n ON CONFLICT DO NOTHING;
INSERT INTO communities (id, name, owner_id, created_at)
    SELECT md5('community' || n)::uuid, 'Community ' || n, md5('user' || n)::uuid,
           timestamptz '2025-01-02 00:00Z'
    FROM generate_series(1, 2) n ON CONFLICT DO NOTHING;
INSERT INTO community_members (community_id, user_id)
    SELECT c.id, u.id FROM communities c, users u ON CONFLICT DO NOTHING;
INSERT INTO channels (id, community_id, name)
    SELECT md5('channel' || n)::uuid, md5('community' || 1 + n % 2)::uuid, 'channel-' || n
    FROM generate_series(1, 6) n ON CONFLICT DO NOTHING;
INSERT INTO messages (id, channel_id, author_id, body, created_at)
    SELECT md5('message' || n)::uuid, md5('channel' || 1 + n % 6)::uuid, md5('user' || 1 + n % 20)::uuid,
           'message number ' || n || ', naïve café 👋',
           timestamptz '2025-01-03 00:00Z' + n * interval '1 minute'
    FROM generate_series(1, 500) n ON CONFLICT DO NOTHING;
INSERT INTO totp (user_id, secret_encrypted, confirmed)
    SELECT md5('user' || n)::uuid, decode(md5('totp' || n), 'hex'), true
    FROM generate_series(1, 5) n ON CONFLICT DO NOTHING;
`

// seed fills the database and the uploads. Doing it twice changes nothing.
func seed(ctx context.Context, log *slog.Logger, s settings) error {
	conn, err := connect(ctx, s.databaseURL)
	if err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, seedSQL); err != nil {
			return err
		}
		for n := 1; n <= seedUploads; n++ {
			if err := seedUpload(ctx, tx, s.storage, n); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	log.Info("seeded", "uploads", seedUploads)
	return nil
}

// seedUpload writes one upload and its row; every fourth is an avatar, which
// lives in a folder of its own.
func seedUpload(ctx context.Context, tx pgx.Tx, storage string, n int) error {
	name := fmt.Sprintf("upload-%02d.txt", n)
	if n%4 == 0 {
		name = filepath.Join("avatars", name)
	}
	content := strings.Repeat(fmt.Sprintf("upload number %d of the stand-in\n", n), 32*n)
	path := filepath.Join(storage, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(content))
	_, err := tx.Exec(ctx, `INSERT INTO files (id, uploader_id, path, size_bytes, sha256, created_at)
		VALUES (md5('file' || $1::int)::uuid, md5('user1')::uuid, $2, $3, $4, '2025-01-04 00:00Z')
		ON CONFLICT DO NOTHING`, n, name, len(content), hex.EncodeToString(sum[:]))
	return err
}
