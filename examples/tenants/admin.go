package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"

	"github.com/sallyport/sallyport/server"
)

// admin returns the interface for those who run the server. It asks for no
// password, so only they may be able to reach it.
//
//	curl http://127.0.0.1:8021/sessions
//	curl http://127.0.0.1:8021/close/bob -d 'The contract has ended.'
func (d *directory) admin(srv *server.Server) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sessions", func(w http.ResponseWriter, r *http.Request) {
		sessions := []map[string]any{}
		for _, s := range srv.Sessions() {
			sessions = append(sessions, map[string]any{
				"session": s.ID, "user": s.User, "peer": s.Peer, "doing": s.Doing, "received": s.Received, "sent": s.Sent,
			})
		}
		json.NewEncoder(w).Encode(sessions)
	})
	mux.HandleFunc("POST /close/{user}", func(w http.ResponseWriter, r *http.Request) {
		reason, err := io.ReadAll(io.LimitReader(r.Body, 200))
		if err == nil {
			err = d.kick(r.Context(), srv, r.PathValue("user"), string(reason))
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	return mux
}

// kick closes a user's account, so that the user can't come back, and then ends
// the user's sessions. It returns when they are gone.
func (d *directory) kick(ctx context.Context, srv *server.Server, user, reason string) error {
	if _, err := d.db.ExecContext(ctx, `UPDATE user SET closed = ? WHERE name = ?`, reason, user); err != nil {
		return err
	}
	_, err := srv.DisconnectFunc(ctx, func(s server.SessionInfo) bool { return s.User == user }, reason)
	return err
}
