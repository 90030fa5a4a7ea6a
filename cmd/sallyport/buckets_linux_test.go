package main

import (
	stdtls "crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	s3keys "github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/test/objectstore"
	"github.com/sallyport/sallyport/internal/test/testenv"
)

// bucketed is an object store with the bucket exchange, and the file with its keys.
type bucketed struct {
	*objectstore.Server
	client *minio.Client
	keys   string
	helper string // the program that reaches buckets
	secure bool   // the store speaks TLS
}

// bucketHelper builds sallyport-s3 once, in a directory that everybody may enter.
var bucketHelper = sync.OnceValues(func() (string, error) {
	file := filepath.Join(buildDir, "s3", usualBucketHelper)
	out, err := exec.Command("go", "build", "-o", file, "./"+usualBucketHelper).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return file, os.Chmod(buildDir, 0o755) // for the user of run-as
})

func startStore(t *testing.T, options ...string) *bucketed {
	t.Helper()
	testenv.NeedRoot(t)
	b := &bucketed{Server: objectstore.Start(t, options...), keys: filepath.Join(t.TempDir(), "keys.toml")}
	b.secure = slices.Contains(options, "--cert")
	b.setKeys(t, objectstore.SecretKey)
	var err error
	b.helper, err = bucketHelper()
	require.NoError(t, err)
	transport := &http.Transport{TLSClientConfig: &stdtls.Config{InsecureSkipVerify: true}}
	t.Cleanup(transport.CloseIdleConnections)
	b.client, err = minio.New(b.Addr, &minio.Options{Transport: transport, Creds: s3keys.NewStaticV4(objectstore.AccessKey, objectstore.SecretKey, ""), Region: objectstore.Region, Secure: b.secure})
	require.NoError(t, err)
	require.NoError(t, b.client.MakeBucket(t.Context(), "exchange", minio.MakeBucketOptions{}))
	return b
}

func (b *bucketed) setKeys(t *testing.T, secret string) {
	t.Helper()
	require.NoError(t, os.WriteFile(b.keys, fmt.Appendf(nil, "access-key = %q\nsecret-key = %q\n", objectstore.AccessKey, secret), 0o600))
}

// option returns the line of the configuration that names the program which reaches buckets.
func (b *bucketed) option() string { return fmt.Sprintf("s3-helper = %q\n", b.helper) }

// tables returns the tables of the bucket and of alice's folders: "store", what is below her name in the bucket, and
// "all", which is read-only.
func (b *bucketed) tables() string {
	return fmt.Sprintf(`[bucket.far]
endpoint = %q
region = %q
bucket = "exchange"
keys = %q
insecure-http = true
[user.alice.folders]
store = { bucket = "far", prefix = "of/{user}" }
all = { bucket = "far", read-only = true }
`, b.Addr, objectstore.Region, b.keys)
}

// object returns the content of an object.
func (b *bucketed) object(t *testing.T, key string) string {
	t.Helper()
	o, err := b.client.GetObject(t.Context(), "exchange", key, minio.GetObjectOptions{})
	require.NoError(t, err)
	content, err := io.ReadAll(o)
	require.NoError(t, err)
	return string(content)
}

// tryBuckets has alice use her folders, and returns with the store stopped and started again.
func (b *bucketed) tryBuckets(t *testing.T, s *splitServer) {
	t.Helper()
	c := s.mustDial(t, "alice")
	for name, size := range map[string]int{"small": 10, "large": 9 << 20} { // the latter has two parts
		content := strings.Repeat("x", size)
		require.NoError(t, c.Put("STOR store/"+name, content))
		require.Equal(t, content, b.object(t, "of/alice/"+name))
		for _, name := range []string{"store/" + name, "all/of/alice/" + name} {
			got, err := c.Get("RETR " + name)
			require.NoError(t, err)
			require.Equal(t, content, got)
		}
	}
	names, err := c.Get("NLST store")
	require.NoError(t, err)
	require.Len(t, strings.Fields(names), 2)
	require.ErrorContains(t, c.Put("STOR all/x", "x"), "550")
	_, err = c.Cmd(257, "MKD store/dir")
	require.NoError(t, err)
	_, err = c.Cmd(350, "RNFR store/small")
	require.NoError(t, err)
	_, err = c.Cmd(250, "RNTO store/dir/moved")
	require.NoError(t, err)
	require.Equal(t, "xxxxxxxxxx", b.object(t, "of/alice/dir/moved"))
	require.NoError(t, c.Put("STOR own", "x"))

	b.Stop()
	const away = "451 The store of these files can't be reached just now."
	require.ErrorContains(t, c.Put("STOR store/new", "x"), away)
	_, err = c.Get("RETR store/large")
	require.ErrorContains(t, err, away)
	_, err = c.Get("NLST store")
	require.ErrorContains(t, err, away)
	_, err = c.Cmd(451, "SIZE all/of/alice/large")
	require.NoError(t, err)
	other := s.mustDial(t, "alice") // nobody has to wait for the store
	for _, c := range []interface{ Get(string) (string, error) }{c, other} {
		got, err := c.Get("RETR own")
		require.NoError(t, err)
		require.Equal(t, "x", got)
		names, err := c.Get("NLST")
		require.NoError(t, err)
		require.ElementsMatch(t, []string{"own", "store", "all"}, strings.Fields(names))
	}
	objectstore.StartAt(t, b.Addr, b.Dir)
	require.NoError(t, c.Put("STOR store/new", "x"))
	require.Equal(t, "x", b.object(t, "of/alice/new"))
}

