package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// upgradePoll is how often sallyport upgrade checks whether the new program serves.
const upgradePoll = 50 * time.Millisecond

func (u *upgraded) print(w io.Writer) {
	if u.Problem != "" {
		fmt.Fprintln(w, "the program can't take over, and the one that runs stays:")
		fmt.Fprintln(w, escaped(u.Problem))
		return
	}
	fmt.Fprintf(w, "sallyport %s serves who connects from now on; sessions that are there go on\n", escaped(u.Version))
}

// await waits until the new program serves.
func (u *upgraded) await(ctx context.Context, control string) error {
	ctx, cancel := context.WithTimeout(ctx, operatePatience)
	defer cancel()
	for {
		s := new(status)
		o := &order{http.MethodGet, "/v1/status", nil, s, nil}
		if _, _, err := o.ask(ctx, control); err == nil { // an error only means that nobody answers yet
			if s.Upgrade != "" {
				return errors.New("the upgrade came to nothing, and the program that runs stays: " + escaped(s.Upgrade))
			}
			if u.isOver(s) {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return errors.New("the new program does not serve yet; sallyport status and the log say more")
		case <-time.After(upgradePoll):
		}
	}
}

// isOver reports whether another engine has taken over from the one that served when the upgrade
// began.
func (u *upgraded) isOver(s *status) bool {
	engines := slices.DeleteFunc(slices.Clone(s.Processes), func(p systemProcess) bool { return p.Part != "engine" })
	if len(engines) == 0 || engines[0].PID == u.Engine {
		return false
	}
	for _, e := range engines[1:] {
		if e.PID == u.Engine && e.Retired == nil {
			return false
		}
	}
	return true
}

// settle waits, after an answer that an upgrade was begun, until the upgrade has worked or failed.
// It returns at once for other answers.
func (o *order) settle(ctx context.Context, answer []byte, control string) error {
	var u upgraded
	if _, ok := o.told.(*upgraded); !ok || json.Unmarshal(answer, &u) != nil || u.Problem != "" {
		return nil
	}
	return u.await(ctx, control)
}
