// Package pamhelper has sallyport-pam, a program of its own, ask PAM about logins and open sessions.
package pamhelper
