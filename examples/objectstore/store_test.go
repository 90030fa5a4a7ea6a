package main

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// memory is a minimal object store. It keeps the content of a PUT if all of it has
// come.
type memory struct {
	mu      sync.Mutex
	objects map[string]content
	limit   int64 // bytes that an object may have, 0 for any
}

type content struct {
	data string
	time time.Time
}

func newStore(t *testing.T) (bucket, *memory) {
	t.Helper()
	m := &memory{objects: map[string]content{}}
	srv := httptest.NewServer(m)
	t.Cleanup(srv.Close)
	return bucket{srv.URL, srv.Client()}, m
}

func (m *memory) object(key string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.objects[key].data
}

func (m *memory) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := strings.TrimPrefix(r.URL.Path, "/")
	switch {
	case r.Method == "GET" && key == "":
		m.list(w, r.FormValue("prefix"))
	case r.Method == "GET", r.Method == "HEAD":
		m.get(w, r, key)
	case r.Method == "PUT":
		m.put(w, r, key)
	case r.Method == "DELETE":
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.objects, key)
	}
}

func (m *memory) list(w io.Writer, prefix string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	seen := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(m.objects)) {
		rest, found := strings.CutPrefix(key, prefix)
		name, _, dir := strings.Cut(rest, "/")
		if !found || seen[name] {
			continue
		}
		seen[name] = true
		c, shown := m.objects[key], prefix+name
		if dir {
			shown += "/"
		}
		json.NewEncoder(w).Encode(object{shown, int64(len(c.data)), c.time})
	}
}

func (m *memory) get(w http.ResponseWriter, r *http.Request, key string) {
	m.mu.Lock()
	c, found := m.objects[key]
	m.mu.Unlock()
	if !found {
		http.NotFound(w, r)
		return
	}
	http.ServeContent(w, r, "", c.time, strings.NewReader(c.data))
}

func (m *memory) put(w http.ResponseWriter, r *http.Request, key string) {
	body := io.Reader(r.Body)
	if m.limit > 0 {
		body = io.LimitReader(body, m.limit+1)
	}
	data, err := io.ReadAll(body)
	if err != nil {
		return // the request was cut: its last chunk has not come
	}
	if m.limit > 0 && int64(len(data)) > m.limit {
		w.WriteHeader(http.StatusInsufficientStorage)
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if source, err := url.PathUnescape(r.Header.Get("Copy-Source")); err == nil && source != "" {
		data = []byte(m.objects[source].data)
	}
	if _, taken := m.objects[key]; taken && r.Header.Get("If-None-Match") == "*" {
		w.WriteHeader(http.StatusPreconditionFailed)
		return
	}
	m.objects[key] = content{string(data), time.Now().UTC().Truncate(time.Second)}
}
