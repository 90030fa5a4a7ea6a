//go:build linux

package hand

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/driver/drivertest"
	"github.com/sallyport/sallyport/internal/test/testenv"
)

// TestMain runs the tests, or the process of a hand.
func TestMain(m *testing.M) {
	if root, ok := os.LookupEnv("HAND_ROOT"); ok {
		dir, err := driver.OpenDir(root)
		if err == nil {
			err = Serve(os.NewFile(3, "socket"), dir)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// here returns the Client of a hand that is a goroutine of this process.
func here(t testing.TB, roots ...driver.FS) *Client {
	t.Helper()
	a, b, err := channel.Pair()
	require.NoError(t, err)
	c, err := NewClient(a, 0)
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- Serve(b, roots...) }()
	t.Cleanup(func() {
		c.Close()
		require.NoError(t, <-served)
	})
	return c
}

// child returns the Client of a hand that is a process of its own, which runs as nobody if root runs the tests.
func child(t testing.TB, root string, patience time.Duration) (*Client, *exec.Cmd) {
	t.Helper()
	a, b, err := channel.Pair()
	require.NoError(t, err)
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "HAND_ROOT="+root)
	cmd.ExtraFiles = []*os.File{b}
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if os.Getuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: 65534, Gid: 65534}
	}
	require.NoError(t, cmd.Start())
	b.Close()
	c, err := NewClient(a, patience)
	require.NoError(t, err)
	t.Cleanup(func() {
		c.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	return c, cmd
}

func openDir(t testing.TB, path string) *driver.Dir {
	t.Helper()
	dir, err := driver.OpenDir(path)
	require.NoError(t, err)
	t.Cleanup(func() { dir.Close() })
	return dir
}

// An FS keeps its contract also through a hand.
func TestFS(t *testing.T) {
	t.Run("atomic", func(t *testing.T) {
		drivertest.Run(t, func(t *testing.T) driver.FS { return here(t, openDir(t, t.TempDir())) })
	})
	t.Run("another root", func(t *testing.T) {
		drivertest.Run(t, func(t *testing.T) driver.FS {
			return here(t, driver.Mem(), openDir(t, t.TempDir())).Root(1)
		})
	})
	t.Run("no files of the system", func(t *testing.T) {
		drivertest.Run(t, func(t *testing.T) driver.FS { return here(t, driver.Mem()) })
	})
	t.Run("asked before", func(t *testing.T) {
		drivertest.Run(t, func(t *testing.T) driver.FS { return asking{here(t, openDir(t, t.TempDir()))} })
	})
	t.Run("in place", func(t *testing.T) {
		drivertest.RunWith(t, drivertest.Options{InPlace: true}, func(t *testing.T) driver.FS {
			dir := openDir(t, t.TempDir())
			dir.Uploads = driver.InPlace
			return here(t, dir)
		})
	})
}

// asking calls CheckStore before each upload, as the server does.
type asking struct{ *Client }

func (a asking) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	a.CheckStore(ctx, name, opts)
	return a.Client.Store(ctx, name, opts)
}

// A descriptor from a hand can be used for what was asked, and for nothing else.
func TestDescriptors(t *testing.T) {
	c := here(t, openDir(t, t.TempDir()))
	u, err := c.Store(t.Context(), "a", driver.StoreOptions{})
	require.NoError(t, err)
	defer u.Close(nil)
	_, err = u.(*upload).f.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.EBADF)
	_, err = u.Write([]byte("content"))
	require.NoError(t, err)
	require.NoError(t, u.Commit())
	r, err := c.Open(t.Context(), "a", 3)
	require.NoError(t, err)
	defer r.Close()
	f, _ := r.(driver.FilePart).Part()
	_, err = f.Write([]byte("x"))
	require.ErrorIs(t, err, syscall.EBADF)
	got, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, "tent", string(got))
}

// An open file is of the same kind as without a hand: a whole file, or a part with an end.
func TestKindsOfFiles(t *testing.T) {
	for uploads, isPart := range map[driver.Uploads]bool{driver.Atomic: true, driver.InPlace: false} {
		dir := openDir(t, t.TempDir())
		dir.Uploads = uploads
		for name, content := range map[string]string{"empty": "", "full": "content"} {
			store(t, dir, name, content)
			r, err := here(t, dir).Open(t.Context(), name, 0)
			require.NoError(t, err)
			_, part := r.(driver.FilePart)
			require.Equal(t, isPart && content != "", part, "%v, %s", uploads, name)
			got, err := io.ReadAll(r)
			require.NoError(t, err)
			require.Equal(t, content, string(got))
			require.NoError(t, r.Close())
		}
	}
}

