package ftpstest_test

import (
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/ftpstest"
	"github.com/sallyport/sallyport/internal/test/ftpclient"
	"github.com/sallyport/sallyport/internal/test/testenv"
)

// content is more than TLS gathers before it sends, so that a cut comes in the
// middle of what is under way.
var content = strings.Repeat("0123456789abcde\n", 40_000)

// startWith starts a server that has a big file and faults.
func startWith(t *testing.T, faults ...string) *ftpstest.Server {
	t.Helper()
	c := ftpstest.Config{}
	for _, text := range faults {
		f, err := ftpstest.ParseFault(text)
		require.NoError(t, err)
		c.Faults = append(c.Faults, f)
	}
	srv := c.Start(t)
	srv.WriteFile("big", content)
	return srv
}

// login returns a client that has logged in and needn't say goodbye.
func login(t *testing.T, srv *ftpstest.Server) *ftpclient.Client {
	t.Helper()
	c, err := ftpclient.Dial(srv.Addr, false, srv.ClientTLS(), srv.User, srv.Password)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// get returns what arrives of a download, how the download ended, and the
// reply's error.
func get(t *testing.T, c *ftpclient.Client, line string) (got string, end, reply error) {
	t.Helper()
	data, err := c.Open(line)
	require.NoError(t, err)
	defer data.Close()
	all, end := ftpclient.ReadAll(data)
	data.Close()
	return all, end, c.Done()
}

// reset reports that a connection ended neither in order nor by FIN.
func reset(err error) bool {
	return err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF)
}

func TestCutDownload(t *testing.T) {
	for _, after := range []string{"0", "1000", "300000"} {
		for how, ended := range map[string]func(error) bool{
			"fin":   func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) },
			"rst":   reset,
			"clean": func(err error) bool { return err == nil },
		} {
			for _, code := range []string{"426", "226"} {
				srv := startWith(t, "cut:after="+after+",how="+how+",code="+code)
				got, end, reply := get(t, login(t, srv), "RETR big")
				require.True(t, ended(end), "after=%s,how=%s: %v", after, how, end)
				require.True(t, strings.HasPrefix(content, got))
				if how != "rst" {
					require.Equal(t, after, strconv.Itoa(len(got)))
				}
				if code == "426" {
					require.ErrorContains(t, reply, "426")
					require.Error(t, srv.Transfers()[0].Err)
				} else {
					require.NoError(t, reply)
				}
				require.Equal(t, after, strconv.Itoa(int(srv.Transfers()[0].Bytes)))
			}
		}
	}
}

func TestCutListing(t *testing.T) {
	srv := startWith(t, "cut:after=3,to=listing")
	for _, line := range []string{"LIST", "MLSD", "NLST"} {
		got, end, reply := get(t, login(t, srv), line)
		require.Len(t, got, 3, line)
		require.ErrorIs(t, end, io.ErrUnexpectedEOF)
		require.ErrorContains(t, reply, "426")
	}
}

func TestCutUpload(t *testing.T) {
	for _, how := range []string{"fin", "rst", "clean"} {
		srv := startWith(t, "cut:after=1000,how="+how)
		c := login(t, srv)
		data, err := c.Open("STOR new")
		require.NoError(t, err)
		_, failed := io.WriteString(data, content)
		_, err = ftpclient.ReadAll(data)
		switch how {
		case "fin":
			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		case "clean":
			require.NoError(t, err)
		default:
			require.True(t, reset(failed) || reset(err), "%v, %v", failed, err)
		}
		require.ErrorContains(t, c.Done(), "426", "it comes although the client hasn't closed")
		data.Close()
		_, err = srv.FS.Stat(t.Context(), "new")
		require.ErrorIs(t, err, fs.ErrNotExist)

		srv = startWith(t, "cut:after=1000,code=226,how="+how)
		c = login(t, srv)
		data, err = c.Open("STOR new")
		require.NoError(t, err)
		io.WriteString(data, content)
		data.Close()
		require.NoError(t, c.Done())
		require.Equal(t, content[:1000], srv.ReadFile("new"))
	}
}

