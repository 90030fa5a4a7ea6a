//go:build linux && cgo && pam

package main

import (
	"errors"
	"fmt"
	"os/user"
	"strconv"

	"github.com/msteinert/pam/v2"
)

// check answers that PAM can be asked.
func check() answer { return answer{Version: version, Verdict: accepted} }

// tty is the name of the terminal that modules are told. Other FTP servers use the same.
const tty = "ftp"

// start begins a transaction of PAM for a user. start collects in said the messages of modules to the
// user.
func start(q *question, said *string) (*pam.Transaction, error) {
	asked := false
	t, err := pam.StartFunc(q.Service, q.User, func(style pam.Style, text string) (string, error) {
		switch style {
		case pam.PromptEchoOff:
			if asked || q.Password == "" {
				return "", errors.New("FTP asks for one password only") // a further code can't be asked for
			}
			asked = true
			return q.Password, nil
		case pam.ErrorMsg, pam.TextInfo:
			*said = text
			return "", nil
		}
		return "", errors.New("FTP can't ask that")
	})
	if err != nil {
		return nil, err
	}
	items := map[pam.Item]string{pam.Tty: tty, pam.Ruser: q.User}
	if q.Peer != "" {
		items[pam.Rhost] = q.Peer
	}
	for item, value := range items {
		if err := t.SetItem(item, value); err != nil {
			t.End()
			return nil, err
		}
	}
	return t, nil
}

// login answers whether a user may log in with a password, and which account of the system the user is.
func login(q *question) answer {
	var said string
	t, err := start(q, &said)
	if err != nil {
		return failed("start", err, said)
	}
	defer t.End()
	for _, step := range []struct {
		name string
		call func(pam.Flags) error
		flag pam.Flags
	}{
		{"authenticate", t.Authenticate, pam.DisallowNullAuthtok},
		{"acct_mgmt", t.AcctMgmt, pam.DisallowNullAuthtok},
		{"setcred", t.SetCred, pam.EstablishCred},
	} {
		if err := step.call(step.flag); err != nil {
			return failed(step.name, err, said)
		}
	}
	name, err := t.GetItem(pam.User) // modules may have changed the name
	if err != nil {
		return failed("get_item", err, said)
	}
	a := answer{Version: version, Verdict: accepted}
	if q.As != "" {
		name = q.As
	}
	if a.User, err = lookUp(name); err != nil {
		a.Verdict, a.Reason = down, err.Error()
		if q.As == "" && errors.As(err, new(user.UnknownUserError)) {
			a.Verdict, a.Reason = refused, fmt.Sprintf("PAM accepts %q, who is no user of this host (getent passwd)", name)
		}
	}
	return a
}

// session opens a session for a user, which end closes, and starts a hand in it.
func session(q *question) (a answer, end func() answer) {
	nothing := func() answer { return answer{Version: version, Verdict: accepted} }
	if q.Hand == nil {
		return answer{Version: version, Verdict: down, Reason: "a session is for a hand"}, nothing
	}
	q.Hand.keepFiles()
	var said string
	t, err := start(q, &said)
	if err != nil {
		return failed("start", err, said), nothing
	}
	if err := t.SetCred(pam.EstablishCred); err != nil {
		defer t.End()
		return failed("setcred", err, said), nothing
	}
	end = func() answer {
		err1 := t.CloseSession(0)
		err2 := t.SetCred(pam.DeleteCred)
		t.End()
		switch {
		case err1 != nil:
			return failed("close_session", err1, said)
		case err2 != nil:
			return failed("setcred", err2, said)
		}
		return nothing()
	}
	if err := t.OpenSession(0); err != nil {
		a := failed("open_session", err, said)
		t.SetCred(pam.DeleteCred)
		t.End()
		return a, nothing
	}
	a = nothing()
	if a.Hand, err = q.Hand.start(); err != nil {
		a.Verdict, a.Reason = down, "the process of the session can't be started: "+err.Error()
	}
	return a, end
}

// refusals are the errors by which PAM refuses a user. Any other error means that PAM can't tell.
var refusals = []pam.Error{
	pam.ErrAuth, pam.ErrUserUnknown, pam.ErrMaxtries, pam.ErrPermDenied, pam.ErrCredInsufficient, pam.ErrNewAuthtokReqd, pam.ErrAuthtokExpired,
	pam.ErrAcctExpired, pam.ErrCredExpired,
}

// failed returns the answer for an error that a call of PAM has returned.
func failed(call string, err error, said string) answer {
	a := answer{Version: version, Verdict: down, Reason: fmt.Sprintf("pam_%s: %v", call, err)}
	if said != "" {
		a.Reason += fmt.Sprintf(" (%q)", said)
	}
	for _, refusal := range refusals {
		if errors.Is(err, refusal) {
			a.Verdict = refused
		}
	}
	switch {
	case call != "acct_mgmt": // before it nobody knows that the password is right
	case errors.Is(err, pam.ErrAcctExpired):
		a.Told = "This account has expired."
	case errors.Is(err, pam.ErrNewAuthtokReqd), errors.Is(err, pam.ErrAuthtokExpired):
		a.Told = "The password has expired. It has to be changed first, and not by FTP."
	}
	return a
}

// lookUp asks the databases of the system about a user.
func lookUp(name string) (found account, err error) {
	u, err := user.Lookup(name)
	if err != nil {
		return found, err
	}
	groups, err := u.GroupIds()
	if err != nil {
		return found, err
	}
	found = account{Name: u.Username, Home: u.HomeDir}
	if found.UID, err = strconv.Atoi(u.Uid); err == nil {
		found.GID, err = strconv.Atoi(u.Gid)
	}
	for _, text := range groups {
		if gid, err := strconv.Atoi(text); err == nil && gid != found.GID {
			found.Groups = append(found.Groups, gid)
		}
	}
	return found, err
}