// Files that are none of the system are read and written in messages, however long they are. What is closed early, or
// left behind by a session that ends, is forgotten.
func TestStreams(t *testing.T) {
	mem := driver.Mem()
	c := here(t, mem)
	content := strings.Repeat("0123456789", maxPiece)
	store(t, c, "a", content)
	store(t, c, "empty", "")
	for name, want := range map[string]string{"a": content, "empty": ""} {
		r, err := c.Open(t.Context(), name, 0)
		require.NoError(t, err)
		got, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, want, string(got))
		require.NoError(t, r.Close())
		_, err = r.Read(make([]byte, 1))
		require.ErrorIs(t, err, fs.ErrClosed)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r, err := c.Open(ctx, "a", 5)
	require.NoError(t, err)
	half := make([]byte, len(content)/2)
	_, err = io.ReadFull(r, half)
	require.NoError(t, err)
	require.Equal(t, content[5:5+len(half)], string(half))
	u, err := c.Store(ctx, "b", driver.StoreOptions{})
	require.NoError(t, err)
	_, err = u.(io.ReaderFrom).ReadFrom(strings.NewReader(content))
	require.NoError(t, err)
	cancel()
	_, err = io.ReadAll(r)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, r.Close())
	require.NoError(t, u.Close(ctx.Err()))
	_, err = mem.Stat(t.Context(), "b")
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// breaking is an FS whose files break off behind some bytes, and whose uploads refuse all bytes.
type breaking struct{ driver.FS }

func (b breaking) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, error) {
	r, err := b.FS.Open(ctx, name, offset)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(io.LimitReader(r, 10), iotest.ErrReader(driver.ErrChanged)), r}, nil
}

func (b breaking) Store(ctx context.Context, name string, opts driver.StoreOptions) (driver.Upload, error) {
	u, err := b.FS.Store(ctx, name, opts)
	return refusing{u}, err
}

type refusing struct{ driver.Upload }

func (refusing) Write([]byte) (int, error) { return 0, driver.ErrQuota }

// A file that breaks off does not end as if it were whole, and an upload that was refused can't be committed.
func TestStreamsBreak(t *testing.T) {
	mem := driver.Mem()
	store(t, mem, "a", strings.Repeat("x", 100))
	c := here(t, breaking{mem})
	r, err := c.Open(t.Context(), "a", 0)
	require.NoError(t, err)
	got, err := io.ReadAll(r)
	require.ErrorIs(t, err, driver.ErrChanged)
	require.Len(t, got, 10)
	require.NoError(t, r.Close())
	u, err := c.Store(t.Context(), "b", driver.StoreOptions{})
	require.NoError(t, err)
	_, err = u.Write([]byte("x"))
	require.ErrorIs(t, err, driver.ErrQuota)
	require.ErrorIs(t, u.Commit(), driver.ErrQuota)
	require.NoError(t, u.Close(err))
}

// The kernel decides what a hand may do.
func TestRights(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can start a process of another user")
	}
	root := shared(t)
	require.NoError(t, os.Chmod(root, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, "secret"), []byte("x"), 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(root, "in"), 0o777))
	require.NoError(t, os.Chmod(filepath.Join(root, "in"), 0o777))
	c, _ := child(t, root, 0)
	_, err := c.Open(t.Context(), "secret", 0)
	require.ErrorIs(t, err, fs.ErrPermission)
	_, err = c.Store(t.Context(), "new", driver.StoreOptions{})
	require.ErrorIs(t, err, fs.ErrPermission)
	store(t, c, "in/new", "mine")
	fi, err := os.Stat(filepath.Join(root, "in/new"))
	require.NoError(t, err)
	require.EqualValues(t, 65534, fi.Sys().(*syscall.Stat_t).Uid)
}

func store(t testing.TB, files driver.FS, name, content string) {
	t.Helper()
	u, err := files.Store(t.Context(), name, driver.StoreOptions{})
	require.NoError(t, err)
	_, err = u.Write([]byte(content))
	require.NoError(t, err)
	require.NoError(t, u.Commit())
	require.NoError(t, u.Close(nil))
}