// A bucket has a hand of its own, without files and with the keys, which are told to nobody else. The end of that hand
// is the end of nothing else.
func TestSplitBuckets(t *testing.T) {
	b := startStore(t)
	s := startSplit(t, b.option(), 3)
	s.rewrite(t, s.text(b.option(), b.tables()), reread)
	b.tryBuckets(t, s)
	c := s.mustDial(t, "alice")
	hands := s.bucketHands(t)
	require.Len(t, hands, 2)
	for _, p := range hands {
		require.Equal(t, engineUID, p.UID)
		require.Empty(t, p.Dir)
		require.Empty(t, p.Folders)
		environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.PID))
		require.NoError(t, err)
		require.NotContains(t, string(environ), objectstore.SecretKey)
		memory, err := os.Stat(fmt.Sprintf("/proc/%d/mem", p.PID))
		require.NoError(t, err)
		require.Zero(t, memory.Sys().(*syscall.Stat_t).Uid, "processes of the same user can't read the memory")
	}
	out, code := s.ask(t, nil, "status")
	require.Zero(t, code)
	require.Contains(t, out, fmt.Sprintf("of user 20000 %s/exchange/of/alice", b.Addr))
	require.NotContains(t, out, objectstore.SecretKey)

	require.NoError(t, syscall.Kill(hands[0].PID, syscall.SIGKILL))
	require.NoError(t, syscall.Kill(hands[1].PID, syscall.SIGKILL))
	require.Eventually(t, func() bool {
		err := c.Put("STOR store/late", "x")
		return err != nil && strings.Contains(err.Error(), errBucketGone.Text)
	}, time.Minute, 10*time.Millisecond)
	got, err := c.Get("RETR own")
	require.NoError(t, err, "the session goes on")
	require.Equal(t, "x", got)
	require.NoError(t, s.mustDial(t, "alice").Put("STOR store/late", "again"))
	require.Equal(t, "again", b.object(t, "of/alice/late"))
}

// When the hand of a bucket is killed under load, whatever its sessions do hears one reply that says so, no part of a
// file appears, and who logs in again is served.
func TestSplitBucketKilled(t *testing.T) {
	b := startStore(t)
	s := startSplit(t, b.option(), 3)
	s.rewrite(t, s.text(b.option(), b.tables()), reread)
	b.tryKills(t, s, func() (all []int) {
		for _, p := range s.bucketHands(t) {
			all = append(all, p.PID)
		}
		return all
	})
}

