package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// maxHeaders bounds the headers of an answer, in bytes.
const maxHeaders = 32 << 10

// poster sends questions to HTTP endpoints.
type poster struct {
	client   *http.Client
	patience time.Duration
}

func newPoster() *poster {
	return &poster{patience: askedFor, client: &http.Client{
		Transport: &http.Transport{
			ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute / 2,
			MaxResponseHeaderBytes: maxHeaders, DisableCompression: true,
		},
		// Passwords go to the address that was configured and to no other.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// post sends a question, and returns the status of the answer and, if the status is 200, the body. Its errors don't
// name the URL, which may hold a key.
func (p *poster) post(ctx context.Context, to string, question []byte) (status int, said []byte, err error) {
	ctx, stop := context.WithTimeoutCause(ctx, p.patience, errSlow)
	defer stop()
	defer func() {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err
		}
		if err != nil && context.Cause(ctx) == errSlow {
			err = errSlow
		}
	}()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(question))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "sallyport")
	response, err := p.client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return response.StatusCode, nil, nil
	}
	said, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if len(said) > maxAnswer {
		err = fmt.Errorf("its answer is longer than %d KiB", maxAnswer>>10)
	}
	return response.StatusCode, said, err
}
