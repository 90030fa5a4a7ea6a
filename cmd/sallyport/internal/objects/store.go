package objects

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// version is the version of what the server and sallyport-s3 tell each other. Both have to have the same.
const version = 1

// ServeCommand has sallyport-s3 serve the files of a store at its standard input and output: the first message that it
// receives is the text of the store, which it answers with a message of one byte once it serves.
const ServeCommand = "serve"

// Store is what it takes to reach a bucket, or a directory of one.
type Store struct {
	Endpoint          string // host and perhaps port
	Region            string // empty to ask the store
	Bucket            string
	Prefix            string // the directory of the bucket; empty for all
	InsecureHTTP      bool   // without TLS
	AccessKey, Secret string
}

// String returns where a store is, without its keys.
func (s *Store) String() string {
	return strings.TrimSuffix(s.Endpoint+"/"+s.Bucket+"/"+s.Prefix, "/")
}

// Port returns the port that the store is reached at.
func (s *Store) Port() (uint16, error) {
	u, err := url.Parse("https://" + s.Endpoint)
	if err != nil {
		return 0, err
	}
	switch port := u.Port(); {
	case port != "":
		n, err := strconv.ParseUint(port, 10, 16)
		if err == nil && n == 0 {
			err = fmt.Errorf("there is no port %s", port)
		}
		return uint16(n), err
	case s.InsecureHTTP:
		return 80, nil
	}
	return 443, nil
}

// told is a store as a message has it.
type told struct {
	Version int
	*Store
}

// Text returns a store as a text that Parse reads. Stores with the same text are the same.
func (s *Store) Text() string {
	text, err := json.Marshal(told{version, s})
	if err != nil {
		panic(err) // texts and truth values can always be written as JSON
	}
	return string(text)
}

// Parse reads the text of a store.
func Parse(text string) (*Store, error) {
	t := told{Store: &Store{}}
	if err := json.Unmarshal([]byte(text), &t); err != nil {
		return nil, err
	}
	if t.Version != version {
		return nil, fmt.Errorf("sallyport-s3 is of another version (%d) than the server (%d); install both together", version, t.Version)
	}
	return t.Store, nil
}