func TestNoNotify(t *testing.T) {
	srv := startWith(t, "no-notify:nth=1", "no-notify:nth=2,how=rst")
	c := login(t, srv)
	got, end, reply := get(t, c, "RETR big")
	require.ErrorIs(t, end, io.ErrUnexpectedEOF)
	require.NoError(t, reply)
	require.Equal(t, content, got)

	_, end, reply = get(t, c, "RETR big")
	require.True(t, reset(end), "%v", end)
	require.NoError(t, reply)

	got, end, reply = get(t, c, "RETR big")
	require.NoError(t, end)
	require.NoError(t, reply)
	require.Equal(t, content, got)
}

func TestStallUntilCleared(t *testing.T) {
	srv := startWith(t, "stall:after=1000")
	c := login(t, srv)
	data, err := c.Open("RETR big")
	require.NoError(t, err)
	defer data.Close()
	first := make([]byte, 1000)
	_, err = io.ReadFull(data, first)
	require.NoError(t, err, "what comes before the stall arrives")
	srv.ClearFaults()
	rest, err := io.ReadAll(data)
	require.NoError(t, err)
	require.Equal(t, content, string(first)+string(rest))
	require.NoError(t, c.Done())
}

// A fault that was cleared doesn't happen to a transfer under way either.
func TestClearInTransfer(t *testing.T) {
	srv := startWith(t, "stall:after=10", "cut:after=1000", "slow:rate=10", "no-notify", "drop:after=300000")
	c := login(t, srv)
	data, err := c.Open("RETR big")
	require.NoError(t, err)
	defer data.Close()
	_, err = data.Read(make([]byte, 1))
	require.NoError(t, err)
	srv.ClearFaults()
	rest, err := ftpclient.ReadAll(data)
	require.NoError(t, err)
	require.Equal(t, content[1:], rest)
	require.NoError(t, c.Done())
}

func TestStallEnds(t *testing.T) {
	srv := startWith(t, "stall:for=1ms")
	c := login(t, srv)
	got, err := c.Get("RETR big")
	require.NoError(t, err)
	require.Equal(t, content, got)
	require.NoError(t, c.Put("STOR new", content))
	require.Equal(t, content, srv.ReadFile("new"))
}

func TestStallIsAborted(t *testing.T) {
	for _, line := range []string{"RETR big", "STOR new"} {
		srv := startWith(t, "stall")
		c := login(t, srv)
		data, err := c.Open(line)
		require.NoError(t, err)
		_, err = c.Cmd(426, "ABOR")
		require.NoError(t, err)
		data.Close()
		require.NoError(t, c.Done())
	}
}

func TestSlow(t *testing.T) {
	srv := startWith(t, "slow:rate=100k")
	srv.WriteFile("small", content[:10_000])
	c := login(t, srv)
	start := time.Now()
	got, err := c.Get("RETR small")
	require.NoError(t, err)
	require.Equal(t, content[:10_000], got)
	require.NoError(t, c.Put("STOR new", got))
	require.Equal(t, got, srv.ReadFile("new"))
	// The transfer is never faster than this, however quick the machine is.
	require.GreaterOrEqual(t, time.Since(start), 2*10_000*time.Second/102_400)
}

func TestFull(t *testing.T) {
	srv := startWith(t, "full:after=1000,nth=2", "full:nth=3,code=452,text=Sorry.")
	c := login(t, srv)
	require.NoError(t, c.Put("STOR a", content))
	require.ErrorContains(t, c.Put("STOR a", content[:1001]), "552")
	require.ErrorContains(t, c.Put("STOR a", "x"), "452 Sorry.")
	require.NoError(t, c.Put("STOR b", content[:1000]))
	require.Equal(t, content, srv.ReadFile("a"), "the old file stays")
}

func TestFullAtItsEdge(t *testing.T) {
	srv := startWith(t, "full:after=1000")
	require.NoError(t, login(t, srv).Put("STOR a", content[:1000]))
}

