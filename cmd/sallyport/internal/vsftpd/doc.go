// Package vsftpd reads configuration files of vsftpd, and translates them into configuration files of Sallyport.
package vsftpd
