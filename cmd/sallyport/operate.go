package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"time"
)

const operateUsage = `sallyport status|sessions|ports|bans|reload|upgrade|drain [--option value ...]
sallyport kick SESSION [--option value ...]
sallyport kick --user NAME [--option value ...]
sallyport ban ADDRESS|NETWORK [--option value ...]
sallyport unban ADDRESS|NETWORK [--option value ...]

Each asks the server that runs on this host, by its control socket. Root may do that, and so
may the server's own user and the members of its --control-group.

status says what runs since when, where it listens, what is wrong with the configuration
that was read last, and when the certificate ends. sessions lists the sessions, and ports
counts what happens on the data ports.

kick ends a session, as sessions lists them, or all of a user. Clients are told 421 and the
reason. A user may log in again.

ban has the server close connections from an address or a network, such as 192.0.2.0/24,
at once, and ends the sessions from there; unban ends that, and bans lists which hold, those
of the server's own (ban-after) among them.

reload has the configuration read again, as SIGHUP does, and says what is wrong with it.
upgrade has a server that is split (run-as) go on as the program that is installed now. Sessions
that are there go on with the old one, for as long as --upgrade-drain of the server says. If the
new program can't take over the old one stays, and upgrade says why.
drain has the server shut down when its transfers are over, or after what --drain of the
server says; it doesn't wait for that.

Exit status: 0, done; 1, it can't be done; 2, the command line is wrong, or, of reload, the
configuration, or, of upgrade, the new program, and the old one stays; 3, no server listens there.

`

// operateSettings holds the options of the commands that talk to a running server.
type operateSettings struct {
	control, user, reason string
	json                  bool
	period                time.Duration // how long a ban lasts; 0 for ever
	keepSessions          bool
}

// options returns the options of a command, or those of all commands if command is empty.
func (s *operateSettings) options(command string) []option {
	all := []option{
		{"control", "PATH", "the server's control socket (SALLYPORT_CONTROL, else " + usualControl + ")", text(&s.control)},
		{"json", "", "print the server's answer as it is, as docs/operating.md describes it", toggle(&s.json)},
	}
	if command == "kick" || command == "" {
		all = append(all, option{"user", "NAME", "kick: the user whose sessions end", text(&s.user)})
	}
	if command == "kick" || command == "ban" || command == "" {
		all = append(all, option{"reason", "TEXT", "kick: what the clients are told (a sentence of the server's);\nban: why, for the log and for bans", text(&s.reason)})
	}
	if command == "ban" || command == "" {
		all = append(all,
			option{"for", "DURATION", "ban: how long it holds, such as 1h (without an end)", s.setPeriod},
			option{"keep-sessions", "", "ban: sessions from there that are there already go on", toggle(&s.keepSessions)})
	}
	return all
}

// order is a request to a running server.
type order struct {
	method, path string
	body         any
	told         any // receives the answer
	print        func(io.Writer)
}

// parseOperate reads the command line of a command that talks to a running server.
func parseOperate(command string, args []string) (*operateSettings, *order, error) {
	s := &operateSettings{}
	rest, errs := parse(s.options(command), args)
	if len(errs) == 1 && errs[0] == errHelp {
		return nil, nil, errHelp
	}
	s.control = cmp.Or(s.control, os.Getenv(variable("control")), usualControl)
	if command == "ban" || command == "unban" || command == "bans" {
		return s.parseBan(command, rest, errs)
	}
	o := s.order(command, rest)
	switch {
	case command != "kick" && len(rest) > 0:
		errs = append(errs, fmt.Errorf("%s takes nothing but options: %q", command, rest))
	case len(rest) > 1:
		errs = append(errs, fmt.Errorf("kick takes one session at a time: %q", rest))
	}
	if k, ok := o.body.(*kickRequest); ok && len(errs) == 0 {
		switch {
		case len(rest) == 0 && s.user == "", len(rest) > 0 && s.user != "":
			errs = append(errs, errors.New("say whom: sallyport kick SESSION, or sallyport kick --user NAME"))
		default:
			if err := k.check(); err != nil {
				errs = append(errs, err)
			}
		}
	}
	if len(errs) > 0 {
		return nil, nil, &usageError{command, errs}
	}
	return s, o, nil
}