func TestDropInTransfer(t *testing.T) {
	for _, line := range []string{"RETR big", "STOR new"} {
		for _, how := range []string{"fin", "rst"} {
			srv := startWith(t, "drop:after=1000,how="+how)
			c := login(t, srv)
			data, err := c.Open(line)
			require.NoError(t, err)
			var failed error
			if line == "STOR new" {
				_, failed = io.WriteString(data, content)
			}
			_, err = io.ReadAll(data)
			require.True(t, reset(failed) || reset(err), "%s, %s: %v, %v", line, how, failed, err)
			data.Close()
			if how == "fin" {
				require.ErrorIs(t, c.Done(), io.EOF)
			} else {
				err := c.Done()
				require.True(t, reset(err), "%v", err)
			}
			_, err = srv.FS.Stat(t.Context(), "new")
			require.ErrorIs(t, err, fs.ErrNotExist)
			require.NoError(t, login(t, srv).Close(), "the next session is fine")
		}
	}
}

func TestDropInsteadOfReply(t *testing.T) {
	srv := startWith(t, "drop:to=MKD,nth=1", "drop:to=MKD,nth=2,done=yes", "drop:to=connect,nth=3")
	_, err := login(t, srv).Cmd(257, "MKD one")
	require.ErrorIs(t, err, io.EOF)
	_, err = login(t, srv).Cmd(257, "MKD two")
	require.ErrorIs(t, err, io.EOF)
	_, err = srv.FS.Stat(t.Context(), "one")
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = srv.FS.Stat(t.Context(), "two")
	require.NoError(t, err)
	_, err = ftpclient.Dial(srv.Addr, false, srv.ClientTLS(), srv.User, srv.Password)
	require.Error(t, err)
}

func TestReply(t *testing.T) {
	srv := startWith(t,
		"reply:to=login,nth=1",
		"reply:to=EPSV,nth=1,code=500",
		"reply:to=EPSV,nth=2",
		"reply:to=STOR,nth=1",
		"reply:to=DELE,code=450,text=Busy.,done=yes",
		`reply:to=XFOO,code=211,text="one\ntwo"`,
		"reply:to=NOOP,code=421")
	_, err := ftpclient.Dial(srv.Addr, false, srv.ClientTLS(), srv.User, srv.Password)
	require.ErrorContains(t, err, "530")
	c := login(t, srv)
	_, err = c.Open("RETR big")
	require.ErrorContains(t, err, "500")
	_, err = c.Open("RETR big")
	require.ErrorContains(t, err, "425")
	require.ErrorContains(t, c.Put("STOR new", "x"), "450")
	require.NoError(t, c.Put("STOR new", "x"))
	_, err = c.Cmd(250, "DELE new")
	require.ErrorContains(t, err, "450 Busy.")
	_, err = srv.FS.Stat(t.Context(), "new")
	require.ErrorIs(t, err, fs.ErrNotExist)
	r, err := c.Cmd(211, "XFOO")
	require.NoError(t, err)
	require.Equal(t, "one", r.Text())
	_, err = c.Cmd(421, "NOOP")
	require.NoError(t, err)
	_, err = c.Cmd(200, "NOOP")
	require.Error(t, err)
}

func TestReplyToConnection(t *testing.T) {
	srv := startWith(t, "reply:to=connect,nth=1,text=Too many of you.")
	for _, implicit := range []bool{false, true} {
		addr := map[bool]string{true: srv.ImplicitAddr, false: srv.Addr}[implicit]
		srv.ClearFaults()
		srv.Inject(ftpstest.Fault{Kind: ftpstest.Reply, To: "connect", Text: "Too many of you."})
		_, err := ftpclient.Dial(addr, implicit, srv.ClientTLS(), srv.User, srv.Password)
		require.ErrorContains(t, err, "421 Too many of you.")
	}
}

