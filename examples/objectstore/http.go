package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"

	"github.com/sallyport/sallyport/driver"
)

// request makes a request for the object of a key. header holds pairs of a name and a
// value.
func (b bucket) request(ctx context.Context, method, key string, body io.Reader, header ...string) (*http.Request, error) {
	path := url.URL{Path: "/" + key} // escapes what a name may hold, such as ? and %
	req, err := http.NewRequestWithContext(ctx, method, b.url+path.EscapedPath(), body)
	if err != nil {
		return nil, err
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return req, nil
}

// do sends a request. If the status of the answer has a meaning for FTP, the error is
// one that the server has a reply for; the text of any other error goes to the log.
func (b bucket) do(req *http.Request) (*http.Response, error) {
	res, err := b.client.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode < 300 {
		return res, nil
	}
	res.Body.Close()
	err = fmt.Errorf("%s %s: %s", req.Method, req.URL.Path, res.Status)
	if meaning := meanings[res.StatusCode]; meaning != nil {
		err = fmt.Errorf("%w (%w)", err, meaning)
	}
	return res, err
}

var meanings = map[int]error{
	http.StatusForbidden:                    fs.ErrPermission,
	http.StatusNotFound:                     fs.ErrNotExist,
	http.StatusPreconditionFailed:           fs.ErrExist,
	http.StatusRequestedRangeNotSatisfiable: driver.ErrOffset,
	http.StatusInsufficientStorage:          driver.ErrQuota,
}

// send sends a request whose answer has no content to read.
func (b bucket) send(ctx context.Context, method, key string, header ...string) error {
	req, err := b.request(ctx, method, key, nil, header...)
	if err != nil {
		return err
	}
	res, err := b.do(req)
	if err != nil {
		return err
	}
	return res.Body.Close()
}
