// Package passhash knows the hashes of passwords that other programs write down: bcrypt, argon2id, SHA-crypt and
// yescrypt. It compares passwords with them and refuses hashes that would demand too much of each login.
package passhash
