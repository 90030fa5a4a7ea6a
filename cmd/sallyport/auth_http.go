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
	// rememberedFor is for how long an attempt that was accepted is not asked about again.
	rememberedFor = time.Minute
	// maxRemembered bounds how many accepted attempts are remembered.
	maxRemembered = 1000
)

// authURL asks an endpoint about each attempt: it sends the attempt as JSON by POST. Attempts that were accepted are
// remembered for rememberedFor.
type authURL struct {
	answers
	url    string
	post   func(ctx context.Context, url string, question []byte) (status int, said []byte, err error)
	secret []byte // the key of the HMACs by which attempts are remembered

	mu         sync.Mutex
	remembered map[[sha256.Size]byte]remembered
}

// remembered is an account that an endpoint has answered with.
type remembered struct {
	account account
	until   time.Time
}

func (s *settings) newAuthURL(post func(ctx context.Context, url string, question []byte) (int, []byte, error)) *authURL {
	u := &authURL{answers: newAnswers(s), url: s.authURL, post: post, secret: make([]byte, sha256.Size), remembered: map[[sha256.Size]byte]remembered{}}
	rand.Read(u.secret) // never fails
	return u
}

// checkAuthURL reports what is wrong with the endpoint as far as the options alone show.
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
		return fmt.Errorf("%s: want a URL such as https://auth.example.com/login", s.head("auth-url"))
	case u.User != nil || u.Fragment != "":
		return fmt.Errorf("%s: want a URL without a user, a password and a fragment", s.head("auth-url"))
	case u.Scheme == "http" && !isLoopback(u.Hostname()) && !s.authURLClear:
		return fmt.Errorf("%s: passwords would go to %s in clear; want https://, or insecure-auth-url if that is meant", s.head("auth-url"), u.Host)
	}
	return nil
}

// endpoint returns the URL of the endpoint without its query, which may hold a key.
func (s *settings) endpoint() string {
	at, _, _ := strings.Cut(s.authURL, "?")
	return at
}

// isLoopback reports whether a host of a URL is this host.
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

// key returns the HMAC of an attempt. The password can't be found out from it without the secret.
func (u *authURL) key(question []byte) (key [sha256.Size]byte) {
	h := hmac.New(sha256.New, u.secret)
	h.Write(question)
	h.Sum(key[:0])
	return key
}

// recall returns the account of an attempt that was accepted within rememberedFor, nil if there is none.
func (u *authURL) recall(key [sha256.Size]byte, now time.Time) *account {
	u.mu.Lock()
	defer u.mu.Unlock()
	if r, ok := u.remembered[key]; ok && now.Before(r.until) {
		return &r.account
	}
	return nil
}

// remember keeps the account of an attempt. If there are too many, accounts whose time is over are dropped; if no
// such account is left, all are dropped.
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
