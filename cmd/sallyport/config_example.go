package main

import (
	"fmt"
	"reflect"
	"strings"
)

// exampleConfig returns a configuration file with every option, commented out.
func exampleConfig() string {
	var b strings.Builder
	b.WriteString("# The configuration of sallyport serve. It is read from " + usualConfig + ", or from the file\n" +
		"# that --config names. conf.d/*.toml beside it is read after it. What stands here is what\n" +
		"# holds anyway, or an example. SIGHUP has all read again.\n")
	for _, e := range new(settings).entries() {
		if e.toml == "" {
			continue
		}
		fmt.Fprintf(&b, "\n# %s\n", strings.ReplaceAll(e.help, "\n", "\n# "))
		if e.when == atStart {
			b.WriteString("# (a change takes effect at the next start)\n")
		}
		if !e.isDefault() {
			b.WriteString("# for example:\n")
		}
		fmt.Fprintf(&b, "#%s = %s\n", e.name, e.toml)
	}
	b.WriteString(exampleUsers)
	return b.String()
}

// isDefault reports whether the value that the entry's line shows is the default of
// the option.
func (e *entry) isDefault() bool {
	if e.isList() {
		return false // every list is empty by default
	}
	s := defaults()
	find(s.options(), e.name).set(strings.Trim(e.toml, `"`))
	return reflect.DeepEqual(s, defaults())
}

const exampleUsers = `
# Users. Each has a table, and so has each group: what the group of a user says holds unless
# the user's own table says something else. Without any user one is made for each run.
# password is a hash, as sallyport config password prints it.
#[user.alice]
#group = "customers"
#password = "$2y$10$8es9iEKGKxZ.LBLNQJ7dRutJ6e.v0h0XcQOTb6WcXqcZk.eqec4.K"

# A certificate of client-ca whose common name is alice logs in without a password.
#certificate-login = true
# Whether alice is a user of this host, whose password system-users or pam judge.
#host-login = false

# Who calls himself anonymous or ftp gets in with any password, and can change nothing unless
# read-only = false stands here. The other keys are those of users, besides whether nobody is
# asked for a password, and files with the passwords, a line each, that are accepted, or not.
#[anonymous]
#home = "/srv/ftp/public"
#no-password = false
#passwords = "/etc/sallyport/addresses"
#refused-passwords = "/etc/sallyport/refused-addresses"

#[group.customers]
# The directory that the user sees; {user} is the name, and dir is where relative ones begin.
#home = "/srv/ftp/{user}"
# With whose rights its files are touched, with run-as: a user of this host, or UID:GID.
#system-user = "ftp"
# What the user sees as / if that is more than the home, such as "/": sessions start in the home.
#root = ""
# Where below the home sessions start.
#start = "in"
# Directories that the user sees there besides, by name, and buckets, of which prefix = "a/b"
# names a part; with folders and without home there is nothing else.
#folders = { pub = { dir = "/srv/ftp/pub" }, old = { bucket = "exchange", read-only = true } }
# Whether nothing can be changed, and names that can't be seen nor made.
#read-only = false
#hidden = [".*"]
# Whether files that are there can't be replaced nor added to, whether only those that everybody
# on this host may read can be fetched, and the only names that can be fetched, or stored.
#no-replace = false
#world-readable-only = false
#fetchable = ["*"]
#storable = ["*"]
# As uploads above.
#uploads = "atomic"
# With run-as: to whom files are given when they are complete, and their mode then.
#give-uploads-to = "root"
#given-mode = "0600"
# Rights that new files and directories don't have.
#umask = "022"
# The mode of new files, less the umask.
#file-mode = "0666"
# How much the home may hold, and bytes per second of all sessions of the user together.
#quota = "10 GiB"
#rate-up = "5 MiB/s"
#rate-down = "5 MiB/s"
# Sessions at once, and how long one may be idle.
#sessions = 10
#idle-timeout = "5m"
# Commands that are answered with 502.
#disable = ["SITE CHMOD"]
# From where logins are allowed, and from which day on not any more.
#networks = ["192.0.2.0/24", "2001:db8::/32"]
#expires = 2030-01-31
# What is refused besides what the options refuse: logins in clear, transfers in clear, data
# connections that don't resume the session's TLS, logins without a client certificate whose
# common name is the user's.
#require-tls = true
#require-private = true
#require-session-reuse = true
#require-certificate = true

# A bucket of Amazon S3, or of a store like it, for folders. The file keys has lines
# access-key = "..." and secret-key = "...".
#[bucket.exchange]
#endpoint = "s3.eu-central-1.amazonaws.com"
#region = "eu-central-1"
# Its name, if it is another than that of the table.
#bucket = "exchange"
#keys = "/etc/sallyport/exchange.keys"
# Whether the store is reached without TLS.
#insecure-http = false
`