// When a hand is killed, every call ends, and so do later ones. An upload under way leaves nothing.
func TestKilled(t *testing.T) {
	root := shared(t)
	c, cmd := child(t, root, 0)
	store(t, c, "a", "old")
	u, err := c.Store(t.Context(), "a", driver.StoreOptions{})
	require.NoError(t, err)
	_, err = u.Write([]byte("new"))
	require.NoError(t, err)
	testenv.Stop(t, cmd.Process.Pid)
	asked := make(chan error, 1)
	go func() {
		_, err := c.Stat(t.Context(), "a")
		asked <- err
	}()
	require.NoError(t, cmd.Process.Kill())
	require.ErrorIs(t, <-asked, ErrGone)
	require.ErrorIs(t, u.Commit(), ErrGone)
	require.ErrorIs(t, u.Close(nil), ErrGone)
	_, err = c.Stat(t.Context(), "a")
	require.ErrorIs(t, err, ErrGone)
	got, err := os.ReadFile(filepath.Join(root, "a"))
	require.NoError(t, err)
	require.Equal(t, "old", string(got))
}

// shared returns a directory that every user may write to.
func shared(t testing.TB) string {
	t.Helper()
	root, err := os.MkdirTemp("/tmp", "hand")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(root) })
	require.NoError(t, os.Chmod(root, 0o777))
	return root
}

// When a user stops his own hand, calls end with their context, and when patience is over.
func TestStopped(t *testing.T) {
	c, cmd := child(t, shared(t), 2*time.Second)
	store(t, c, "a", "x")
	testenv.Stop(t, cmd.Process.Pid)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := c.Stat(ctx, "a")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = c.Stat(t.Context(), "a")
	require.ErrorIs(t, err, ErrGone)
}

// A hand with several roots keeps their files apart, and ends if it is asked about a root that it doesn't have.
func TestRoots(t *testing.T) {
	a, b, err := channel.Pair()
	require.NoError(t, err)
	first, err := NewClient(a, 0)
	require.NoError(t, err)
	served := make(chan error, 1)
	dirs := []string{t.TempDir(), t.TempDir()}
	go func() { served <- Serve(b, openDir(t, dirs[0]), openDir(t, dirs[1])) }()
	second := first.Root(1)
	for _, size := range []int{10, 5 * maxPut} {
		for i, c := range []*Client{first, second} {
			store(t, c, "file", strings.Repeat(fmt.Sprint(i), size))
			got, err := os.ReadFile(filepath.Join(dirs[i], "file"))
			require.NoError(t, err)
			require.Equal(t, strings.Repeat(fmt.Sprint(i), size), string(got))
		}
	}
	require.NoError(t, second.Mkdir(t.Context(), "dir"))
	_, err = first.Stat(t.Context(), "dir")
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = first.Root(2).Stat(t.Context(), ".")
	require.ErrorIs(t, err, ErrGone)
	require.ErrorIs(t, <-served, channel.ErrMessage)
}

// When an engine ends, the hand discards its uploads.
func TestServerEnds(t *testing.T) {
	root := t.TempDir()
	a, b, err := channel.Pair()
	require.NoError(t, err)
	c, err := NewClient(a, 0)
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- Serve(b, openDir(t, root)) }()
	u, err := c.Store(t.Context(), "a", driver.StoreOptions{})
	require.NoError(t, err)
	_, err = u.Write([]byte("x"))
	require.NoError(t, err)
	require.NoError(t, c.Close())
	require.NoError(t, <-served)
	left, err := os.ReadDir(root)
	require.NoError(t, err)
	require.Empty(t, left)
}

// When an engine ends without reading its answers, Serve returns nil.
func TestAnswersUnread(t *testing.T) {
	a, b, err := channel.Pair()
	require.NoError(t, err)
	s, err := channel.Open(a, channel.RegularFiles)
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- Serve(b, driver.Mem()) }()
	var w writer
	begin(&w, opStat, 1)
	w.Uint(0)
	w.String(".")
	require.NoError(t, s.Send(w, nil))
	raw, err := s.SyscallConn()
	require.NoError(t, err)
	require.Eventually(t, func() bool { // waits until the answer is there
		n := 0
		raw.Control(func(fd uintptr) { n, _, _ = unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT) })
		return n > 0
	}, time.Minute, time.Millisecond)
	require.NoError(t, s.Close())
	require.NoError(t, <-served)
}

