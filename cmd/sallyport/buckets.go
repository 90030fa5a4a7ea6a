package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/objects"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/strict"
)

// bucket holds the keys of a table [bucket.NAME]: a bucket of a store that speaks the protocol of Amazon S3.
type bucket struct {
	Endpoint     string `toml:"endpoint"`
	Region       string `toml:"region"`
	Bucket       string `toml:"bucket"` // empty for the name of the table
	Keys         string `toml:"keys"`   // the file with bucketKeys
	InsecureHTTP bool   `toml:"insecure-http"`
}

// bucketKeys is what the file of a bucket's keys holds.
type bucketKeys struct {
	Access string `toml:"access-key"`
	Secret string `toml:"secret-key"`
}

// bucketRoot is a bucket in the tree of an account.
type bucketRoot struct {
	Name     string // by which clients see it
	Store    string // the text of the store
	ReadOnly bool
}

// bucketsOf returns the buckets of an account as JSON, a text that places can be compared by; empty for none.
func (s *settings) bucketsOf(a *account) string {
	var all []bucketRoot
	for name, f := range inOrder(a.Folders) {
		if f.Bucket == "" {
			continue
		}
		st := s.buckets[f.Bucket]
		st.Prefix = f.Prefix
		all = append(all, bucketRoot{name, st.Text(), f.ReadOnly})
	}
	if len(all) == 0 {
		return ""
	}
	return jsonText(all)
}

