package main

import (
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

	"github.com/sallyport/sallyport/internal/networks"
)

// usualState is where the state of a server with a configuration file is kept.
const usualState = "/var/lib/sallyport"

const (
	stateVersion = 1
	mostState    = 16 << 20 // bytes of a file
)

// statePath returns the directory of what is kept over a restart, empty for none, and whether somebody asked for it.
func (s *settings) statePath() (path string, asked bool) {
	_, asked = s.sources["state-dir"]
	if !asked && len(s.files) > 0 && runtime.GOOS != "windows" {
		return usualState, false
	}
	return s.stateDir, asked
}

// banState is where bans are kept over a restart.
type banState struct {
	list  func() []ban
	write func(keptBans) error // its error may be errNowhere
	told  func(error)          // hears why the bans could not be kept

	saving sync.Mutex    // held by the only one who writes the file
	soon   chan struct{} // holds something if the bans are to be written
	stop   chan struct{} // closed at the end
	ended  chan struct{} // closed after that
}

// errNowhere is why bans are not kept: there is no directory for them.
var errNowhere = errors.New("there is no state-dir")

// keptBans is what a file of bans holds.
type keptBans struct {
	Version int   `json:"version"`
	Bans    []ban `json:"bans"`
}

// openState reads the bans of before and has bans kept from now on. The usual directory, which nobody asked for, may be
// missing, or in use by another server.
func (d *daemon) openState() error {
	dir, asked := d.statePath()
	if dir == "" || d.left.isTrial() { // the server that runs has it
		return nil
	}
	err := makeState(dir)
	if err == nil {
		d.stateLock, err = lockState(dir)
	}
	if err != nil && !asked {
		d.log.Warn("bans are not kept over a restart", "problem", err, "cure", "--state-dir DIR, or --state-dir= for nowhere")
		return nil
	}
	if err != nil {
		return d.told("state-dir", err)
	}
	path := filepath.Join(dir, "bans.json")
	kept, err := readBans(path)
	if err != nil {
		return d.told("state-dir", err)
	}
	d.bans.restore(kept)
	d.keepBans(func(kept keptBans) error { return writeBans(path, kept) })
	return nil
}

// keepBans has changes of the bans kept by a function.
func (d *daemon) keepBans(write func(keptBans) error) {
	d.bans.state = &banState{
		list: d.bans.list, write: write, soon: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{}),
		told: func(err error) { d.log.Error("bans are not kept over a restart", "problem", err) },
	}
	go d.bans.state.run()
}

// makeState makes the directory if it is missing, and tries to write there.
func makeState(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	f, err := os.CreateTemp(dir, ".sallyport-*")
	if err != nil {
		return err
	}
	f.Close()
	return os.Remove(f.Name())
}

// readBans reads the bans in a file, none if it is missing.
func readBans(path string) ([]ban, error) {
	text, err := readBounded(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var kept keptBans
	if err == nil {
		err = json.Unmarshal(text, &kept)
	}
	if err == nil {
		err = kept.check()
	}
	if err != nil {
		return nil, fmt.Errorf("%s can't be used: %w; bring back a copy that is whole, or remove the file, which lifts its bans", path, err)
	}
	return kept.Bans, nil
}

// check reports what is wrong with what was kept.
func (k *keptBans) check() error {
	if k.Version != stateVersion {
		return fmt.Errorf("it is of version %d, and this program knows %d", k.Version, stateVersion)
	}
	for _, b := range k.Bans {
		if p, err := networks.Parse(b.Network.String()); err != nil || p.Bits() == 0 {
			return fmt.Errorf("%v is no network to ban", b.Network)
		}
	}
	return nil
}

// writeBans replaces a file of bans.
func writeBans(path string, kept keptBans) error {
	text, err := json.MarshalIndent(kept, "", "  ")
	if err != nil {
		return err
	}
	return replaceFile(path, append(text, '\n'))
}

// readBounded reads a file that may not be too long.
func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, mostState+1))
	if err == nil && len(text) > mostState {
		err = fmt.Errorf("it has more than %d bytes", mostState)
	}
	return text, err
}

// restore has bans hold that were kept, and no others.
func (b *bans) restore(kept []ban) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	clear(b.banned)
	for _, x := range kept {
		if p, err := networks.Parse(x.Network.String()); err == nil && !x.isOver(now) {
			x.Network = p
			b.banned[p] = x
		}
	}
	b.forgetBans(now)
}

// save has the bans kept, and reports whether they are.
func (s *banState) save() (kept bool) {
	if s == nil {
		return false
	}
	s.saving.Lock()
	defer s.saving.Unlock()
	err := s.write(keptBans{stateVersion, s.list()})
	if err != nil && err != errNowhere {
		s.told(err)
	}
	return err == nil
}

// saveSoon has the bans written without waiting for that.
func (s *banState) saveSoon() {
	if s == nil {
		return
	}
	select {
	case s.soon <- struct{}{}:
	default: // the next writing will see what there is
	}
}

// run writes the bans when it is told to, until close.
func (s *banState) run() {
	defer close(s.ended)
	for stopped := false; !stopped; {
		select {
		case <-s.soon:
		case <-s.stop:
			stopped = true
		}
		s.save()
	}
}

// close waits until all is written.
func (s *banState) close() {
	if s == nil {
		return
	}
	close(s.stop)
	<-s.ended
}

// replaceFile writes a file anew such that a crash leaves the old one or the new one.
func replaceFile(path string, text []byte) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-*") // with mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir brings the names in a directory to the disk. Windows has no such call.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// lookAtState looks whether the bans of before can be read.
func (c *inspection) lookAtState() {
	if dir, _ := c.statePath(); dir != "" {
		_, err := readBans(filepath.Join(dir, "bans.json"))
		c.bad(c.told("state-dir", err))
	}
	if c.bans.after > 0 && c.shared {
		c.warn("%s: there are no automatic bans, since %s hides all clients behind one address", c.at("ban-after"), c.at("shared-address"))
	}
}
