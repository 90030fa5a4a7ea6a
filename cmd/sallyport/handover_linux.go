package main

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/channel"
	"github.com/sallyport/sallyport/tls"
)

// takeOverVariable is the environment variable that tells a keeper to take over from another program in the same
// process, or to try whether it could.
const takeOverVariable = "SALLYPORT_TAKE_OVER"

// Prefixes of the variable's value. Behind toTakeOver comes the number of a descriptor, behind toTry a handover as
// JSON.
const (
	toTakeOver = "descriptor "
	toTry      = "try "
)

// takeOverVersion is the version of handover. A program takes over only from programs of the same version.
const takeOverVersion = 3

// handover is what a keeper leaves to the program that is executed in the same process.
type handover struct {
	Version   int
	Messages  int // the version of the messages of all parts, see channel.Version
	Started   time.Time
	Password  string
	Listeners []leftListener
	Control   leftControl
	Made      [][]byte // the certificate made for this run and its key; empty if it comes from a file
	Log       []int    // both ends of the pipe that parts write their log to; empty if that is standard error
	Bans      []ban
	Tickets   [][]byte  // the keys of TLS session tickets
	Renewed   time.Time // when these were renewed
	Engines   []leftEngine
	Usages    []leftUsage
	Number    uint64 // of the engine that was started last
	Parts     []int  // the PIDs of all parts, those too that end with this program

	trial bool
}

// leftListener is a listener with its name, as a supervisor hands it over. In a trial only Name and Addr are set.
type leftListener struct {
	Name, Addr string
	FD         int
}

type leftControl struct {
	Path string
	FD   int // 0 for none
}

// leftPart is a process and the socket to it.
type leftPart struct {
	PID, FD int
	Last    uint64
	Held    []leftMessage
}

type leftMessage struct {
	Bytes []byte
	FD    int // 0 for none
}

type leftEngine struct {
	leftPart
	Retired  time.Time
	LastHand uint64
	Hands    []leftHand
}

type leftHand struct {
	leftPart
	ID, Sessions uint64
	Dir, As      string
	Folders      string // see foldersOf
	Store        string // of a bucket
	Session      string // the user whose session PAM has opened; empty for none
	PAM          *leftSession
	Counts       int // the place in the counts of the home; -1 without a quota
	Uploads      string
	Umask        fs.FileMode
	Umasked      bool // Umask holds
	Rules        fileRules
	Quota        int64
	Limited      bool   // Quota holds
	Check        string // the check of uploads
	UID, GID     int
	Groups       []int
	NoMoreLogins bool
}

// leftBehind returns what another program has left to this one, nil if there was none.
func leftBehind() (*handover, error) {
	text, ok := os.LookupEnv(takeOverVariable)
	if !ok {
		return nil, nil
	}
	os.Unsetenv(takeOverVariable)
	h := &handover{}
	if told, ok := strings.CutPrefix(text, toTry); ok {
		h.trial = true
		if err := json.Unmarshal([]byte(told), h); err != nil {
			return nil, fmt.Errorf("%s: %w", takeOverVariable, err)
		}
	} else {
		fd, err := strconv.Atoi(strings.TrimPrefix(text, toTakeOver))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", takeOverVariable, err)
		}
		if err := unpack(os.NewFile(uintptr(fd), "handover"), h); err != nil {
			return nil, fmt.Errorf("%s: %w", takeOverVariable, err)
		}
	}
	if h.Version != takeOverVersion {
		return nil, fmt.Errorf("the server that runs can't be upgraded to this program, which knows another way to take over (%d, and not %d); restart it", takeOverVersion, h.Version)
	}
	if h.Messages != channel.Version { // its engines live on, and would understand no message of this program
		return nil, fmt.Errorf("the server that runs can't be upgraded to this program, whose processes send other messages (version %d, and not %d); restart it", channel.Version, h.Messages)
	}
	return h, nil
}

// certificate returns the certificate that was made for this run; nil if there is none, or if the options now name one.
func (h *handover) certificate(s *settings, log *slog.Logger) (*certificate, error) {
	if len(h.Made) != 2 || s.cert != "" {
		return nil, nil
	}
	key, err := x509.ParsePKCS8PrivateKey(h.Made[1])
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(h.Made[0])
	if err != nil {
		return nil, err
	}
	config := &tls.Config{Certificates: []tls.Certificate{{Certificate: h.Made[:1], PrivateKey: key, Leaf: leaf}}, MinVersion: tls.VersionTLS12}
	return s.askingClients(s.shownCertificate(config, log))
}

// leave returns a certificate made for this run and its key, for the next program; nil for a certificate from a file.
func (c *certificate) leave() ([][]byte, error) {
	if !c.made() {
		return nil, nil
	}
	made := c.config.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(made.PrivateKey)
	return [][]byte{made.Certificate[0], key}, err
}

// isTrial reports whether this program only tries to take over, while the other one goes on.
func (h *handover) isTrial() bool { return h != nil && h.trial }
