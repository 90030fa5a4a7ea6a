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

// usualState is the state directory of a server with a configuration file.
const usualState = "/var/lib/sallyport"

const (
	stateVersion = 1
	mostState    = 16 << 20 // bytes of a file
)

// statePath returns the state directory, empty for none, and whether an option names it.
func (s *settings) statePath() (path string, asked bool) {
	_, asked = s.sources["state-dir"]
	if !asked && len(s.files) > 0 && runtime.GOOS != "windows" {
		return usualState, false
	}
	return s.stateDir, asked
}

// banState keeps bans over a restart.
type banState struct {
	list  func() []ban
	write func(keptBans) error // writes the file; its error may be errNowhere
	told  func(error)          // gets the error if bans could not be kept

	saving sync.Mutex    // is held while the file is written
	soon   chan struct{} // is full if the bans are to be written
	stop   chan struct{} // is closed to end run
	ended  chan struct{} // is closed when run has ended
}

// errNowhere means that bans are not kept, since there is no directory for them.
var errNowhere = errors.New("there is no state-dir")

// keptBans is the content of the file of bans.
type keptBans struct {
	Version int   `json:"version"`
	Bans    []ban `json:"bans"`
}

// openState reads the bans that an earlier run has kept, and has bans kept from now on. The usual directory may be
// missing, or in use by another server, since nobody asked for it.
func (d *daemon) openState() error {
	dir, asked := d.statePath()
	if dir == "" || d.left.isTrial() { // a trial leaves the directory to the server that runs
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

// keepBans has each change of the bans written by a function.
func (d *daemon) keepBans(write func(keptBans) error) {
	d.bans.state = &banState{
		list: d.bans.list, write: write, soon: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{}),
		told: func(err error) { d.log.Error("bans are not kept over a restart", "problem", err) },
	}
	go d.bans.state.run()
}

// makeState makes the state directory if it is missing, and makes sure that it can be written to.
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

// readBans returns the bans in a file, none if the file is missing.
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

// check reports what is wrong with the content of a file of bans.
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

// readBounded reads a file of at most mostState bytes.
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

// restore replaces all bans by the kept ones that are not over.
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

// save writes the bans, and reports whether they will outlive a restart.
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

// saveSoon has run write the bans, and doesn't wait for that.
func (s *banState) saveSoon() {
	if s == nil {
		return
	}
	select {
	case s.soon <- struct{}{}:
	default: // the write to come includes this change
	}
}

// run writes the bans after each saveSoon, and a last time on close.
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

// close ends run and waits until the bans are written.
func (s *banState) close() {
	if s == nil {
		return
	}
	close(s.stop)
	<-s.ended
}

// replaceFile replaces a file such that after a crash either the old or the new content is there as a whole.
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

// syncDir brings the names in a directory to the disk. It does nothing on Windows, which has no such call.
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

// lookAtBans warns of bans that there will be none of.
func (c *inspection) lookAtBans() {
	if c.bans.after > 0 && c.shared {
		c.warn("%s: there are no automatic bans, since %s hides all clients behind one address", c.at("ban-after"), c.at("shared-address"))
	}
}
