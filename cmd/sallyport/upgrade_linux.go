package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
)

// upgrade has the program started anew if a trial says that it can take over.
func (k *keeper) upgrade(ctx context.Context) (u upgraded) {
	if !k.upgrading.CompareAndSwap(false, true) {
		return upgraded{Problem: "another upgrade is under way"}
	}
	k.mu.Lock()
	k.failed = ""
	k.mu.Unlock()
	u.Version, u.Problem = k.trial(ctx)
	if u.Problem != "" {
		k.upgrading.Store(false)
		k.log.Error("the program can't take over, and all stays as it is", "problem", u.Problem)
		return u
	}
	go k.replace()
	return u
}

// mostSaid bounds how much of the output of a program that can't take over is reported, in bytes.
const mostSaid = 4 << 10

// trial starts the program to find out whether it could take over.
func (k *keeper) trial(ctx context.Context) (version, problem string) {
	told := handover{Version: takeOverVersion, Messages: channel.Version}
	for _, l := range k.namedListeners() {
		told.Listeners = append(told.Listeners, leftListener{Name: l.name, Addr: l.Addr().String()})
	}
	text, err := json.Marshal(told)
	if err != nil {
		return "", err.Error()
	}
	ctx, cancel := context.WithTimeout(ctx, upgradePatience-usualPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, k.program, os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), takeOverVariable+"="+toTry+string(text))
	cmd.Cancel = func() error { return cmd.Process.Kill() }
	cmd.WaitDelay = time.Second
	var said, wrong bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &wrong
	if err := cmd.Run(); err != nil {
		text := wrong.String()
		text = strings.TrimSpace(text[max(0, len(text)-mostSaid):])
		if text == "" {
			text = "it says nothing"
		}
		return "", fmt.Sprintf("%s: %v: %s", k.program, err, text)
	}
	version = strings.TrimSpace(said.String())
	if version == "" || strings.ContainsAny(version, "\n ") {
		return "", fmt.Sprintf("%s is no program that can take over", k.program)
	}
	return version, ""
}

// programPath returns the path by which this program was started. Later another program may be there.
func programPath() string {
	path := os.Args[0]
	if !strings.Contains(path, "/") {
		if found, err := exec.LookPath(path); err == nil {
			path = found
		}
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	if _, err := os.Stat(path); err != nil { // Args[0] may be made up
		if exe, err := os.Executable(); err == nil {
			return exe
		}
	}
	return path
}
