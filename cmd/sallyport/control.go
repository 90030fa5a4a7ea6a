package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
	"unicode"

	"github.com/sallyport/sallyport/server"
)

// Limits of the control socket, whose clients may hang.
const (
	controlRead  = 10 * time.Second // to read a request
	controlWrite = 30 * time.Second // from the request to the end of its answer
	controlIdle  = time.Minute      // between requests
	controlBody  = 64 << 10         // bytes of a request
	kickGrace    = 10 * time.Second // how long an answer waits for sessions that were ended
	maxReason    = 200              // bytes
)

// control answers requests on the control socket: JSON over HTTP, as docs/operating.md describes.
type control struct {
	d    *daemon
	http *http.Server
}

// startControl serves the control socket, if there is one. stop lets answers that have begun
// finish.
func (d *daemon) startControl() (stop func()) {
	if d.socket == nil {
		return func() {}
	}
	c := &control{d: d}
	c.http = &http.Server{
		Handler: c.routes(), ConnContext: c.introduce, ReadTimeout: controlRead, WriteTimeout: controlWrite, IdleTimeout: controlIdle,
		MaxHeaderBytes: 8 << 10, ErrorLog: slog.NewLogLogger(d.log.Handler(), slog.LevelDebug),
	}
	go c.http.Serve(d.socket)
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if c.http.Shutdown(ctx) != nil {
			c.http.Close()
		}
	}
}

func (c *control) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, r *http.Request) { answer(w, http.StatusOK, c.d.wholeStatus(r.Context())) })
	mux.HandleFunc("GET /v1/sessions", func(w http.ResponseWriter, r *http.Request) { answer(w, http.StatusOK, c.d.allSessions(r.Context())) })
	mux.HandleFunc("GET /v1/ports", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, c.d.portReport()) })
	mux.HandleFunc("GET /v1/bans", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, banList{c.d.bans.list()}) })
	mux.HandleFunc("POST /v1/ban", c.ban)
	mux.HandleFunc("POST /v1/unban", c.unban)
	mux.HandleFunc("POST /v1/kick", c.kick)
	mux.HandleFunc("POST /v1/reload", c.reload)
	mux.HandleFunc("POST /v1/upgrade", c.upgrade)
	mux.HandleFunc("POST /v1/drain", c.drain)
	return c.guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, known := mux.Handler(r); known == "" {
			w = &inJSON{ResponseWriter: w}
		}
		mux.ServeHTTP(w, r)
	}))
}

// inJSON is for the answers of the package http, which are text: those to requests that there are not.
type inJSON struct{ http.ResponseWriter }

func (w *inJSON) WriteHeader(status int) {
	refuse(w.ResponseWriter, status, errors.New(strings.ToLower(http.StatusText(status))))
}

func (w *inJSON) Write(text []byte) (int, error) { return len(text), nil }

// whoKey is the key of a who in the context of a connection.
type whoKey struct{}

// who is the process at the other end of a connection, as far as the system tells.
type who struct {
	peer
	known bool
	err   error
}

func (w who) String() string {
	if !w.known || w.err != nil {
		return "unknown"
	}
	return w.peer.String()
}

func (c *control) introduce(ctx context.Context, conn net.Conn) context.Context {
	var w who
	w.peer, w.known, w.err = peerOf(conn)
	return context.WithValue(ctx, whoKey{}, w)
}

// guard refuses peers that may not use the socket, even if the rights of its file would let them.
func (c *control) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from := r.Context().Value(whoKey{}).(who)
		if from.err != nil || from.known && !c.d.socket.admits(from.peer) {
			c.d.log.Warn("refused on the control socket", "peer", from, "request", r.Method+" "+r.URL.Path, "err", from.err)
			refuse(w, http.StatusForbidden, fmt.Errorf("%v may not use this socket: root, the server's own user and members of control-group may", from))
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, controlBody)
		next.ServeHTTP(w, r)
	})
}

// kickRequest says which sessions to end: one session, or all of a user.
type kickRequest struct {
	Session string `json:"session,omitempty"`
	User    string `json:"user,omitempty"`
	Reason  string `json:"reason,omitempty"` // the text of the clients' reply
}

func (k *kickRequest) check() error {
	switch {
	case (k.Session == "") == (k.User == ""):
		return errors.New(`want either "session" or "user"`)
	}
	return checkReason(k.Reason)
}

// checkReason reports what is wrong with a reason, which goes into a reply, the log or a list.
func checkReason(reason string) error {
	switch {
	case len(reason) > maxReason:
		return fmt.Errorf("the reason has %d bytes; want %d at most", len(reason), maxReason)
	case strings.ContainsFunc(reason, unicode.IsControl):
		return errors.New("the reason has control characters")
	}
	return nil
}

