// Package pamhelper has the program sallyport-pam ask PAM about logins and open sessions.
package pamhelper