// A hand sends a listing only as fast as it is read, and stops when the rest is not wanted.
func TestListStopsAndGoesOn(t *testing.T) {
	root := t.TempDir()
	for i := range 5000 {
		require.NoError(t, os.WriteFile(fmt.Sprintf("%s/file-%05d", root, i), nil, 0o600))
	}
	c := here(t, openDir(t, root))
	for range 3 {
		n := 0
		for _, err := range c.List(t.Context(), ".") {
			require.NoError(t, err)
			if n++; n == 10 {
				break
			}
		}
		n = 0
		for _, err := range driver.Scan(t.Context(), c, ".", true) {
			require.NoError(t, err)
			n++
		}
		require.Equal(t, 5000, n)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	require.Empty(t, c.calls)
}

// Errors keep their kind and their text through a hand.
func TestErrors(t *testing.T) {
	own := &driver.Error{Code: 552, Text: "No.", Err: driver.ErrQuota}
	for _, err := range []error{own, fmt.Errorf("a: %w", fs.ErrExist), &fs.PathError{Op: "open", Path: "x", Err: syscall.ENOTDIR}, errors.New("other")} {
		c := here(t, &failing{FS: driver.Mem(), err: err})
		_, got := c.Stat(t.Context(), "a")
		require.Error(t, got)
		require.Contains(t, got.Error(), err.Error())
		for _, kind := range channel.Kinds() {
			require.Equal(t, errors.Is(driver.SysError(err), kind), errors.Is(got, kind), "%v: %v", err, kind)
		}
		var told *driver.Error
		require.Equal(t, err == error(own), errors.As(got, &told))
		if told != nil {
			require.Equal(t, own.Code, told.Code)
			require.Equal(t, own.Text, told.Text)
		}
	}
	panicking := here(t, &failing{FS: driver.Mem()})
	_, err := panicking.Stat(t.Context(), "a")
	require.ErrorContains(t, err, "panic")
	for _, err = range panicking.List(t.Context(), ".") {
	}
	require.ErrorContains(t, err, "panic")
	require.NoError(t, panicking.Mkdir(t.Context(), "dir"), "the hand goes on")
}

// failing is an FS whose Stat and List fail, or panic if there is no error.
type failing struct {
	driver.FS
	err error
}

func (f *failing) Stat(context.Context, string) (fs.FileInfo, error) { return nil, f.fail() }

func (f *failing) List(context.Context, string) iter.Seq2[fs.FileInfo, error] {
	return func(yield func(fs.FileInfo, error) bool) { yield(nil, f.fail()) }
}

func (f *failing) fail() error {
	if f.err == nil {
		panic("on purpose")
	}
	return f.err
}

// Whatever one end sends, the other neither panics nor hangs.
func FuzzServe(f *testing.F) {
	var w writer
	begin(&w, opStat, 1)
	w.Uint(0)
	w.String("a")
	f.Add([]byte(w))
	begin(&w, opStat, 1)
	w.Uint(1) // a root that is not there
	w.String("a")
	f.Add([]byte(w))
	begin(&w, opCommit, 2)
	w.Uint(0)
	w.Uint(7)
	w.Int(-1)
	f.Add([]byte(w))
	begin(&w, opList, 3)
	w.Uint(0)
	w.String(".")
	w.Bool(false)
	f.Add([]byte(w))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 {
			return
		}
		a, z, err := channel.Pair()
		require.NoError(t, err)
		served := make(chan error, 1)
		go func() { served <- Serve(z, driver.Mem()) }()
		s, err := channel.Open(a, channel.RegularFiles)
		require.NoError(t, err)
		s.Send(b[:min(len(b), channel.MaxMessage)], nil)
		s.Close()
		<-served
	})
}

func FuzzClient(f *testing.F) {
	var w writer
	begin(&w, opReply, 1)
	w.Failure(fs.ErrExist)
	f.Add([]byte(w))
	begin(&w, opEntries, 1)
	w.Uint(1 << 60)
	f.Add([]byte(w))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 {
			return
		}
		a, z, err := channel.Pair()
		require.NoError(t, err)
		c, err := NewClient(a, 0)
		require.NoError(t, err)
		defer c.Close()
		s, err := channel.Open(z, channel.RegularFiles)
		require.NoError(t, err)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range c.List(t.Context(), ".") {
			}
		}()
		buf := make([]byte, channel.MaxMessage)
		_, _, err = s.Receive(buf)
		require.NoError(t, err)
		s.Send(b[:min(len(b), channel.MaxMessage)], nil)
		s.Close()
		<-done
	})
}

