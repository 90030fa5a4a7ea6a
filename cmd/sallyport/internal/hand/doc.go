// Package hand lets a process with the rights of a user do what a [driver.FS] does, for a process that has no rights.
//
// [Serve] runs in the process of the user, the hand: it does what the other end of a socket asks of an FS. [Client] is
// that other end, and an FS itself. The bytes of regular files don't go over the socket: a descriptor of the file does,
// for reading or for writing, and whoever has it moves the bytes. Everything else is a message, and so is an upload
// that is short enough: its content goes with its name. Wrappers that look at bytes before they are committed
// ([driver.Inspect]) therefore belong into the hand, and those that refuse by rule or count ([driver.Restrict],
// [driver.Limit]) before the Client.
//
// Messages go over a socket of package channel. Any number of calls are under way at once, each with a number. Neither
// end believes the other: numbers have to be known, a descriptor has to be of a regular file, and whoever sends
// anything else has ended the socket, and with it all that was asked over it.
package hand
