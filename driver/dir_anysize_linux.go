package driver

import "syscall"

// anySize lets files of 2 GiB and more be opened where the system has 32 bits. Package os
// adds the flag in os.OpenFile but not in the methods of os.Root. Without the flag the
// kernel answers EOVERFLOW for such a file, and EFBIG when a file is about to become one
// (open(2)).
const anySize = syscall.O_LARGEFILE
