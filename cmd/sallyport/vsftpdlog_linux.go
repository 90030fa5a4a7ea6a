package main

import (
	"context"
	"io"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
)

// vsftpdByKeeper has the keeper write lines of one of the logs, which it has opened.
type vsftpdByKeeper struct {
	e    *engine
	kind int
}

// Write returns when the line is written.
func (v vsftpdByKeeper) Write(line []byte) (int, error) {
	if len(line) == 0 {
		return 0, nil
	}
	err := v.e.keeper.Ask(context.Background(), auditStuck, askVsftpdLog, func(w *channel.Writer) { w.Uint(uint64(v.kind)); w.String(string(line)) }, nil, nil)
	if err != nil {
		return 0, err
	}
	return len(line), nil
}

// Close does nothing, since the keeper has the file.
func (v vsftpdByKeeper) Close() error { return nil }

// openVsftpdLogs has the keeper write the logs in the formats of vsftpd.
func (e *engine) openVsftpdLogs() {
	var to [vsftpdLogKinds]io.WriteCloser
	for kind, wanted := range e.vsftpdLogs.wanted() {
		if wanted {
			to[kind] = vsftpdByKeeper{e, kind}
		}
	}
	e.vsftpd = newVsftpdWriter(to, e.vsftpdLogs.Protocol, e.log)
}

// writeVsftpdLog writes a line of one of the logs in the formats of vsftpd for an engine.
func (k *keeper) writeVsftpdLog(c *channel.Call) error {
	kind, line := c.Uint(), c.String()
	if k.vsftpd == nil || kind >= vsftpdLogKinds || k.vsftpd.logs[kind] == nil || line == "" {
		return channel.ErrMessage
	}
	_, err := io.WriteString(k.vsftpd.logs[kind].to, line)
	return err
}