func (k *kickRequest) match(i server.SessionInfo) bool {
	if k.User != "" {
		return i.User == k.User && !i.LoggedIn.IsZero()
	}
	return i.ID == k.Session
}

// kicked answers a kickRequest.
type kicked struct {
	Sessions int   `json:"sessions"`         // how many were told to end
	Gone     bool  `json:"gone"`             // all have ended; otherwise a driver holds up the rest, which end when it returns
	Silent   []int `json:"silent,omitempty"` // engines that have not answered, by process
}

func (c *control) kick(w http.ResponseWriter, r *http.Request) {
	var k kickRequest
	if err := read(r.Body, &k); err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	if err := k.check(); err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	told := c.d.disconnect(r.Context(), engineRequest{Kick: &k})
	switch {
	case told.Sessions == 0 && len(told.Silent) > 0:
		refuse(w, http.StatusNotFound, fmt.Errorf("no such session, as far as engines answer; those of these processes don't: %v", told.Silent))
		return
	case told.Sessions == 0:
		refuse(w, http.StatusNotFound, errors.New("no such session"))
		return
	}
	c.log(r, "sessions were ended by hand", "session", k.Session, "user", k.User, "reason", k.Reason, "sessions", told.Sessions)
	answer(w, http.StatusOK, told)
}

func (c *control) reload(w http.ResponseWriter, r *http.Request) {
	switch {
	case c.d.draining.Load():
		refuse(w, http.StatusConflict, errors.New("the server is shutting down"))
		return
	case !c.d.hangup.rereads:
		refuse(w, http.StatusConflict, errors.New("there is no configuration file to read again"))
		return
	}
	c.log(r, "the configuration is read again")
	read := c.d.reloads()
	status := http.StatusOK
	if len(read.Mistakes) > 0 {
		status = http.StatusUnprocessableEntity
	}
	answer(w, status, read)
}

// upgraded answers a request to start the program anew.
type upgraded struct {
	Version string `json:"version,omitempty"` // the version of the program that takes over
	Engine  int    `json:"engine,omitempty"`  // the process that has served until now
	Problem string `json:"problem,omitempty"` // why the upgrade came to nothing; empty if it did not
}

// upgrade has the program started anew. The new program may not serve yet when the answer is sent.
func (c *control) upgrade(w http.ResponseWriter, r *http.Request) {
	switch {
	case c.d.draining.Load():
		refuse(w, http.StatusConflict, errors.New("the server is shutting down"))
		return
	case c.d.upgrades == nil:
		refuse(w, http.StatusConflict, errors.New("only a server that is split (run-as) can be upgraded while it runs; restart this one"))
		return
	}
	c.log(r, "the program is to be started anew")
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(upgradePatience))
	u := c.d.upgrades()
	u.Engine = os.Getpid()
	status := http.StatusAccepted
	if u.Problem != "" {
		status = http.StatusUnprocessableEntity
	}
	answer(w, status, u)
}

// upgradePatience bounds how long it may take to find out whether another program can take over.
const upgradePatience = time.Minute

// drained answers a request to shut down: it says what the server still has to do.
type drained struct {
	Sessions int     `json:"sessions"`
	Busy     int     `json:"busy"`  // how many of the sessions run a command
	Limit    float64 `json:"limit"` // seconds until sessions are cut off
}

// drain sends its answer and then has the server shut down. Further requests change nothing.
func (c *control) drain(w http.ResponseWriter, r *http.Request) {
	c.log(r, "the server is told to shut down")
	all := c.d.wholeStatus(r.Context())
	answer(w, http.StatusAccepted, drained{all.Sessions, all.Busy, c.d.current().drain.Seconds()})
	http.NewResponseController(w).Flush()
	c.d.end()
}

func (c *control) log(r *http.Request, text string, args ...any) {
	c.d.log.Info(text, append(args, "peer", r.Context().Value(whoKey{}))...)
}

// read reads a single JSON value, and fails if anything follows.
func read(body io.Reader, to any) error {
	dec := json.NewDecoder(body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(to); err != nil {
		return fmt.Errorf("the request is no such JSON: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("there is more behind the JSON of the request")
	}
	return nil
}

// answer writes a value as JSON. It ignores errors: a client that is gone needs no answer.
func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	enc.Encode(value)
}

// failure is the answer to a request that can't be carried out.
type failure struct {
	Error string `json:"error"`
}

func refuse(w http.ResponseWriter, status int, err error) { answer(w, status, failure{err.Error()}) }
