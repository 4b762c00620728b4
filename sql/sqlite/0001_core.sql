-- Rows of the metadata store. Times are microseconds since 1970 in UTC, hashes are 32 raw bytes,
-- names compare by bytes.

-- A deleted warehouse keeps its row: numbers are never used again, names are free at once.
CREATE TABLE warehouses (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    name           TEXT    NOT NULL,
    location       TEXT    NOT NULL,
    default_branch TEXT    NOT NULL,
    client_gc      INTEGER NOT NULL CHECK (client_gc IN (0, 1)),
    created_at     INTEGER NOT NULL,
    deleted        INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1))
) STRICT;
CREATE UNIQUE INDEX warehouses_name ON warehouses (name) WHERE deleted = 0;

-- kind: 1 branch, 2 tag.
CREATE TABLE refs (
    warehouse  INTEGER NOT NULL,
    name       TEXT    NOT NULL,
    kind       INTEGER NOT NULL CHECK (kind IN (1, 2)),
    head       BLOB    NOT NULL CHECK (length(head) = 32),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (warehouse, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX refs_kind ON refs (warehouse, kind, name);

-- action: 1 create, 2 commit, 3 merge, 4 reset, 5 delete, 6 restore. Rows are never changed.
-- Time never decreases with sequence, so both secondary indexes mostly grow at their ends.
CREATE TABLE ref_log (
    warehouse INTEGER NOT NULL,
    sequence  INTEGER NOT NULL CHECK (sequence > 0),
    name      TEXT    NOT NULL,
    kind      INTEGER NOT NULL CHECK (kind IN (1, 2)),
    action    INTEGER NOT NULL CHECK (action BETWEEN 1 AND 6),
    head_from BLOB             CHECK (length(head_from) = 32),
    head_to   BLOB             CHECK (length(head_to) = 32),
    actor     TEXT    NOT NULL,
    reason    TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    previous  BLOB    NOT NULL CHECK (length(previous) = 32),
    hash      BLOB    NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (warehouse, sequence)
) STRICT, WITHOUT ROWID;
CREATE INDEX ref_log_name ON ref_log (warehouse, name, sequence);
CREATE INDEX ref_log_at ON ref_log (warehouse, at, sequence);

-- Rows lie in the order they arrived; only the index is ordered by the (random) id.
-- root: pack << 24 | offset, 0 if the tree is not stored.
CREATE TABLE commits (
    number     INTEGER PRIMARY KEY,
    warehouse  INTEGER NOT NULL,
    id         BLOB    NOT NULL CHECK (length(id) = 32),
    root       INTEGER NOT NULL,
    bytes      BLOB    NOT NULL,
    operations BLOB    NOT NULL
) STRICT;
CREATE UNIQUE INDEX commits_id ON commits (warehouse, id);

-- A pack is cut into pieces of 64 KiB, so that a blob deep inside is found without reading what is
-- before it. number: pack << 8 | piece, pieces from 0.
CREATE TABLE packs (
    number INTEGER PRIMARY KEY,
    bytes  BLOB NOT NULL
) STRICT;

CREATE TABLE idempotency (
    number     INTEGER PRIMARY KEY,
    warehouse  INTEGER NOT NULL,
    key        TEXT    NOT NULL,
    request    BLOB    NOT NULL CHECK (length(request) = 32),
    answer     BLOB    NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX idempotency_key ON idempotency (warehouse, key);
CREATE INDEX idempotency_expires_at ON idempotency (expires_at);

CREATE TABLE pending_files (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    location TEXT NOT NULL,
    bytes    BLOB NOT NULL
) STRICT;

-- Written once after a commit whose outcome was unknown, so that the outcome can change no more.
CREATE TABLE fence (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    count INTEGER NOT NULL
) STRICT;
INSERT INTO fence (id, count) VALUES (1, 0);
