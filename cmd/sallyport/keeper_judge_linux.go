package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/hostuser"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/passhash"
)

// judging bounds how many processes judge logins at once, and so the memory for hashes.
var judging = make(chan struct{}, max(runtime.NumCPU()-1, 1))

// judgeLogin has a process of its own judge a login by the passwd and shadow files of a host. The keeper opens the
// files but doesn't read them; the process reads them, has no rights, and ends once it has answered.
func (k *keeper) judgeLogin(ctx context.Context, dir, user, password string) (v hostuser.Verdict, err error) {
	select {
	case judging <- struct{}{}:
		defer func() { <-judging }()
	case <-ctx.Done():
		return v, ctx.Err()
	}
	ctx, stop := context.WithTimeoutCause(ctx, askedFor, errSlow)
	defer stop()
	defer func() {
		if errors.Is(err, channel.ErrStuck) { // whichever message it was
			err = errSlow
		}
	}()
	rights := k.rights
	rights.Sandbox = k.started.sandboxOf(partJudge)
	p, err := k.starter.Start(partJudge, rights, nil)
	if err != nil {
		return v, err
	}
	defer p.Kill()
	give := func(name string) error {
		f, err := openHostFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		defer f.Close()
		return p.Ask(ctx, askedFor, tellText, func(w *channel.Writer) { w.String(name) }, f, nil)
	}
	for _, name := range hostuser.Needed {
		if err := give(name); err != nil {
			return v, err
		}
	}
	for _, name := range hostuser.Others {
		if err := give(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return v, err
		}
	}
	err = p.Ask(ctx, askedFor, tellJudge, func(w *channel.Writer) { w.String(user); w.String(password) }, nil, func(r *channel.Reader, _ *os.File) error {
		return json.Unmarshal([]byte(r.String()), &v)
	})
	return v, err
}

// judgePart is the process that judges one login by the files it is given.
type judgePart struct {
	mu    sync.Mutex
	files hostuser.Files // guarded by mu
}

// answer answers the questions of the keeper, one after the other.
func (j *judgePart) answer(c *channel.Call, w *channel.Writer) (*os.File, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch c.Op {
	case tellText:
		to := j.files.Text(c.String())
		if to == nil || c.File == nil {
			return nil, channel.ErrMessage
		}
		text, err := io.ReadAll(io.LimitReader(c.File, maxHostFile+1))
		if err == nil && len(text) > maxHostFile {
			err = fmt.Errorf("a file of more than %d MiB", maxHostFile>>20)
		}
		*to = text
		return nil, err
	case tellJudge:
		user, password := c.String(), c.String()
		v, err := j.files.Judge(c.Ctx, passhash.NewChecker().Check, user, password, time.Now())
		if err != nil {
			return nil, err
		}
		text, err := json.Marshal(v)
		w.String(string(text))
		return nil, err
	}
	return nil, errors.ErrUnsupported
}