func TestMute(t *testing.T) {
	srv := startWith(t, "mute:to=STOR", "mute:to=PWD,for=1ms")
	c := login(t, srv)
	data, err := c.Open("STOR new")
	require.NoError(t, err)
	io.WriteString(data, "x")
	data.Close()
	require.Equal(t, "x", srv.WaitFile(t.Context(), "new"), "it is done all the same")
	srv.ClearFaults()
	require.NoError(t, c.Done(), "the reply is late, and not lost")

	srv = startWith(t, "mute:to=PWD,for=1ms")
	_, err = login(t, srv).Cmd(257, "PWD")
	require.NoError(t, err)
}

func TestShutdown(t *testing.T) {
	srv := startWith(t, "shutdown:to=RETR")
	c, idle := login(t, srv), login(t, srv)
	got, err := c.Get("RETR big")
	require.NoError(t, err, "a transfer under way is completed")
	require.Equal(t, content, got)
	_, err = c.Cmd(421, "NOOP")
	require.NoError(t, err)
	_, err = idle.Cmd(421, "NOOP")
	require.NoError(t, err)
	_, err = net.DialTimeout("tcp", srv.Addr, time.Second)
	require.Error(t, err)
}

func TestAnnounce(t *testing.T) {
	srv := startWith(t, "announce:nth=1", "announce:nth=2,addr=10.1.2.3:258", "announce:nth=3,addr=:259", "announce:nth=5,addr=[2001:db8::1]:260")
	c := login(t, srv)
	for _, step := range []struct {
		line string
		code int
		want string
	}{
		{"PASV", 227, "(192,0,2,1,"},
		{"PASV", 227, "(10,1,2,3,1,2)"},
		{"PASV", 227, "(127,0,0,1,1,3)"},
		{"PASV", 227, "(127,0,0,1,"},
		{"EPSV", 229, "(|||260|)"},
	} {
		r, err := c.Cmd(step.code, step.line)
		require.NoError(t, err)
		require.Contains(t, r.Text(), step.want)
	}
}

func TestReuse(t *testing.T) {
	srv := startWith(t, "reuse")
	_, err := login(t, srv).Get("RETR big")
	require.NoError(t, err)

	config := srv.ClientTLS()
	config.ClientSessionCache = nil
	c, err := ftpclient.Dial(srv.Addr, false, config, srv.User, srv.Password)
	require.NoError(t, err)
	defer c.Close()
	data, err := c.Open("RETR big")
	require.NoError(t, err)
	_, err = io.ReadAll(data)
	require.NoError(t, err)
	data.Close()
	require.ErrorContains(t, c.Done(), "522")
}

func TestCertificate(t *testing.T) {
	for how, want := range map[string]func(error) bool{
		"expired": func(err error) bool {
			var invalid x509.CertificateInvalidError
			return errors.As(err, &invalid) && invalid.Reason == x509.Expired
		},
		"host":    func(err error) bool { return errors.As(err, new(x509.HostnameError)) },
		"unknown": func(err error) bool { return errors.As(err, new(x509.UnknownAuthorityError)) },
	} {
		for _, implicit := range []bool{false, true} {
			srv := startWith(t, "certificate:how="+how)
			addr := map[bool]string{true: srv.ImplicitAddr, false: srv.Addr}[implicit]
			_, err := ftpclient.Dial(addr, implicit, srv.ClientTLS(), srv.User, srv.Password)
			require.True(t, want(err), "%s: %v", how, err)

			srv.ClearFaults()
			srv.Inject(ftpstest.Fault{Kind: ftpstest.Certificate, How: how, To: "data"})
			config := srv.ClientTLS()
			config.ClientSessionCache = nil
			c, err := ftpclient.Dial(addr, implicit, config, srv.User, srv.Password)
			require.NoError(t, err)
			_, err = c.Get("RETR big")
			require.True(t, want(err), "%s: %v", how, err)
			c.Close()

			srv.ClearFaults()
			c, err = ftpclient.Dial(addr, implicit, srv.ClientTLS(), srv.User, srv.Password)
			require.NoError(t, err)
			_, err = c.Get("RETR big")
			require.NoError(t, err)
			c.Close()
		}
	}
}