// A short upload is one message: the hand knows nothing of it before Commit. An upload that gets longer is begun
// then, with what was written before.
func TestUploadInOneMessage(t *testing.T) {
	for _, size := range []int{0, 1, maxPut, maxPut + 1, 5 * maxPut} {
		for _, piece := range []int{maxPut / 2, 10 * maxPut} {
			for cause, want := range map[error]bool{nil: true, errors.New("cut off"): false} {
				root := t.TempDir()
				c := asking{here(t, openDir(t, root))}
				u, err := c.Store(t.Context(), "a", driver.StoreOptions{})
				require.NoError(t, err)
				content := strings.Repeat("0123456789", size/10+1)[:size]
				for i := 0; i < size; i += piece {
					_, err := io.WriteString(u, content[i:min(size, i+piece)])
					require.NoError(t, err)
				}
				there, err := os.ReadDir(root)
				require.NoError(t, err)
				require.Equal(t, size > maxPut, len(there) > 0, "a temporary file, with %d bytes", size)
				require.NoError(t, driver.Prepare(u))
				if cause == nil {
					require.NoError(t, u.Commit())
				}
				require.NoError(t, u.Close(cause))
				_, err = u.Write([]byte("x"))
				require.ErrorIs(t, err, fs.ErrClosed)
				require.ErrorIs(t, u.Commit(), fs.ErrClosed)
				got, err := os.ReadFile(filepath.Join(root, "a"))
				require.Equal(t, want, err == nil)
				if want {
					require.Equal(t, content, string(got))
				}
			}
		}
	}
}

// Uploads in place, and uploads that depend on a file that is there, are begun at once.
func TestUploadBegunAtOnce(t *testing.T) {
	root := t.TempDir()
	inPlace := openDir(t, root)
	inPlace.Uploads = driver.InPlace
	for _, c := range []struct {
		dir  *driver.Dir
		opts driver.StoreOptions
	}{
		{inPlace, driver.StoreOptions{}},
		{openDir(t, root), driver.StoreOptions{Append: true}},
		{openDir(t, root), driver.StoreOptions{Offset: 1}},
		{openDir(t, root), driver.StoreOptions{Size: maxPut + 1}},
	} {
		require.NoError(t, os.WriteFile(filepath.Join(root, "a"), []byte("abc"), 0o600))
		u, err := asking{here(t, c.dir)}.Store(t.Context(), "a", c.opts)
		require.NoError(t, err)
		require.NotNil(t, u.(*upload).f, "%+v", c.opts)
		require.NoError(t, u.Close(nil))
	}
	_, err := asking{here(t, openDir(t, root))}.Store(t.Context(), "a", driver.StoreOptions{Exclusive: true})
	require.ErrorIs(t, err, fs.ErrExist)
}

// An upload in one message fails, too, when its context ends or the hand does.
func TestUploadInOneMessageFails(t *testing.T) {
	root := shared(t)
	far, cmd := child(t, root, 0)
	c := asking{far}
	ctx, cancel := context.WithCancel(t.Context())
	ended, err := c.Store(ctx, "a", driver.StoreOptions{})
	require.NoError(t, err)
	cancel()
	require.ErrorIs(t, ended.Commit(), context.Canceled)
	require.NoError(t, ended.Close(nil))
	_, err = c.Store(ctx, "a", driver.StoreOptions{})
	require.ErrorIs(t, err, context.Canceled)

	u, err := c.Store(t.Context(), "no/such/directory", driver.StoreOptions{})
	require.NoError(t, err)
	require.ErrorIs(t, u.Commit(), fs.ErrNotExist)
	require.NoError(t, u.Close(fs.ErrNotExist))

	u, err = c.Store(t.Context(), "a", driver.StoreOptions{})
	require.NoError(t, err)
	require.NoError(t, cmd.Process.Kill())
	<-far.Done()
	require.ErrorIs(t, u.Commit(), ErrGone)
	require.NoError(t, u.Close(nil))
}