// jsonText returns a value that can always be written as JSON.
func jsonText(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// apart returns a place without its buckets, and the buckets.
func (p place) apart() (dirs place, buckets []bucketRoot) {
	if p.buckets != "" {
		if err := json.Unmarshal([]byte(p.buckets), &buckets); err != nil {
			panic(err) // bucketsOf has written it
		}
	}
	p.buckets = ""
	return p, buckets
}

// place returns the place of a bucket alone.
func (b *bucketRoot) place() place { return place{store: b.Store} }

// openBuckets checks the tables of buckets and reads their keys.
func (f *configFile) openBuckets(places strict.Places) (all map[string]objects.Store, problems []*strict.Problem) {
	all = map[string]objects.Store{}
	for name, b := range inOrder(f.buckets) {
		c := &accountCheck{places: places}
		table := strict.Key("bucket", name)
		st := objects.Store{Endpoint: b.Endpoint, Region: b.Region, Bucket: b.Bucket, InsecureHTTP: b.InsecureHTTP}
		_, wrongPort := st.Port()
		switch u, err := url.Parse("https://" + b.Endpoint); {
		case b.Endpoint == "":
			c.problem(table, "endpoint", "it is missing: say which host has the store, such as s3.eu-central-1.amazonaws.com")
		case err != nil || u.Host != b.Endpoint || wrongPort != nil:
			c.problem(table, "endpoint", "%q is no host; want one such as s3.eu-central-1.amazonaws.com or 10.0.0.5:9000, without https:// and path", b.Endpoint)
		}
		if st.Bucket == "" {
			st.Bucket = name
		}
		if b.Keys == "" {
			c.problem(table, "keys", "it is missing: say which file has the keys of the store, access-key and secret-key")
		} else {
			c.problems = append(c.problems, readKeys(b.Keys, &st, places[table+".keys"])...)
		}
		all[name] = st
		problems = append(problems, c.problems...)
	}
	return all, problems
}

// readKeys reads the file of a bucket's keys. A problem of the file as a whole has the place that names the file.
func readKeys(file string, st *objects.Store, at strict.Position) []*strict.Problem {
	sources, problems := strict.Files(file)
	if len(problems) > 0 {
		problems[0].Position = at
		return problems
	}
	var keys bucketKeys
	_, problems = strict.Read(&keys, sources...)
	if len(problems) == 0 && (keys.Access == "" || keys.Secret == "") {
		problems = append(problems, &strict.Problem{Position: at, Text: file + " has to have access-key and secret-key, each a text in quotes"})
	}
	if info, err := os.Stat(file); err == nil && os.PathSeparator == '/' && info.Mode().Perm()&0o006 != 0 {
		problems = append(problems, &strict.Problem{Position: at, Text: fmt.Sprintf("every user of this host can read or change %s; chmod o= %s", file, shell(file))})
	}
	st.AccessKey, st.Secret = keys.Access, keys.Secret
	return problems
}

// checkBucketFolder checks a folder that is said to be a bucket.
func (c *accountCheck) checkBucketFolder(table, name string, f folder) {
	key := func(of string) string { return strict.Key("folders", name, of) }
	if f.Dir != "" {
		c.problem(table, key("dir"), "the folder is a bucket; leave one of the two")
	}
	if _, ok := c.buckets[f.Bucket]; ok {
		return
	}
	if like := strict.Nearest(f.Bucket, slices.Collect(maps.Keys(c.buckets))); like != "" {
		c.problem(table, key("bucket"), "there is no bucket %q; did you mean %s?", f.Bucket, like)
	} else {
		c.problem(table, key("bucket"), "there is no bucket %q; begin one by [bucket.%s]", f.Bucket, f.Bucket)
	}
}

// bucketPrefix returns the prefix of a bucket for a user.
func bucketPrefix(prefix, user string) (string, error) {
	prefix, err := homeOf(prefix, user)
	if err == nil && prefix != "" && (!fs.ValidPath(prefix) || prefix == ".") {
		err = fmt.Errorf("%q is no prefix; want names with slashes between them, such as vendors/{user}", prefix)
	}
	return prefix, err
}

// usualBucketHelper is the name of the program that reaches buckets. It is in the directory of this program unless an
// option says otherwise.
const usualBucketHelper = "sallyport-s3"

// bucketHelper returns the path of the program that reaches buckets.
func (s *settings) bucketHelper() string {
	if s.bucketProgram != "" {
		return s.bucketProgram
	}
	own, _ := os.Executable() // without it the start of the program fails
	return filepath.Join(filepath.Dir(own), usualBucketHelper)
}

// checkBuckets reports what is wrong with the options of buckets as far as the options alone show.
func (s *settings) checkBuckets() (errs mistakes) {
	if s.bucketProgram != "" && !filepath.IsAbs(s.bucketProgram) {
		errs.say("%s: %q is no absolute path; want one such as /usr/local/bin/%s", s.head("s3-helper"), s.bucketProgram, usualBucketHelper)
	}
	return errs
}

// canReachBuckets reports that the program which reaches buckets is missing, and the cure. It reports nothing to others
// than root about a server that is split: nobody else can start one.
func (s *settings) canReachBuckets() error {
	if len(s.buckets) == 0 || s.runAs != "" && os.Geteuid() != 0 {
		return nil
	}
	helper := s.bucketHelper()
	if _, err := exec.LookPath(helper); err != nil {
		return s.told("s3-helper", fmt.Errorf("there is no %s, which reaches buckets (%w); build it (go install github.com/sallyport/sallyport/cmd/sallyport/sallyport-s3@latest), put it beside this program, or say by s3-helper where it is", helper, err))
	}
	return nil
}

// lookAtBuckets tries whether buckets can be reached.
func (c *inspection) lookAtBuckets(ctx context.Context) {
	if len(c.buckets) == 0 {
		return
	}
	if c.canReachBuckets() != nil {
		return // chain has reported it
	}
	c.rights(c.bucketHelper(), c.bucketHelper(), 0o002)
	for name, st := range inOrder(c.buckets) {
		if st.InsecureHTTP {
			c.warn("bucket %s: insecure-http: anybody on the way to %s can read files", name, st.Endpoint)
		}
		if err := tryBucket(ctx, c.bucketHelper(), &st); err != nil {
			c.warn("bucket %s: %v", name, err)
		}
	}
}

// tryBucket has the program that reaches buckets try one.
func tryBucket(ctx context.Context, helper string, st *objects.Store) error {
	const patience = 15 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, helper, "check")
	cmd.Stdin = strings.NewReader(st.Text())
	cmd.Env = append(usualEnvironment(), trustedEnvironment()...)
	out, err := cmd.CombinedOutput()
	if words := strings.TrimSpace(string(bytes.TrimPrefix(out, []byte("sallyport-s3: ")))); err != nil && words != "" {
		err = errors.New(shortened(words, maxProblem))
	}
	return err
}

// trustedEnvironment returns the variables that say which certificates TLS trusts.
func trustedEnvironment() (env []string) {
	for _, name := range []string{"SSL_CERT_FILE", "SSL_CERT_DIR"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}
