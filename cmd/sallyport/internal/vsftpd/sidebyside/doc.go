// Package sidebyside holds the test that compares sallyport vsftpd with Debian's vsftpd: both serve by the same files,
// hear the same commands, and have to answer the same, but for what docs/vsftpd.md says is different.
package sidebyside
