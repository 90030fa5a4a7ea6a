package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/server"
)

// inspect posts an upload to the webhook before it becomes a file. A status 2xx
// accepts the upload. A status 4xx refuses it, and the client gets the text of the
// answer. Any other status, or no answer, is a 451 and a line in the log: an upload
// that nobody has inspected is not accepted.
func (d *directory) inspect(ctx context.Context, up *driver.Inspection) error {
	if d.webhook == "" {
		return nil
	}
	content, err := up.Open()
	if err != nil {
		return err
	}
	defer content.Close()
	session, _ := server.SessionFrom(ctx)
	query := url.Values{"user": {session.User}, "session": {session.ID}, "name": {up.Name}}
	req, err := http.NewRequestWithContext(ctx, "POST", d.webhook+"?"+query.Encode(), content)
	if err != nil {
		return err
	}
	req.ContentLength = up.Size
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	words, err := io.ReadAll(io.LimitReader(res.Body, 200))
	switch {
	case res.StatusCode/100 == 2:
		return nil
	case res.StatusCode/100 == 4 && err == nil:
		return &driver.Error{Code: 553, Text: string(words)}
	}
	return fmt.Errorf("webhook: %s", res.Status)
}
