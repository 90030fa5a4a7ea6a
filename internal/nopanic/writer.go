package nopanic

import "io"

// Writer returns a writer that fails where w panics. Nil stays nil.
func Writer(w io.Writer) io.Writer {
	if w == nil {
		return nil
	}
	return writer{w}
}

type writer struct{ to io.Writer }

func (w writer) Write(p []byte) (int, error) {
	return Call("Write", func() (int, error) { return w.to.Write(p) })
}
