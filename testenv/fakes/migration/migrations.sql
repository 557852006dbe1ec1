-- Every migration of the stand-in server, in order. A line "-- migration N: what"
-- opens one; its text is what follows, up to the next such line. The text of a
-- migration is frozen: its checksum stands in databases.

-- migration 1: users
CREATE TABLE users (
    id uuid PRIMARY KEY,
    username text NOT NULL UNIQUE,
    password_hash text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- migration 2: communities
CREATE TABLE communities (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    owner_id uuid NOT NULL REFERENCES users (id),
    created_at timestamptz NOT NULL DEFAULT now()
);

-- migration 3: community members
CREATE TABLE community_members (
    community_id uuid NOT NULL REFERENCES communities (id) ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (community_id, user_id)
);

-- migration 4: channels
CREATE TABLE channels (
    id uuid PRIMARY KEY,
    community_id uuid NOT NULL REFERENCES communities (id) ON DELETE CASCADE,
    name varchar(80) NOT NULL
);

-- migration 5: messages
CREATE TABLE messages (
    id uuid PRIMARY KEY,
    channel_id uuid NOT NULL REFERENCES channels (id) ON DELETE CASCADE,
    author_id uuid NOT NULL REFERENCES users (id),
    body text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- migration 6: messages by time
CREATE INDEX messages_by_time ON messages (channel_id, created_at);

-- migration 7: files
CREATE TABLE files (
    id uuid PRIMARY KEY,
    uploader_id uuid NOT NULL REFERENCES users (id),
    path text NOT NULL UNIQUE,
    size_bytes bigint NOT NULL,
    sha256 text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- migration 8: message attachments
CREATE TABLE message_files (
    message_id uuid NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    file_id uuid NOT NULL REFERENCES files (id),
    PRIMARY KEY (message_id, file_id)
);

-- migration 9: sessions
CREATE TABLE sessions (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    refresh_hash text NOT NULL,
    expires_at timestamptz NOT NULL
);

-- migration 10: invites
CREATE TABLE invites (
    code text PRIMARY KEY,
    community_id uuid REFERENCES communities (id) ON DELETE CASCADE,
    uses_left integer
);

-- migration 11: roles
CREATE TABLE roles (
    id uuid PRIMARY KEY,
    community_id uuid NOT NULL REFERENCES communities (id) ON DELETE CASCADE,
    name text NOT NULL,
    permissions bigint NOT NULL DEFAULT 0
);

-- migration 12: member roles
CREATE TABLE member_roles (
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role_id uuid NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, role_id)
);

-- migration 13: reactions
CREATE TABLE reactions (
    message_id uuid NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    emoji text NOT NULL,
    PRIMARY KEY (message_id, user_id, emoji)
);

-- migration 14: channel topics
ALTER TABLE channels ADD COLUMN topic text;

-- migration 15: display names
ALTER TABLE users ADD COLUMN display_name text;

-- migration 16: avatars
ALTER TABLE users ADD COLUMN avatar_id uuid REFERENCES files (id);

-- migration 17: edited messages
ALTER TABLE messages ADD COLUMN edited_at timestamptz;

-- migration 18: bans
CREATE TABLE bans (
    community_id uuid NOT NULL REFERENCES communities (id) ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    reason text,
    PRIMARY KEY (community_id, user_id)
);

-- migration 19: direct conversations
CREATE TABLE conversations (id uuid PRIMARY KEY, created_at timestamptz NOT NULL DEFAULT now());

-- migration 20: conversation members
CREATE TABLE conversation_members (
    conversation_id uuid NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (conversation_id, user_id)
);

-- migration 21: replies
ALTER TABLE messages ADD COLUMN reply_to uuid REFERENCES messages (id) ON DELETE SET NULL;

-- migration 22: pins
ALTER TABLE messages ADD COLUMN pinned boolean NOT NULL DEFAULT false;

-- migration 23: totp
CREATE TABLE totp (
    user_id uuid PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    secret_encrypted bytea NOT NULL,
    confirmed boolean NOT NULL DEFAULT false
);

-- migration 24: recovery codes
CREATE TABLE recovery_codes (
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    code_hash text NOT NULL,
    PRIMARY KEY (user_id, code_hash)
);

-- migration 25: read markers
CREATE TABLE read_markers (
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    channel_id uuid NOT NULL REFERENCES channels (id) ON DELETE CASCADE,
    message_id uuid REFERENCES messages (id) ON DELETE SET NULL,
    PRIMARY KEY (user_id, channel_id)
);

-- migration 26: custom emojis
CREATE TABLE emojis (
    id uuid PRIMARY KEY,
    community_id uuid NOT NULL REFERENCES communities (id) ON DELETE CASCADE,
    shortcode text NOT NULL,
    file_id uuid NOT NULL REFERENCES files (id)
);

-- migration 27: community banners
ALTER TABLE communities ADD COLUMN banner_id uuid REFERENCES files (id);

-- migration 28: user status
ALTER TABLE users ADD COLUMN status_text text;

-- migration 29: webhooks
CREATE TABLE webhooks (
    id uuid PRIMARY KEY,
    channel_id uuid NOT NULL REFERENCES channels (id) ON DELETE CASCADE,
    token_hash text NOT NULL
);

-- migration 30: audit log
CREATE TABLE audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    actor_id uuid REFERENCES users (id) ON DELETE SET NULL,
    action text NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);

-- migration 31: threads
CREATE TABLE threads (
    id uuid PRIMARY KEY,
    root_id uuid NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    title text
);

-- migration 32: messages in threads
ALTER TABLE messages ADD COLUMN thread_id uuid REFERENCES threads (id) ON DELETE SET NULL;

-- migration 33: notification settings
CREATE TABLE notification_settings (
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    channel_id uuid NOT NULL REFERENCES channels (id) ON DELETE CASCADE,
    level text NOT NULL DEFAULT 'mentions',
    PRIMARY KEY (user_id, channel_id)
);

-- migration 34: blocked users
CREATE TABLE blocks (
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    blocked_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, blocked_id)
);