// order returns the request that a command stands for.
func (s *operateSettings) order(command string, rest []string) *order {
	now := time.Now()
	switch command {
	case "status":
		told := new(status)
		return &order{http.MethodGet, "/v1/status", nil, told, func(w io.Writer) { told.print(w, now) }}
	case "sessions":
		told := new(sessionList)
		return &order{http.MethodGet, "/v1/sessions", nil, told, func(w io.Writer) { told.print(w, now) }}
	case "ports":
		told := new(portReport)
		return &order{http.MethodGet, "/v1/ports", nil, told, told.print}
	case "reload":
		told := new(reloaded)
		return &order{http.MethodPost, "/v1/reload", nil, told, told.print}
	case "upgrade":
		told := new(upgraded)
		return &order{http.MethodPost, "/v1/upgrade", nil, told, told.print}
	case "drain":
		told := new(drained)
		return &order{http.MethodPost, "/v1/drain", nil, told, told.print}
	}
	told := new(kicked)
	k := &kickRequest{User: s.user, Reason: s.reason}
	if len(rest) > 0 {
		k.Session = rest[0]
	}
	return &order{http.MethodPost, "/v1/kick", k, told, told.print}
}

// runOperate sends a command's request to a server on this host and prints the answer.
func runOperate(ctx context.Context, command string, args []string, stdout, stderr io.Writer) error {
	s, o, err := parseOperate(command, args)
	if err == errHelp {
		return printHelp([]string{command}, stdout)
	}
	if err != nil {
		return err
	}
	answer, wrong, err := o.ask(ctx, s.control)
	if isUnreachable(err) {
		say(stderr, complaint(fmt.Errorf("no server listens on %s: is one running, with --control or a configuration file?", s.control)))
		return exitStatus(statusUnreachable)
	}
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%s: only root, the server's own user and members of its control-group may use this socket", s.control)
	}
	if err == nil {
		err = o.settle(ctx, answer, s.control)
	}
	if err != nil {
		return err
	}
	if s.json {
		_, err = stdout.Write(answer)
	} else {
		var text bytes.Buffer
		o.print(&text)
		_, err = text.WriteTo(stdout)
	}
	if err == nil && wrong {
		return exitStatus(statusUsage)
	}
	return err
}

// isUnreachable reports whether an error means that nobody listens on the socket, or that
// there is none.
func isUnreachable(err error) bool { return isRefused(err) || errors.Is(err, fs.ErrNotExist) }

// Limits for a server that hangs, or for a program that is no such server.
const (
	operatePatience = 90 * time.Second
	operateMost     = 64 << 20 // bytes
)

// ask sends the request. wrong reports that the server has answered that its configuration
// is wrong.
func (o *order) ask(ctx context.Context, path string) (answer []byte, wrong bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, operatePatience)
	defer cancel()
	var body io.Reader
	if o.body != nil {
		text, err := json.Marshal(o.body)
		if err != nil {
			return nil, false, err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, o.method, "http://sallyport"+o.path, body)
	if err != nil {
		return nil, false, err
	}
	to := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}
	res, err := to.RoundTrip(req)
	if err != nil {
		return nil, false, err
	}
	defer res.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(res.Body, operateMost))
	if err != nil {
		return nil, false, fmt.Errorf("%s: the answer is cut: %w", path, err)
	}
	wrong = res.StatusCode == http.StatusUnprocessableEntity
	if res.StatusCode >= 300 && !wrong {
		var f failure
		if json.Unmarshal(answer, &f) != nil || f.Error == "" {
			f.Error = "the server answers " + res.Status
		}
		return nil, false, errors.New(escaped(f.Error))
	}
	if err := json.Unmarshal(answer, o.told); err != nil {
		return nil, false, fmt.Errorf("%s: what answers is no server of this kind: %w", path, err)
	}
	return answer, wrong, nil
}
