package ftptls

import (
	"context"
	stdtls "crypto/tls"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/sallyport/sallyport/tls"
)

// explain words a handshake's failure for whoever reads the log. silent says
// that not one byte had come from the peer. That the connection was a control
// connection is for the caller of HandshakeContext to say.
func explain(err error, silent bool) error {
	var header stdtls.RecordHeaderError
	switch {
	case errors.As(err, &header) && header.Conn != nil && printable(header.RecordHeader[:]):
		return fmt.Errorf("%w (it begins with %q)", tls.ErrClearText, header.RecordHeader[:])
	case silent && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded)):
		return fmt.Errorf("the client sent nothing: %w", err)
	}
	return fmt.Errorf("%w%s", err, hint(err.Error()))
}

// printable reports whether p, the beginning of what a client sent, is text such
// as a command in clear. The type of a TLS record, its first byte, is never
// printable.
func printable(p []byte) bool {
	for _, b := range p {
		if (b < ' ' || b > '~') && b != '\r' && b != '\n' {
			return false
		}
	}
	return true
}

// hint adds what the alerts and errors seen most often mean in practice.
func hint(text string) string {
	switch {
	case strings.Contains(text, "unknown certificate authority"), strings.Contains(text, "bad certificate"),
		strings.Contains(text, "certificate unknown"):
		return " (one side does not trust the other's certificate)"
	case strings.Contains(text, "client offered only unsupported versions"):
		return " (the client's TLS is older than this server accepts)"
	case strings.Contains(text, "unsupported application protocols"):
		return " (the client did not mean to speak FTP)"
	}
	return ""
}
