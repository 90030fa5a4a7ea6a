package main

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	// rememberedFor is how long an attempt that was accepted isn't asked about again.
	rememberedFor = time.Minute
	// maxRemembered bounds how many of them there are.
	maxRemembered = 1000
)

// authURL asks an endpoint about each attempt by POST, of the JSON of the attempt. Attempts that were accepted are
// remembered for a minute.
type authURL struct {
	answers
	url    string
	post   func(ctx context.Context, url string, question []byte) (status int, said []byte, err error)
	secret []byte // of the names in remembered

	mu         sync.Mutex
	remembered map[[sha256.Size]byte]remembered
}

// remembered is what an endpoint has said.
type remembered struct {
	account account
	until   time.Time
}

func (s *settings) newAuthURL(post func(ctx context.Context, url string, question []byte) (int, []byte, error)) *authURL {
	u := &authURL{answers: newAnswers(s), url: s.authURL, post: post, secret: make([]byte, sha256.Size), remembered: map[[sha256.Size]byte]remembered{}}
	rand.Read(u.secret) // never fails
	return u
}

// checkAuthURL reports what can be seen to be wrong with the endpoint.
func (s *settings) checkAuthURL() error {
	if s.authURL == "" {
		if s.authURLClear {
			return fmt.Errorf("%s allows something of auth-url, which names no endpoint", s.at("insecure-auth-url"))
		}
		return nil
	}
	u, err := url.Parse(s.authURL)
	switch {
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		return fmt.Errorf("%s: want a URL such as https://auth.example.com/login", s.at("auth-url"))
	case u.User != nil || u.Fragment != "":
		return fmt.Errorf("%s: want a URL without a user, a password and a fragment", s.at("auth-url"))
	case u.Scheme == "http" && !isLoopback(u.Hostname()) && !s.authURLClear:
		return fmt.Errorf("%s: passwords would go to %s in clear; want https://, or insecure-auth-url if that is meant", s.at("auth-url"), u.Host)
	}
	return nil
}

// endpoint returns where the endpoint is, without what may be a key.
func (s *settings) endpoint() string {
	at, _, _ := strings.Cut(s.authURL, "?")
	return at
}

// isLoopback reports whether a host is this one.
func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback() || strings.EqualFold(host, "localhost")
}

func (u *authURL) name() string { return "auth-url" }

func (u *authURL) ask(ctx context.Context, at *attempt) (*account, decision, error) {
	if !u.asks(at) {
		return nil, notMine, nil
	}
	question, err := json.Marshal(at)
	if err != nil {
		return nil, refused, err
	}
	key := u.key(question)
	if a := u.recall(key, time.Now()); a != nil {
		return a, accepted, nil
	}
	end, err := u.begin(ctx)
	if err != nil {
		return nil, refused, err
	}
	status, said, err := u.post(ctx, u.url, question)
	end()
	switch {
	case err != nil:
		return nil, refused, err
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return nil, refused, nil
	case status == http.StatusNotFound:
		return nil, notMine, nil
	case status != http.StatusOK:
		return nil, refused, fmt.Errorf("it answers with status %d; want 200, 401, 403 or 404", status)
	}
	a, err := u.read("its answer", at.User, said)
	if err != nil {
		return nil, refused, err
	}
	u.remember(key, *a, time.Now())
	return a, accepted, nil
}

// key names an attempt without giving its password away: it can't be computed without the secret.
func (u *authURL) key(question []byte) (key [sha256.Size]byte) {
	h := hmac.New(sha256.New, u.secret)
	h.Write(question)
	h.Sum(key[:0])
	return key
}

// recall returns the account of an attempt that was accepted lately, nil if there is none.
func (u *authURL) recall(key [sha256.Size]byte, now time.Time) *account {
	u.mu.Lock()
	defer u.mu.Unlock()
	if r, ok := u.remembered[key]; ok && now.Before(r.until) {
		return &r.account
	}
	return nil
}

// remember keeps an account. When there are too many, those go whose time is over, and all if there is none of them.
func (u *authURL) remember(key [sha256.Size]byte, a account, now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.remembered) >= maxRemembered {
		for key, r := range u.remembered {
			if !now.Before(r.until) {
				delete(u.remembered, key)
			}
		}
		if len(u.remembered) >= maxRemembered {
			clear(u.remembered)
		}
	}
	u.remembered[key] = remembered{a, now.Add(rememberedFor)}
}
