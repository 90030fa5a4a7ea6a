// Package hand lets a process with the rights of a user do what a [driver.FS] does, for a process that has no rights.
//
// [Serve] runs in the process of the user, called the hand, and does what it is asked over a socket. [Client] is the
// other end, and a driver.FS itself. The bytes of regular files don't go over the socket: the hand passes a descriptor
// of the file, and the client reads or writes the file. Everything else is a message. So is a short upload, whose
// content goes with its name. So wrappers that look at bytes before they are committed ([driver.Inspect]) belong into
// the hand, and wrappers that refuse by rule or count ([driver.Restrict], [driver.Limit]) around the Client.
//
// Messages go over a socket of package channel. Any number of calls may be under way at once, each with a number.
// Neither end trusts the other: a number has to be known, and a descriptor has to be of a regular file. A message that
// breaks these rules ends the socket, and with it all calls.
package hand
