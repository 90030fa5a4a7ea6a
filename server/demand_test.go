package server

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sallyport/sallyport/passive"
	"github.com/sallyport/sallyport/tls"
)

// What the next data connection has to prove depends on what the data connections
// before it did. The names of the clients are those of the table in
// docs/firewalls.md that tells what a thief can get from each.
func TestDemand(t *testing.T) {
	download, upload := &transfer{secured: true, resumed: true}, &transfer{secured: true, resumed: true, upload: true}
	broken := &transfer{secured: true, resumed: true}
	plain, inClear := &transfer{secured: true}, &transfer{}
	const several = "one of several sessions of its user whose tickets may be in one place"
	for client, c := range map[string]struct {
		seen []*transfer
		err  error // of the last transfer
		want passive.ProofPolicy
	}{
		"resumes, " + several:                             {[]*transfer{download, download}, nil, passive.Untested},
		"resumes, and has done so before":                 {[]*transfer{download}, nil, passive.Expected},
		"the same, several times":                         {[]*transfer{upload, download}, nil, passive.Expected},
		"the same, after an upload had left it a ticket":  {[]*transfer{upload, upload}, nil, passive.Expected},
		"resumes, first transfer":                         {nil, nil, passive.Untested},
		"resumes, after an upload that follows downloads": {[]*transfer{download, download, download, upload}, nil, passive.Untested},
		"resumes, after its first upload":                 {[]*transfer{upload}, nil, passive.Untested},
		"resumes, after its first transfer that failed":   {[]*transfer{download, download}, errors.New("cut"), passive.Untested},
		"resumes after a failure, and then an upload":     {[]*transfer{download, broken, download, upload}, nil, passive.Untested},
		"the same, after an upload and a failure":         {[]*transfer{upload, broken, upload}, nil, passive.Expected},
		"has come with proof and without, resumes":        {[]*transfer{upload, plain}, nil, passive.Unlikely},
		"never resumes, first transfer":                   {nil, nil, passive.Untested},
		"never resumes, later transfers":                  {[]*transfer{plain}, nil, passive.Unlikely},
		"never resumes, after transfers in clear":         {[]*transfer{inClear}, nil, passive.Untested},
	} {
		p := proof{shares: strings.HasSuffix(client, several)}
		for i := range c.seen {
			if c.seen[i].resumed {
				p.given.Add(1)
			}
			err := c.err
			if i < len(c.seen)-1 {
				err = nil
			}
			if c.seen[i] == broken {
				err = errors.New("cut")
			}
			p.learn(c.seen[i], err)
		}
		assert.Equal(t, c.want, p.demand(tls.Prefer), client)
		assert.Equal(t, passive.Required, p.demand(tls.Require), client)
	}
}
