package main

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
)

// TestMessage checks that a message is received as it was sent, and that its
// length is bounded in both directions.
func TestMessage(t *testing.T) {
	var b bytes.Buffer
	want := question{Version: version, Do: doLogin, User: "alice", Password: "päss \x00", Peer: "192.0.2.1"}
	if err := send(&b, want); err != nil {
		t.Fatal(err)
	}
	var got question
	if err := receive(&b, &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%v: %+v", err, got)
	}
	if err := send(&b, question{User: strings.Repeat("x", maxMessage)}); err == nil || b.Len() > 0 {
		t.Fatalf("%v: %d bytes", err, b.Len())
	}
	for _, text := range []string{"", "\x00\x00\x00", "\x00\x01\x00\x01{}", "\x00\x00\x00\x05{}", "\x00\x00\x00\x02[]"} {
		if err := receive(strings.NewReader(text), &got); err == nil {
			t.Errorf("%q is a message", text)
		}
	}
}