// Faults don't disturb each other.
func TestFaultsTogether(t *testing.T) {
	srv := startWith(t, "slow:rate=100k", "stall:after=10,for=1ms", "cut:after=100", "reply:to=TYPE,code=200,text=Fine.,done=yes", "mute:to=RETR,for=1ms")
	got, end, reply := get(t, login(t, srv), "RETR big")
	require.Equal(t, content[:100], got)
	require.ErrorIs(t, end, io.ErrUnexpectedEOF)
	require.ErrorContains(t, reply, "426")
	require.Contains(t, srv.Transcript(), "-- fault cut:after=100\n")
}

// A fault of one session's transfer doesn't happen to another session at work.
func TestFaultsOfSessionsAtOnce(t *testing.T) {
	srv := startWith(t, "cut:to=RETR,after=1000,how=clean")
	cut, whole := login(t, srv), login(t, srv)
	data, err := whole.Open("STOR new")
	require.NoError(t, err)
	got, _, _ := get(t, cut, "RETR big")
	require.Len(t, got, 1000)
	io.WriteString(data, content)
	data.Close()
	require.NoError(t, whole.Done())
	require.Equal(t, content, srv.ReadFile("new"))
}

func TestFaultsInClear(t *testing.T) {
	curl := testenv.NeedBinary(t, "curl")
	srv := ftpstest.Config{InsecurePlaintext: true}.Start(t)
	srv.WriteFile("big", content)
	srv.Inject(ftpstest.Fault{Kind: ftpstest.Cut, After: 1000, Nth: 1}, ftpstest.Fault{Kind: ftpstest.Cut, After: 1000, Nth: 2, How: "rst"},
		ftpstest.Fault{Kind: ftpstest.NoNotify, Nth: 3}, ftpstest.Fault{Kind: ftpstest.Slow, Rate: 1 << 30})
	for _, exit := range []int{18, 56, 0} {
		cmd := exec.CommandContext(t.Context(), curl, "-sS", "-o", os.DevNull, srv.URL()+"big")
		out, _ := cmd.CombinedOutput()
		require.Equal(t, exit, cmd.ProcessState.ExitCode(), "%s", out)
	}
}

// curl exits as it does for such trouble with any server.
func TestFaultsForCurl(t *testing.T) {
	curl := testenv.NeedBinary(t, "curl")
	for _, c := range []struct {
		fault string
		args  string
		exit  int
	}{
		{"cut:after=1000,how=fin", "", 18 /* CURLE_PARTIAL_FILE */},
		{"cut:after=1000,how=clean,code=226", "", 18},
		{"reply:to=login", "", 67 /* CURLE_LOGIN_DENIED */},
		{"reply:to=EPSV", "", 0 /* it falls back to PASV */},
		{"reply:to=passive", "", 13 /* CURLE_FTP_WEIRD_PASV_REPLY */},
		{"stall:after=1000", "--max-time 1", 28 /* CURLE_OPERATION_TIMEDOUT */},
		{"mute:to=PASS", "--max-time 1", 28},
		{"certificate:how=expired", "", 60 /* CURLE_PEER_FAILED_VERIFICATION */},
		{"certificate:how=host", "", 60},
		{"certificate:how=unknown", "", 60},
		{"reply:to=connect", "", 28 /* so it understands 421 */},
	} {
		t.Run(c.fault, func(t *testing.T) {
			t.Parallel()
			srv := startWith(t, c.fault)
			args := append(strings.Fields(c.args), "-sS", "--ssl-reqd", "--cacert", srv.CAFile, "-o", os.DevNull, srv.URL()+"big")
			out, err := exec.CommandContext(t.Context(), curl, args...).CombinedOutput()
			exit := 0
			if failed := (*exec.ExitError)(nil); errors.As(err, &failed) {
				exit = failed.ExitCode()
			} else {
				require.NoError(t, err)
			}
			require.Equal(t, c.exit, exit, "%s", out)
		})
	}
}