-- migration 35: channel order
ALTER TABLE channels ADD COLUMN position integer NOT NULL DEFAULT 0;

-- migration 36: polls
CREATE TABLE polls (
    id uuid PRIMARY KEY,
    message_id uuid NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    question text NOT NULL
);

-- migration 37: poll votes
CREATE TABLE poll_votes (
    poll_id uuid NOT NULL REFERENCES polls (id) ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    choice integer NOT NULL,
    PRIMARY KEY (poll_id, user_id)
);

-- migration 38: push subscriptions
CREATE TABLE push_subscriptions (
    endpoint text PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE
);

-- migration 39: scheduled messages
CREATE TABLE scheduled_messages (
    id uuid PRIMARY KEY,
    channel_id uuid NOT NULL REFERENCES channels (id) ON DELETE CASCADE,
    author_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    body text NOT NULL,
    send_at timestamptz NOT NULL
);

-- migration 40: session activity
ALTER TABLE sessions ADD COLUMN last_seen timestamptz;

-- migration 41: community visibility
ALTER TABLE communities ADD COLUMN listed boolean NOT NULL DEFAULT false;

-- migration 42: reports
CREATE TABLE reports (
    id uuid PRIMARY KEY,
    message_id uuid REFERENCES messages (id) ON DELETE SET NULL,
    reporter_id uuid REFERENCES users (id) ON DELETE SET NULL,
    reason text NOT NULL
);

-- migration 43: message search
ALTER TABLE messages
    ADD COLUMN search tsvector GENERATED ALWAYS AS (to_tsvector('simple', body)) STORED;
CREATE INDEX messages_search ON messages USING gin (search);

-- migration 44: longer channel names
ALTER TABLE channels ALTER COLUMN name TYPE varchar(200);

-- migration 45: keep messages of deleted users
ALTER TABLE messages ALTER COLUMN author_id DROP NOT NULL;
ALTER TABLE messages DROP CONSTRAINT messages_author_id_fkey;
ALTER TABLE messages ADD CONSTRAINT messages_author_id_fkey
    FOREIGN KEY (author_id) REFERENCES users (id) ON DELETE SET NULL;

-- migration 46: keep files of deleted users
ALTER TABLE files ALTER COLUMN uploader_id DROP NOT NULL;
ALTER TABLE files DROP CONSTRAINT files_uploader_id_fkey;
ALTER TABLE files ADD CONSTRAINT files_uploader_id_fkey
    FOREIGN KEY (uploader_id) REFERENCES users (id) ON DELETE SET NULL;

-- migration 47: voice rooms
CREATE TABLE voice_rooms (
    channel_id uuid PRIMARY KEY REFERENCES channels (id) ON DELETE CASCADE,
    bitrate integer NOT NULL DEFAULT 64000
);

-- migration 48: voice participants
CREATE TABLE voice_participants (
    channel_id uuid NOT NULL REFERENCES voice_rooms (channel_id) ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (channel_id, user_id)
);

-- migration 49: channel kinds
CREATE TYPE channel_kind AS ENUM ('text', 'voice');
ALTER TABLE channels ADD COLUMN kind channel_kind NOT NULL DEFAULT 'text';

-- migration 50: preferences
CREATE TABLE preferences (
    user_id uuid PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    settings jsonb NOT NULL DEFAULT '{}'
);

-- migration 51: stage channels
ALTER TYPE channel_kind ADD VALUE 'stage';

-- migration 52: update history
CREATE TABLE update_history (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    from_version text NOT NULL,
    to_version text NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);

-- migration 53: message receipts
CREATE TABLE message_receipts (
    message_id uuid NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (message_id, user_id)
);
INSERT INTO message_receipts (message_id, user_id, at)
    SELECT id, author_id, created_at FROM messages WHERE author_id IS NOT NULL;

-- migration 54: topics become purposes
ALTER TABLE channels RENAME COLUMN topic TO purpose;

-- migration 55: purposes are never null
UPDATE channels SET purpose = '' WHERE purpose IS NULL;
ALTER TABLE channels ALTER COLUMN purpose SET DEFAULT '';
ALTER TABLE channels ALTER COLUMN purpose SET NOT NULL;
