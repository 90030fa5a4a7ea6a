package main

import (
	"crypto/rand"
	"fmt"
	"os"
	"strings"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/passhash"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/vsftpd"
)

// useImage has the run take the variables and volumes of an image.
func (r *vsftpdRun) useImage(name string) error {
	if r.image = vsftpd.FindImage(name); r.image != nil {
		return nil
	}
	var known []string
	for _, i := range vsftpd.Images {
		known = append(known, i.Name)
	}
	return &usageError{vsftpdCommand, []error{fmt.Errorf("--image: %q is not known; want %s", name, strings.Join(known, " or "))}}
}

// readImage translates the variables of the environment that the image has.
func (r *vsftpdRun) readImage() (*vsftpd.Translation, error) {
	if r.password == "" {
		r.password = rand.Text() // stays for a reload
	}
	made := false
	env := func(name string) string {
		value := os.Getenv(name)
		if strings.HasPrefix(value, "**") { // stands for the default in fauria/vsftpd
			value = ""
		}
		if name == "FTP_PASS" && value == "" && r.image.Name == "fauria/vsftpd" {
			made, value = true, r.password
		}
		return value
	}
	t, users := r.image.Translate(env, func(password string) (string, error) { return passhash.Make("argon2id", password) })
	if made {
		t.Notes = append(t.Notes, vsftpd.Note{Text: "FTP_PASS is not set, and a password was made for this run: " + r.password})
	}
	r.homes = users
	return t, nil
}

// makeHomes makes the homes of the users of an image, with their rights, where a volume has none.
func (r *vsftpdRun) makeHomes() error {
	for _, u := range r.homes {
		err := os.MkdirAll(u.Home, 0o755)
		if err == nil {
			err = os.Chown(u.Home, u.UID, u.GID)
		}
		if err != nil {
			return fmt.Errorf("the home of user %q: %w", u.Name, err)
		}
	}
	return nil
}
