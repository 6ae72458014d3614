-- Version 1. Numbers of rooms and users are small integers, so that keys stay short.

CREATE TABLE meta (
    key   TEXT NOT NULL PRIMARY KEY,
    value ANY  NOT NULL
) STRICT, WITHOUT ROWID;

-- The name of this database: 16 hexadecimal digits from SQLite's generator, which the system's entropy seeds.
INSERT INTO meta VALUES ('epoch', lower(hex(randomblob(8))));

CREATE TABLE room (
    key           INTEGER PRIMARY KEY,
    name          TEXT    NOT NULL UNIQUE,
    gone_seq      INTEGER NOT NULL DEFAULT 0, -- newest event that retention has deleted
    gone_messages INTEGER NOT NULL DEFAULT 0, -- messages up to it
    members       INTEGER NOT NULL DEFAULT 0,
    saved         INTEGER NOT NULL DEFAULT 0  -- read positions that follow from events up to here are in member
) STRICT;

CREATE TABLE user (
    key  INTEGER PRIMARY KEY,
    id   TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL
) STRICT;

CREATE TABLE member (
    room          INTEGER NOT NULL,
    user          INTEGER NOT NULL,
    id            TEXT    NOT NULL, -- user.id again, for lists of members in order
    read_seq      INTEGER NOT NULL,
    read_messages INTEGER NOT NULL,
    PRIMARY KEY (room, user)
) STRICT, WITHOUT ROWID;

CREATE INDEX member_by_user ON member (user);
CREATE INDEX member_by_id ON member (room, id);

-- Events in order of arrival over all rooms, before they are filed in log and send. A few that are filed already may
-- stand here still: those whose seq log has reached.
CREATE TABLE recent (
    ordinal  INTEGER PRIMARY KEY,
    room     INTEGER NOT NULL,
    seq      INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    user     INTEGER NOT NULL,
    name     TEXT    NOT NULL,
    at_ms    INTEGER NOT NULL,
    kind     INTEGER NOT NULL,
    client   ANY,
    body     TEXT
) STRICT;

-- The rooms' logs. Only what is not filed yet comes after a room's last row.
CREATE TABLE log (
    room     INTEGER NOT NULL,
    seq      INTEGER NOT NULL,
    messages INTEGER NOT NULL, -- events of kind 0 up to and including this one
    user     INTEGER NOT NULL,
    name     TEXT    NOT NULL, -- what the user was called then
    at_ms    INTEGER NOT NULL,
    kind     INTEGER NOT NULL, -- 0 message, 1 join, 2 leave
    client   ANY,              -- of a message: its client id; UUIDs as 16 bytes
    body     TEXT,             -- of a message
    PRIMARY KEY (room, seq)
) STRICT, WITHOUT ROWID;

-- Client ids of the messages in log, for idempotency. The client id comes before the user, so that ids which grow with time are appended.
CREATE TABLE send (
    room   INTEGER NOT NULL,
    client ANY     NOT NULL,
    user   INTEGER NOT NULL,
    seq    INTEGER NOT NULL,
    PRIMARY KEY (room, client, user)
) STRICT, WITHOUT ROWID;
