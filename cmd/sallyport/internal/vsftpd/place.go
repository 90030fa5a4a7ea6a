package vsftpd

import "fmt"

// Place is where an option was set.
type Place struct {
	File string // the argument itself for an option of the command line
	Line int    // 0 for an option of the command line
}

// String returns file:line, or the option of the command line as it was given.
func (p Place) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// Mistake is why vsftpd or Sallyport would not start.
type Mistake struct {
	Oops  string // what vsftpd says behind "500 OOPS: ", or what Sallyport says in its manner
	Place Place  // zero if the mistake is in no single place
	Cure  string // what is there, and what would be right
}

// Error returns the line of vsftpd, and a second one with place and cure.
func (m *Mistake) Error() string {
	text := "500 OOPS: " + m.Oops
	if m.Place.File == "" && m.Cure == "" {
		return text
	}
	if m.Place.File == "" {
		return text + "\n  " + m.Cure
	}
	return text + "\n  " + m.Place.String() + ": " + m.Cure
}

// Note is something that is accepted, but may not be what was meant, or is not what vsftpd does.
type Note struct {
	Place Place // zero if the note is about no single place
	Text  string
}

// String returns the note with its place in front.
func (n Note) String() string {
	if n.Place.File == "" {
		return n.Text
	}
	return n.Place.String() + ": " + n.Text
}
