package wire

import "io"

// maxReply is how much text one reply may have when read: a STAT of a large
// directory fits, and a hostile server cannot fill the memory.
const maxReply = 1 << 20

// ReadReply reads one reply, as a client does. Lines are as on the wire without
// CRLF; the first and the last are without the code as well. RFC 959, section
// 4.2: the reply ends at the first line with the same code and a space.
//
// A line that is no reply gives a [*SyntaxError]; what the reader reports comes
// back as it is, but an end of input inside a reply is io.ErrUnexpectedEOF.
func ReadReply(l *LineReader) (Reply, error) {
	line, err := l.ReadLine()
	if err != nil {
		return Reply{}, err
	}
	code, sep, ok := replyCode(line)
	if !ok {
		return Reply{}, &SyntaxError{"A reply", "a code of three digits, then a space or a hyphen"}
	}
	reply := Text(code, replyText(line))
	if sep == ' ' {
		return reply, nil
	}
	for size := len(line); size <= maxReply; size += len(line) + 1 {
		if line, err = l.ReadLine(); err != nil {
			return Reply{}, noEOF(err)
		}
		if c, sep, ok := replyCode(line); ok && c == code && sep == ' ' {
			reply.Lines = append(reply.Lines, replyText(line))
			return reply, nil
		}
		reply.Lines = append(reply.Lines, string(line))
	}
	return Reply{}, &SyntaxError{"A reply", "an end within 1 MiB"}
}

// replyCode reads the code and the character behind it. A code alone on its
// line counts as one with a space: some servers trim what they send.
func replyCode(line []byte) (code int, sep byte, ok bool) {
	if len(line) < 3 || line[0] < '1' || line[0] > '6' || !isDigit(line[1]) || !isDigit(line[2]) {
		return 0, 0, false
	}
	sep = ' '
	if len(line) > 3 {
		sep = line[3]
	}
	code = int(line[0]-'0')*100 + int(line[1]-'0')*10 + int(line[2]-'0')
	return code, sep, sep == ' ' || sep == '-'
}

func replyText(line []byte) string { return string(line[min(4, len(line)):]) }

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
