package driver

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"
)

// How a Dir keeps uploads that were acknowledged to a client.
//
// A file is changed in one of two ways. Most changes make a new file under a
// temporary name and rename it: what the name leads to is the old version or the
// new one, whenever the process ends. Adding to a large file (grow) instead
// writes behind the end of the file itself, which would leave a part if the
// process ended in the middle; so the file is marked before.
//
// Locks. Whoever changes which file a name leads to, or writes into a file, holds
// the lock of that file: first this process's own (fileLocks, by the number of the
// file, for all Dirs together), then the system's (an OFD lock on Linux), which
// excludes other processes. Under the locks the name is looked at again: if the name
// leads to another file by now, all begins anew with that file. A file that is not
// opened for writing has a shared OFD lock, which excludes those who write, and the
// lock of flock(2), by which those who don't write exclude one another. Two files
// are locked in the order of their numbers.
//
// An upload that adds to a file or keeps its beginning holds only the uploaded bytes
// in its temporary file, behind a hole as long as the kept part was when the upload
// began. Commit takes the lock and then decides: if the file has gone, or if the
// upload has an offset and the file isn't the same, the upload is refused (450);
// else the hole is filled from the file as it now is, and the temporary file takes
// its place (see dir_exchange.go); or the file grows, as follows.
//
// grow, under the lock, for a file of n bytes and t new ones:
//
//  1. The temporary file is given the attribute that says whose it is.
//  2. The file is given the mark "n t".
//  3. From now on sessions of this process are shown n bytes (growing).
//  4. The t bytes are added, each piece to the end that the file has then: another
//     program that takes no lock may add to it as well.
//  5. The mark is removed. This is the moment at which the file has changed.
//  6. The temporary file is removed.
//
// If the process ends before 5, the system gives up its locks and the mark stays.
// Whoever locks a file that has a mark cuts the file to n bytes first, which is
// right since nobody was told that the bytes are there; Open never reads beyond n
// bytes of such a file. Sweep, at the next start, finds the temporary file, whose
// lock nobody holds, and in its attribute the name of the file. Where the mark can't
// be set or the system has no locks, the file is copied instead.
//
// Temporary files are locked (flock) from the moment they exist until they are gone
// or have their final name. A process that makes one and doesn't get the lock, or
// finds the name gone, has met a sweep and takes another name.
//
// Without Sync the order of these steps on the disk is the file system's affair;
// with Sync each of 2, 4 and 5 is on the disk before the next, and the directory
// before Commit returns, as the name of the file may be new.

// fileLocks are the locks of this process on files, by sysID or else by path.
var fileLocks lockTable

// Errors of files that others use at the same time.
var (
	errNoLock = errors.New("driver: the file system has no locks")
	errLocked = errors.New("driver: another process holds the lock")
)

// lockPatience is how long a change waits for the changes before it.
const lockPatience = 10 * time.Second

// heldFile is a file that is locked in order to change it, or to change what its
// name leads to.
type heldFile struct {
	f      *os.File // nil if it can't even be read
	info   fs.FileInfo
	key    string
	write  bool // f is open for writing
	system bool // other processes are excluded, too
}

// hold locks the regular file that has a name, to write into the file or only to
// change what the name leads to. It returns nil if there is none.
func (d *Dir) hold(ctx context.Context, parent *os.Root, base string, write bool) (*heldFile, error) {
	wait, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	for {
		h, err := openHeld(parent, base, write)
		if h == nil || err != nil {
			return nil, err
		}
		if err := h.lock(wait, false); err != nil {
			if ctx.Err() == nil && wait.Err() != nil {
				err = ErrBusy
			}
			return nil, err
		}
		if fi, err := parent.Lstat(base); err == nil && os.SameFile(fi, h.info) {
			h.info = fi
			if err := h.settle(parent, base); err != nil {
				h.release()
				return nil, err
			}
			return h, nil
		}
		h.release()
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
}

// openHeld opens the regular file that has a name in order to lock the file. It
// returns nil if there is none.
func openHeld(parent *os.Root, base string, write bool) (*heldFile, error) {
	for {
		fi, err := parent.Lstat(base)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, nil
		case err != nil:
			return nil, err
		case !fi.Mode().IsRegular():
			return nil, nil
		}
		h := &heldFile{info: fi, key: lockKey(fi, parent, base)}
		for _, flag := range []int{os.O_RDWR, os.O_RDONLY} {
			if flag == os.O_RDWR && !write {
				continue
			}
			if h.f, err = parent.OpenFile(base, flag|noBlock|anySize, 0); err == nil {
				h.write = flag == os.O_RDWR
				break
			}
		}
		if err != nil {
			h.f = nil
			return h, nil // h.lock excludes this process's own changes at least
		}
		if now, err := h.f.Stat(); err == nil && os.SameFile(now, fi) {
			return h, nil
		}
		h.f.Close() // the name leads to another file by now
	}
}

// lockKey returns the name of a file in fileLocks.
func lockKey(fi fs.FileInfo, parent *os.Root, base string) string {
	if id := sysID(fi); id != "" {
		return id
	}
	return parent.Name() + string(os.PathSeparator) + base
}

// lock waits for the lock of this process and then for the system's.
func (h *heldFile) lock(ctx context.Context, shared bool) error {
	if err := fileLocks.lock(ctx, h.key, shared); err != nil {
		h.close()
		return err
	}
	if h.f == nil {
		return nil
	}
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		err := lockFile(h.f, h.write, shared)
		if h.system = err == nil; !errors.Is(err, errLocked) {
			return nil // a system without locks does without
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			h.release()
			return ctx.Err()
		}
	}
}

// settle removes bytes that a killed process had added to the file, and describes the file
// without them. A file that isn't open for writing is opened once more, because no sweep
// would find the file under another name. Where that is not allowed the file stays as it
// is, and uploads keep no more than ownSize of it.
func (h *heldFile) settle(parent *os.Root, base string) error {
	if !h.system {
		return nil
	}
	if _, _, ok := marked(h.f); !ok {
		return nil
	}
	err := h.undo(parent, base)
	if err == nil {
		h.info, err = h.f.Stat()
	}
	return err
}

func (h *heldFile) undo(parent *os.Root, base string) error {
	if h.write {
		return undoGrowth(h.f)
	}
	f, err := parent.OpenFile(base, os.O_RDWR|noBlock|anySize, 0)
	if err != nil {
		return nil
	}
	defer f.Close()
	if now, err := f.Stat(); err != nil || !os.SameFile(now, h.info) {
		return err
	}
	return undoGrowth(f)
}

// release gives the lock back and closes the file. It may be called on nil. release
// closes the file last: a new file may get the number of a closed file, and would be
// taken for locked.
func (h *heldFile) release() error {
	if h == nil {
		return nil
	}
	h.unlock()
	return h.close()
}

func (h *heldFile) unlock() {
	if h.system {
		unlockFile(h.f, h.write)
	}
	fileLocks.unlock(h.key)
}

func (h *heldFile) close() error {
	if h.f == nil {
		return nil
	}
	return h.f.Close()
}
