package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/hand"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/part"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/passhash"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/signer"
	"github.com/sallyport/sallyport/driver"
	"github.com/sallyport/sallyport/internal/crowding"
)

// runPart runs a part of a split server until the keeper ends or closes the socket to the part.
func runPart(args []string) error {
	if len(args) != 1 {
		return errors.New("sallyport starts its parts itself, when the option run-as is given; nobody else can")
	}
	processors, err := part.Begin(func() { crowding.Now() }) // opens /proc/loadavg before the sandbox forbids it
	if err != nil {
		return err
	}
	log, _ := partLog(args[0], slog.LevelInfo)
	switch args[0] {
	case partSigner:
		go tidy(context.Background())
		return endWith(part.Keeper(signer.New().Answer))
	case partClerk:
		go tidy(context.Background())
		return endWith(part.Keeper(newClerk().answer))
	case partRunner:
		return runRunner()
	case partHand:
		return runHand(log)
	case partJudge:
		return endWith(part.Keeper(new(judgePart).answer))
	case partEngine:
		return runEngine(processors)
	}
	return errors.New("there is no such part")
}

// endWith returns err, or nil once the keeper has ended.
func endWith(keeper *channel.Peer, err error) error {
	if err == nil {
		<-keeper.Done()
	}
	return err
}

// clerk compares passwords with hashes, asks HTTP endpoints and looks up names. It does so in place of the keeper,
// which must not be kept busy and has more rights to lose.
type clerk struct {
	checker *passhash.Checker
	poster  *poster
}

func newClerk() *clerk { return &clerk{passhash.NewChecker(), newPoster()} }

func (k *clerk) answer(c *channel.Call, w *channel.Writer) (*os.File, error) {
	one, other := c.String(), c.String()
	switch c.Op {
	case tellLookUp:
		return nil, lookUp(c.Ctx, w, one)
	case tellCheck:
		right, err := k.checker.Check(c.Ctx, one, other)
		w.Bool(right)
		return nil, err
	case tellPost:
		status, said, err := k.poster.post(c.Ctx, one, []byte(other))
		w.Uint(uint64(status))
		w.String(string(said))
		return nil, err
	}
	return nil, errors.ErrUnsupported
}

// lookUp writes the addresses of a name. It uses Go's own resolver, since the C library may want sockets and files
// that no sandbox can foresee.
func lookUp(ctx context.Context, w *channel.Writer, name string) error {
	addrs, err := (&net.Resolver{PreferGo: true}).LookupNetIP(ctx, "ip", name)
	w.Addrs(addrs)
	return err
}

// runHand serves the directories of one place to the engine, with the rights of the place's user.
func runHand(log *slog.Logger) error {
	socket, err := part.File(0)
	if err != nil {
		return err
	}
	opened := make(chan *openPlace, 1)
	keeper, err := part.Keeper(func(c *channel.Call, _ *channel.Writer) (*os.File, error) {
		var at handPlace
		if err := json.Unmarshal([]byte(c.String()), &at); err != nil {
			return nil, err
		}
		o, err := at.open()
		if err != nil {
			return nil, err
		}
		select {
		case opened <- o:
			return nil, nil
		default:
			o.close()
			return nil, channel.ErrMessage // the directories are given once
		}
	})
	if err != nil {
		return err
	}
	var o *openPlace
	select {
	case o = <-opened:
	case <-keeper.Done():
		return nil
	}
	go o.sweepOften(log)
	served := make(chan error, 1)
	go func() { served <- hand.Serve(socket, o.files(keeper)...) }()
	select {
	case err := <-served:
		return err
	case <-keeper.Done():
		return nil
	}
}

// openPlace holds the directories of a hand, in the order of its roots.
type openPlace struct {
	handPlace
	dirs []*driver.Dir
	home *driver.Dir // Home; nil if there is none
}

// open opens the directories of a place.
func (at handPlace) open() (*openPlace, error) {
	o := &openPlace{handPlace: at}
	for _, r := range at.Roots {
		dir, err := driver.OpenDir(r.Dir)
		if err != nil {
			o.close()
			return nil, fmt.Errorf("%s: %w", inWords(r.Name), err)
		}
		if at.InPlace {
			dir.Uploads = driver.InPlace
		}
		at.Rules.applyTo(dir, umask{at.Umask, at.Umasked})
		o.dirs = append(o.dirs, dir)
	}
	if at.Home != "" {
		o.home, _ = driver.OpenDir(at.Home) // without a home sessions start in the root
	}
	return o, nil
}

func (o *openPlace) close() {
	for _, dir := range o.dirs {
		dir.Close()
	}
	if o.home != nil {
		o.home.Close()
	}
}

// files returns the files of the directories, whose uploads the keeper has looked at if the account says so.
func (o *openPlace) files(keeper *channel.Peer) (all []driver.FS) {
	for i, dir := range o.dirs {
		var files driver.FS = dir
		if o.Checked {
			files = driver.Inspect(dir, inspectBy(keeper, i, o.Roots[i].Dir))
		}
		if o.Rules.Give {
			files = &giving{files, keeper}
		}
		all = append(all, files)
	}
	return all
}

// sweepOften removes what uploads of a killed process have left behind, at once and then every hour.
func (o *openPlace) sweepOften(log *slog.Logger) {
	for {
		for i, dir := range o.dirs {
			if i == 0 && o.Home != "" {
				dir = o.home
			}
			if o.Roots[i].ReadOnly || dir == nil {
				continue
			}
			n, err := dir.Sweep(context.Background(), sweepAge)
			if n > 0 {
				log.Info("removed what interrupted uploads left behind", "files", n)
			}
			if err != nil {
				log.Warn("looking for what interrupted uploads left behind", "err", err)
			}
		}
		time.Sleep(sweepEvery)
	}
}
