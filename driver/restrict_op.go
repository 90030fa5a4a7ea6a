package driver

// Op is something that a session is about to do with a name: see [Restrict].
type Op string

// Values of Op, each with the commands that lead to it.
const (
	// OpStat sees that a name is there, what it is and where it leads if it is a
	// link: SIZE, MDTM, MLST, STAT, CWD, and each entry of a listing.
	OpStat Op = "stat"
	// OpList lists a directory: LIST, NLST, MLSD, STAT.
	OpList Op = "list"
	// OpRead reads a file or learns its checksum: RETR, HASH, the sources of COMB
	// and SITE CPTO.
	OpRead Op = "read"
	// OpStore makes, replaces or adds to a file: STOR, APPE, STOU, the targets of
	// COMB and SITE CPTO.
	OpStore Op = "store"
	// OpReplace replaces or adds to a file that has the name already. OpStore and
	// OpRenameTo need it as well, unless the name is free.
	OpReplace Op = "replace"
	// OpMkdir makes a directory: MKD, SITE MKDIR.
	OpMkdir Op = "mkdir"
	// OpRemove removes a file or a link: DELE, the sources of COMB.
	OpRemove Op = "remove"
	// OpRemoveDir removes an empty directory: RMD, SITE RMDIR.
	OpRemoveDir Op = "rmdir"
	// OpRename takes a name away from a file or directory, and from all that is in
	// it: RNFR for the name itself, before the client sends the new one, and RNTO for
	// all once more.
	OpRename Op = "rename"
	// OpRenameTo gives a name to what is being renamed, and to all that is in it:
	// RNTO.
	OpRenameTo Op = "rename to"
	// OpSetTimes sets times: MFMT, MFCT, MFF, SITE UTIME.
	OpSetTimes Op = "set times"
	// OpSetMode sets permission bits: SITE CHMOD, MFF.
	OpSetMode Op = "set mode"
	// OpSetGroup sets the group: SITE CHGRP, MFF.
	OpSetGroup Op = "set group"
	// OpSymlink makes a symbolic link of that name: SITE SYMLINK.
	OpSymlink Op = "symlink"
	// OpSymlinkTo makes a symbolic link lead to the name, which need not be there.
	OpSymlinkTo Op = "symlink to"
	// OpSpace learns how much may still be stored: AVBL.
	OpSpace Op = "space"
)
