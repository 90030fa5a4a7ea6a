package sidebyside

import (
	"regexp"
	"strings"
)

// heeded returns of a reply what clients and scripts match on: the code, and of some replies the text or a part of it.
// The rest of a text is for people, and either daemon has its own.
func heeded(line string, reply string) string {
	if strings.HasPrefix(reply, "(") {
		return reply
	}
	code, text := reply[:3], strings.TrimPrefix(strings.ReplaceAll(reply[3:], "\n", " "), "-")
	text = strings.TrimSpace(text)
	verb, _, _ := strings.Cut(line, " ")
	switch code {
	case "250":
		if verb == "CWD" && strings.Contains(reply, "\n") {
			text = strings.ReplaceAll(reply[3:strings.LastIndex(reply, "\n")], "\n", " ")
		} else {
			text = ""
		}
	case "150":
		text = size.FindString(text)
	case "213":
		if verb == "STAT" {
			text = ""
		}
		text = recent.ReplaceAllString(text, "NOW")
	case "227":
		text = address.ReplaceAllString(text, "$1,P,P")
	case "229":
		text = port.ReplaceAllString(text, "PORT")
	case "257":
		text = quoted.FindString(text)
	case "530":
		if verb != "USER" && verb != "PASS" {
			text = ""
		}
	case "215", "220", "226", "230":
	default:
		text = ""
	}
	return strings.TrimSpace(code + " " + text)
}

var (
	size    = regexp.MustCompile(`\(\d+ bytes\)`)
	recent  = regexp.MustCompile(`\b2(?:02[5-9]|0[3-9]\d)\d{10}\b`)
	address = regexp.MustCompile(`(\d+,\d+,\d+,\d+),\d+,\d+`)
	port    = regexp.MustCompile(`\|\|\|\d+\|`)
	quoted  = regexp.MustCompile(`"(?:[^"]|"")*"`)
)

// inner returns the lines of a reply that programs read: those of FEAT, and the listing of STAT.
func inner(line, reply string) []string {
	verb, arg, _ := strings.Cut(line, " ")
	lines := strings.Split(reply, "\n")
	if len(lines) < 3 || verb != "FEAT" && (verb != "STAT" || arg == "") {
		return nil
	}
	lines = lines[1 : len(lines)-1]
	if verb == "FEAT" {
		for i := range lines {
			lines[i] = strings.TrimSpace(lines[i])
		}
	}
	return lines
}

// entry is a line of a listing.
var entry = regexp.MustCompile(`^([-dlbcps][-rwxstST]{9}) +(\d+) (\S+) +(\S+) +(\d+) ([A-Z][a-z]{2} [ \d]\d +[\d:]+) (.*)$`)

// columns are the parts of an entry.
var columns = []string{"", "(mode in listings)", "(links in listings)", "(owner in listings)", "(group in listings)", "(size in listings)", "(time in listings)", "(name in listings)"}

// parse returns the columns of a line of a listing; nil for other lines. The times of files that scripts have made are
// left out, and sizes of directories, which depend on the file system.
func parse(line string) []string {
	m := entry.FindStringSubmatch(line)
	if m == nil {
		return nil
	}
	if m[1][0] == 'd' {
		m[5] = "SIZE"
	}
	if strings.Contains(m[6], ":") {
		m[6] = "NOW"
	}
	return m
}

// split returns the lines of data.
func split(data string) (lines []string) {
	for line := range strings.Lines(data) {
		lines = append(lines, strings.TrimRight(line, "\r\n"))
	}
	return lines
}

// nameOf returns the name in a line of a listing, or the line.
func nameOf(line string) string {
	if m := parse(line); m != nil {
		return m[7]
	}
	if m := fileLine.FindStringSubmatch(line); m != nil {
		return m[1]
	}
	if unique.MatchString(line) { // a line of MLSD
		_, name, _ := strings.Cut(line, " ")
		return "(facts) " + name
	}
	return line
}

// fileLine is a line that found returns.
var fileLine = regexp.MustCompile(`^(/.*?|) [-dL][-rwxst]{9} `)

var unique = regexp.MustCompile(`;unique=`)
