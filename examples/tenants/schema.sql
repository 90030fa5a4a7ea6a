-- A tenant is a company with files of its own.
CREATE TABLE IF NOT EXISTS tenant (
	name  TEXT PRIMARY KEY,                   -- the name of its directory, too
	quota INTEGER NOT NULL DEFAULT 1000000000 -- bytes that it may store
) STRICT;

-- A user logs in for a tenant.
CREATE TABLE IF NOT EXISTS user (
	name          TEXT PRIMARY KEY,
	tenant        TEXT NOT NULL REFERENCES tenant,
	hash          TEXT NOT NULL DEFAULT '',    -- of the password, by driver.HashPassword; empty for none
	certificate   TEXT NOT NULL DEFAULT '',    -- fingerprint of the client certificate that must be shown; empty for none
	upload_rate   INTEGER NOT NULL DEFAULT 0,  -- bytes per second, 0 for any number
	download_rate INTEGER NOT NULL DEFAULT 0,
	sessions      INTEGER NOT NULL DEFAULT 0,  -- at once, 0 for any number
	closed        TEXT NOT NULL DEFAULT ''     -- why the user may not log in, in words for the user
) STRICT;

-- A folder is a directory of the tenant that a user sees; there are no others.
CREATE TABLE IF NOT EXISTS folder (
	user   TEXT NOT NULL REFERENCES user,
	name   TEXT NOT NULL,
	rights TEXT NOT NULL,                -- letters: r reads, w adds files, d replaces, renames and deletes them
	PRIMARY KEY (user, name)
) STRICT;

-- What happened, by session.
CREATE TABLE IF NOT EXISTS audit (
	time    TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
	session TEXT NOT NULL,
	user    TEXT NOT NULL,
	peer    TEXT NOT NULL,
	event   TEXT NOT NULL,               -- login, logout or a command, and what it took the path from
	path    TEXT NOT NULL,
	bytes   INTEGER NOT NULL,
	error   TEXT NOT NULL                -- empty for a success
) STRICT;
CREATE INDEX IF NOT EXISTS audit_session ON audit (session);
