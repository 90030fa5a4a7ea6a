package driver

import "syscall"

// anySize opens files of 2 GiB and more where the system has 32 bits. Package os adds it to
// the flags of os.OpenFile and not to those of a Root, which the kernel answers with
// EOVERFLOW for such a file, and with EFBIG when one is about to become one (open(2)).
const anySize = syscall.O_LARGEFILE