// tryKills has clients use the bucket while its processes are killed.
func (b *bucketed) tryKills(t *testing.T, s *splitServer, processes func() []int) {
	t.Helper()
	sizes := map[string]int{"small": 10, "large": 9 << 20}
	end := make(chan struct{})
	var clients sync.WaitGroup
	var stored, cut atomic.Int64
	for name, size := range sizes {
		for i := range 2 {
			clients.Go(func() {
				content, name := strings.Repeat("x", size), fmt.Sprint(name, i)
				for {
					c, err := s.dial(t, "alice")
					if err != nil && strings.Contains(err.Error(), "421 Logins are not possible at the moment. Try again.") {
						continue // the hand was killed at the moment of the login
					}
					if !assert.NoError(t, err, "the login after the end of a hand") {
						return
					}
					for err == nil {
						select {
						case <-end:
							return
						default:
						}
						if err = c.Put("STOR store/"+name, content); err == nil {
							stored.Add(1)
							var got string
							if got, err = c.Get("RETR store/" + name); err == nil {
								assert.Equal(t, len(content), len(got))
							}
						}
					}
					cut.Add(1)
					if !strings.Contains(err.Error(), errBucketGone.Text) { // the data connection has ended before the reply was read
						_, err = c.Expect(226)
					}
					if !assert.ErrorContains(t, err, "451 "+errBucketGone.Text) {
						return
					}
					_, err = c.Cmd(451, "SIZE store/"+name)
					assert.NoError(t, err, "the old session goes on")
					c.Close()
				}
			})
		}
	}
	for range 5 {
		before := stored.Load()
		require.Eventually(t, func() bool { return stored.Load() > before+10 }, time.Minute, time.Millisecond, "served again")
		before = cut.Load()
		require.Eventually(t, func() bool {
			for _, pid := range processes() {
				syscall.Kill(pid, syscall.SIGKILL) // it may have ended already
			}
			return cut.Load() > before
		}, time.Minute, 50*time.Millisecond)
	}
	close(end)
	clients.Wait()
	for o := range b.client.ListObjects(t.Context(), "exchange", minio.ListObjectsOptions{Recursive: true}) {
		require.NoError(t, o.Err)
		if size, ok := sizes[strings.TrimRight(filepath.Base(o.Key), "0123456789")]; ok {
			require.EqualValues(t, size, o.Size, o.Key)
		}
	}
	require.NoError(t, s.mustDial(t, "alice").Put("STOR store/late", "x"))
}

// A server in one process without privileges has buckets, too: their program is a plain child of it, and ends with it.
func TestBucketsOfOneProcess(t *testing.T) {
	b := startStore(t)
	s := startWholeWith(t, "", func(cmd *exec.Cmd) {
		cmd.Args = append(cmd.Args, "--s3-helper", b.helper)
		all := filepath.Dir(filepath.Dir(b.keys)) // of all temporary directories of this test
		require.NoError(t, exec.Command("chown", "-R", fmt.Sprint(engineUID), all).Run())
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: engineUID, Gid: engineUID}}
	})
	text, err := os.ReadFile(s.file)
	require.NoError(t, err)
	s.rewrite(t, string(text)+b.tables(), reread)
	b.tryBuckets(t, s)
	children := childrenOf(t, s.Process.Pid)
	require.Len(t, children, 2)
	for _, pid := range children {
		require.Equal(t, strings.TrimSpace(strings.Repeat(fmt.Sprint(engineUID, " "), 4)), of(t, pid, "Uid"))
	}
	b.tryKills(t, s, func() []int { return childrenOf(t, s.Process.Pid) })
	s.wantLog(t, `msg="the process of a bucket has ended" of=`+b.Addr+"/exchange/of/alice ")
	children = childrenOf(t, s.Process.Pid)
	s.terminate(t)
	require.Zero(t, s.end(t))
	for _, pid := range children {
		require.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH)
	}
}

// childrenOf returns the children of a process.
func childrenOf(t *testing.T, parent int) (all []int) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	require.NoError(t, err)
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(filepath.Join("/proc", e.Name(), "stat"))
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(stat), ") ") // "123 (sallyport-s3) S 122 ..."
		if fields := strings.Fields(rest); len(fields) > 1 && fields[0] != "Z" && fields[1] == strconv.Itoa(parent) {
			all = append(all, pid)
		}
	}
	return all
}

// bucketHands returns the hands of buckets.
func (s *splitServer) bucketHands(t *testing.T) (all []systemProcess) {
	t.Helper()
	for _, p := range told[status](t, s.controlled, "status").Processes {
		if p.Part == partBucket {
			all = append(all, p)
		}
	}
	return all
}

// The store is reached by name and with TLS, although its hand can read neither where name servers are nor, once it
// serves, which certificates to trust.
func TestSplitBucketByName(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeCertificate(t, cert, key)
	b := startStore(t, "--cert", cert, "--key", key)
	text, err := os.ReadFile(cert)
	require.NoError(t, err)
	var trust string
	s := startSplitWith(t, b.option(), 3, func(cmd *exec.Cmd) {
		trust = filepath.Join(filepath.Dir(filepath.Dir(cmd.Args[slices.Index(cmd.Args, "--control")+1])), "trust.pem")
		require.NoError(t, os.WriteFile(trust, text, 0o644))
		cmd.Env = append(cmd.Env, "SSL_CERT_FILE="+trust)
	})
	_, port, err := net.SplitHostPort(b.Addr)
	require.NoError(t, err)
	tables := strings.NewReplacer(b.Addr, net.JoinHostPort("localhost", port), "insecure-http = true", "").Replace(b.tables())
	s.rewrite(t, s.text(b.option(), tables), reread)
	require.NoError(t, s.mustDial(t, "alice").Put("STOR store/a", "x"))

	s.rewrite(t, s.text(b.option(), strings.Replace(tables, "localhost", "no-such-host.invalid", 1)), reread)
	require.ErrorContains(t, s.mustDial(t, "alice").Put("STOR store/a", "y"), "451 The store of these files can't be reached just now.")
}

