package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/signer"
	"github.com/sallyport/sallyport/driver"
)

// check reports what a server would reject in settings.
func (k *keeper) check(s *settings, cert *certificate) error {
	users, err := s.driver(func(context.Context, *account, place) (driver.FS, error) { return nil, errors.ErrUnsupported }, k.password, k.log)
	trial := &daemon{settings: s, cert: cert, log: k.log}
	if err := errors.Join(err, trial.makePorts()); err != nil {
		return err
	}
	defer trial.ports.Close()
	return trial.server(users).Validate()
}

// follow puts settings into force as a whole, or none of them.
func (k *keeper) follow(next *settings) error {
	if next.runAs != k.started.runAs {
		return fmt.Errorf("%s: the processes are those of %q already; restart the server to change that, or put it back", next.at("run-as"), k.started.runAs)
	}
	cert, err := k.certificateFor(next)
	users, err2 := k.judges(next)
	if err = errors.Join(err, err2); err == nil {
		err = errors.Join(next.checkDir(), k.check(next, cert))
	}
	if err == nil {
		err = k.tell(next, cert, func() { k.use(next, cert, func() {}) })
	}
	if err != nil {
		k.discard(cert)
		return err
	}
	k.users.now.Store(users)
	return nil
}

// tell tells the signer the key of a certificate and the engine the settings, and calls use to put them into force
// here if the engine accepts them. A part that doesn't live is told when it starts.
func (k *keeper) tell(s *settings, cert *certificate, use func()) error {
	k.quiet.RLock()
	defer k.quiet.RUnlock()
	k.telling.Lock()
	defer k.telling.Unlock()
	f, err := k.packedFor(s, cert, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	k.offered.Store(s)
	err = k.ask(context.Background(), partEngine, tellSettings, nil, f, nil)
	for _, e := range k.allEngines() {
		if err == nil && !k.isNewest(e) {
			if err := e.Ask(context.Background(), usualPatience, tellSettings, nil, f, nil); err != nil && !errors.Is(err, channel.ErrGone) {
				k.log.Warn("an engine of before an upgrade goes on by other settings", "pid", e.PID, "err", err)
			}
		}
	}
	if err != nil && !errors.Is(err, channel.ErrGone) {
		return err
	}
	use()
	return nil
}

// packedSettings packs the settings in force for an engine that begins. The caller holds telling.
func (k *keeper) packedSettings(e *engineProcess) (*os.File, error) {
	k.daemon.mu.Lock()
	s, cert := k.settings, k.cert
	k.daemon.mu.Unlock()
	return k.packedFor(s, cert, e.number)
}

// packedFor packs settings for the engine with a number, 0 for all, once the signer has the key of the certificate.
func (k *keeper) packedFor(s *settings, cert *certificate, number uint64) (*os.File, error) {
	pair, err := cert.pair()
	if err != nil {
		return nil, err
	}
	if p := k.part(partSigner); p != nil {
		err := signer.GiveKey(context.Background(), p.Peer, pair.PrivateKey)
		if err != nil && !errors.Is(err, channel.ErrGone) { // the next signer gets the key when it starts
			return nil, err
		}
	}
	k.told = pair.Certificate
	e := s.forEngine()
	e.Number, e.Chain, e.ControlGroup = number, pair.Certificate, -1
	if k.socket != nil {
		e.ControlPath, e.ControlGroup = k.socket.path, k.socket.group
	}
	if s.clientCA != "" {
		if e.ClientCA, err = os.ReadFile(s.clientCA); err != nil {
			return nil, err
		}
	}
	return packed(e)
}

// lookEvery is how often the keeper checks whether the certificate was renewed.
const lookEvery = 2 * time.Second

// watchCertificate has the signer and the engine use a renewed certificate, until ctx ends.
func (k *keeper) watchCertificate(ctx context.Context) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		k.reloading.Lock()
		pair, err := k.cert.pair()
		if err == nil && !k.hasTold(pair.Certificate) {
			err = k.tell(k.settings, k.cert, func() {})
		}
		k.reloading.Unlock()
		if err != nil {
			k.log.Error("the certificate that was read again is not in use yet", "err", err)
		}
	}
}

// hasTold reports whether the chain is the one that the engine was told of last.
func (k *keeper) hasTold(chain [][]byte) bool {
	k.telling.Lock()
	defer k.telling.Unlock()
	return slices.EqualFunc(k.told, chain, bytes.Equal)
}
