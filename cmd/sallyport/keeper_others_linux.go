package main

import (
	"os"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
)

// mostLiving bounds the engines that are asked at once: those that may live, and those that end meanwhile.
const mostLiving = 4 * maxEngines

// others answers with the processes of all engines but the one that asks.
func (k *keeper) others(e *engineProcess, w *channel.Writer) {
	var pids []uint64
	for _, other := range k.allEngines() {
		if other != e && len(pids) < mostLiving {
			pids = append(pids, uint64(other.PID))
		}
	}
	w.Uint(uint64(len(pids)))
	for _, pid := range pids {
		w.Uint(pid)
	}
}

// relay passes a question of an engine on to another one, and answers with the answer. The keeper reads neither.
func (k *keeper) relay(e *engineProcess, c *channel.Call) (answer *os.File, err error) {
	pid, ends := c.Uint(), c.Bool()
	if err := c.End(); err != nil {
		return nil, err
	}
	if c.File == nil {
		return nil, channel.ErrMessage
	}
	for _, other := range k.allEngines() {
		if other == e || uint64(other.PID) != pid {
			continue
		}
		err := other.Ask(c.Ctx, patienceOf(ends), tellOther, nil, c.File, func(_ *channel.Reader, f *os.File) error {
			answer = f
			return nil
		})
		if err == nil && answer == nil {
			err = channel.ErrMessage
		}
		return answer, err
	}
	return nil, channel.ErrGone
}
