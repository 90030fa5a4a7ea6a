// Package passhash compares passwords with hashes in the forms of other programs: bcrypt, argon2id, SHA-crypt
// and yescrypt. It refuses hashes that would cost each login too much.
package passhash