// A server whose program for buckets is missing does not start, and says how to get it.
func TestBucketHelperMissing(t *testing.T) {
	testenv.NeedRoot(t)
	b := startStore(t)
	file := configure(t, fmt.Sprintf("run-as = \"20000:20000\"\nsystem-user = \"20001:20001\"\ns3-helper = \"/no/such/program\"\nhome = \"/srv\"\n[user.alice]\npassword = %q\n%s", hash, b.tables()))
	s, err := load("serve", []string{"--config", file, "--control="}, nil)
	require.NoError(t, err)
	_, err = checked(t.Context(), s, nil)
	require.ErrorContains(t, err, "sallyport.toml:3:1: s3-helper: there is no /no/such/program, which reaches buckets")
	require.ErrorContains(t, err, "go install github.com/sallyport/sallyport/cmd/sallyport/sallyport-s3@latest")
}

// No process of the server but that of a bucket has the client for stores, which would have each hand start more
// slowly.
func TestNoClientForStores(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	require.NoError(t, err)
	require.Contains(t, string(out), "/internal/hand\n")
	require.NotContains(t, string(out), "minio")
}

// A reload reads the keys again. Sessions of before keep their hand, with the keys of before.
func TestSplitBucketKeys(t *testing.T) {
	b := startStore(t)
	b.setKeys(t, "wrong")
	s := startSplit(t, b.option(), 3)
	s.rewrite(t, s.text(b.option(), b.tables()), reread)
	before := s.mustDial(t, "alice")
	require.Error(t, before.Put("STOR store/a", "x"))
	require.NoError(t, before.Put("STOR a", "x"))
	b.setKeys(t, objectstore.SecretKey)
	s.hangUp(t, reread)
	require.NoError(t, s.mustDial(t, "alice").Put("STOR store/a", "x"))
	require.Error(t, before.Put("STOR store/a", "y"))
	require.Len(t, s.bucketHands(t), 4)
	require.Equal(t, "x", b.object(t, "of/alice/a"))
}

// An account may have a bucket in place of a home, and then needs no other hand. config check tries to reach buckets.
func TestSplitBucketAlone(t *testing.T) {
	b := startStore(t)
	s := startSplit(t, b.option(), 3)
	home := fmt.Sprintf("home = %q\n", filepath.Join(s.homes, "alice"))
	text := strings.Replace(s.text(b.option()), home, "", 1) + b.tables() + "\".\" = { bucket = \"far\", prefix = \"root\" }\n"
	s.rewrite(t, text, reread)
	c := s.mustDial(t, "alice")
	require.NoError(t, c.Put("STOR a", "x"))
	require.Equal(t, "x", b.object(t, "root/a"))
	require.NoError(t, c.Put("STOR store/a", "y"))
	require.Equal(t, "y", b.object(t, "of/alice/a"))
	require.Empty(t, s.handsOf(t, aliceUID))
	got := output(t, "config", "check", s.homes, "--config", s.file, "--control=")
	require.Contains(t, got, "unwise: bucket far: insecure-http: anybody on the way to "+b.Addr+" can read files")
	require.NotContains(t, got, "unwise: bucket far: s3")
	b.Stop()
	got = output(t, "config", "check", s.homes, "--config", s.file, "--control=")
	require.Contains(t, got, `unwise: bucket far: s3: bucket "exchange": `)
}

// An upgrade leaves the sessions of before their buckets.
func TestUpgradeBuckets(t *testing.T) {
	b := startStore(t)
	u := startUpgradable(t, b.option(), 3, func(*exec.Cmd) {})
	u.rewrite(t, u.text(b.option(), b.tables()), reread)
	c := u.mustLogin(t, "alice")
	require.NoError(t, there(c, "store/before"))
	u.upgrade(t)
	require.NoError(t, there(c, "store/between"))
	require.NoError(t, there(u.mustLogin(t, "alice"), "store/after"))
	require.NoError(t, c.Login("alice", "secret")) // in the engine of before, which gets the same hands
	require.NoError(t, there(c, "store/again"))
	require.Len(t, u.bucketHands(t), 4)
}
