package vsftpd

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/strict"
)

// Image is an image of containers that serve by vsftpd. Sallyport can take its variables and volumes.
type Image struct {
	Name string

	options   string            // lines of vsftpd's configuration that the image sets
	variables map[string]string // the options that variables of the environment set
	users     func(env func(string) string) ([]ImageUser, error)
}

// ImageUser is a user whom an image makes.
type ImageUser struct {
	Name, Password string
	Home           string // where the volume is
	UID, GID       int    // of the files
}

// Images are the images whose variables and volumes are known.
var Images = []Image{
	{
		Name: "fauria/vsftpd",
		options: "listen=YES\nanonymous_enable=NO\nlocal_enable=YES\nguest_enable=YES\nvirtual_use_local_privs=YES\nwrite_enable=YES\nchroot_local_user=YES\n" +
			"hide_ids=YES\npasv_min_port=21100\npasv_max_port=21110\nconnect_from_port_20=YES\nlocal_root=/home/vsftpd\n",
		variables: map[string]string{
			"PASV_ADDRESS": "pasv_address", "PASV_ADDR_RESOLVE": "pasv_addr_resolve", "PASV_ENABLE": "pasv_enable", "PASV_MIN_PORT": "pasv_min_port", "PASV_MAX_PORT": "pasv_max_port",
			"FILE_OPEN_MODE": "file_open_mode", "LOCAL_UMASK": "local_umask", "PASV_PROMISCUOUS": "pasv_promiscuous", "PORT_PROMISCUOUS": "port_promiscuous", "LISTEN_PORT": "listen_port",
		},
		users: func(env func(string) string) ([]ImageUser, error) {
			name := or(env("FTP_USER"), "admin")
			return []ImageUser{{name, env("FTP_PASS"), "/home/vsftpd/" + name, 14, 50}}, nil // ftp in CentOS
		},
	},
	{
		Name: "delfer/alpine-ftp-server",
		options: "listen=YES\nanonymous_enable=NO\nlocal_enable=YES\nwrite_enable=YES\nlocal_umask=022\nconnect_from_port_20=YES\n" +
			"pasv_min_port=21000\npasv_max_port=21010\npasv_addr_resolve=YES\n",
		variables: map[string]string{"ADDRESS": "pasv_address", "MIN_PORT": "pasv_min_port", "MAX_PORT": "pasv_max_port"},
		users:     listedUsers,
	},
	{
		Name: "garethflowers/ftp-server",
		options: "listen=YES\nanonymous_enable=NO\nlocal_enable=YES\nwrite_enable=YES\nftpd_banner=FTP Server\nchroot_local_user=YES\nhide_ids=YES\n" +
			"pasv_min_port=40000\npasv_max_port=40009\nconnect_from_port_20=YES\n",
		variables: map[string]string{"PUBLIC_IP": "pasv_address"},
		users: func(env func(string) string) ([]ImageUser, error) {
			name := or(env("FTP_USER"), "foo")
			uid, err1 := strconv.Atoi(or(env("UID"), "1000"))
			gid, err2 := strconv.Atoi(or(env("GID"), "1000"))
			if err1 != nil || err2 != nil {
				return nil, fmt.Errorf("UID and GID are %q and %q; want numbers", env("UID"), env("GID"))
			}
			return []ImageUser{{name, or(env("FTP_PASS"), "bar"), "/home/" + name, uid, gid}}, nil
		},
	},
}

// FindImage returns the image of a name, which may have a tag; nil if it is none of Images.
func FindImage(name string) *Image {
	name, _, _ = strings.Cut(name, ":")
	for i := range Images {
		if Images[i].Name == name {
			return &Images[i]
		}
	}
	return nil
}

func or(text, usual string) string {
	if text == "" {
		return usual
	}
	return text
}

// listedUsers reads name|password|home|uid|gid, of which the last three may be left out, for each user in USERS.
func listedUsers(env func(string) string) (all []ImageUser, err error) {
	next := 1000 // the number of the next user who has none
	for text := range strings.FieldsSeq(or(env("USERS"), "alpineftp|alpineftp")) {
		f := strings.Split(text+"||||", "|")
		u := ImageUser{Name: f[0], Password: f[1], Home: or(f[2], "/ftp/"+f[0])}
		if u.UID, err = strconv.Atoi(or(f[3], strconv.Itoa(next))); err == nil {
			u.GID, err = strconv.Atoi(or(f[4], strconv.Itoa(u.UID)))
		}
		if err != nil {
			return nil, fmt.Errorf("USERS: %q has a number that is none; want name|password|/home|uid|gid", f[0])
		}
		if f[3] == "" {
			next++
		}
		all = append(all, u)
	}
	return all, nil
}

// selfSigned is the value of TLS_CERT with which a certificate is made for each run.
const selfSigned = "self-signed"

// Translate returns what variables of the environment mean for Sallyport, and the users whose homes the image makes.
// hash makes a hash of a password. For every image TLS_CERT names a certificate, or is "self-signed", and TLS_KEY the
// key, if it is not in the same file.
func (i *Image) Translate(env func(string) string, hash func(password string) (string, error)) (*Translation, []ImageUser) {
	c := &Config{}
	c.Parse("image "+i.Name, i.options)
	for _, name := range slices.Sorted(maps.Keys(i.variables)) {
		if value := env(name); value != "" {
			c.Parse(name, i.variables[name]+"="+value)
		}
	}
	if cert := env("TLS_CERT"); cert != "" {
		c.Parse("TLS_CERT", "ssl_enable=YES\nrequire_ssl_reuse=NO\nrsa_cert_file="+cert)
		c.Parse("TLS_KEY", "rsa_private_key_file="+env("TLS_KEY"))
	}
	t := &Translation{Config: c}
	users, err := i.users(env)
	if err != nil {
		c.mistake("bad variable", Place{}, "%v", err)
	}
	if len(c.Mistakes) > 0 {
		t.Mistakes = c.Mistakes
		return t, nil
	}
	t.translate()
	pam := []string{"pam", "pam-service", "pam-user", "system-users-group", "run-as"}
	t.Lines = slices.DeleteFunc(t.Lines, func(l Line) bool {
		return l.Table == "" && (slices.Contains(pam, l.Key) || env("TLS_CERT") == selfSigned && (l.Key == "cert" || l.Key == "key")) ||
			l.Table == localTable && l.Key == "home"
	})
	t.Lines = append(t.Lines, Line{Key: "run-as", Value: "65532:65532", From: []string{"the image of Sallyport"}})
	for _, u := range users {
		t.addImageUser(u, hash)
	}
	t.Notes = slices.DeleteFunc(t.Notes, func(n Note) bool { return strings.HasPrefix(n.Text, "nopriv_user") }) // of which there is none
	return t, users
}

// addImageUser adds the table of a user of an image.
func (t *Translation) addImageUser(u ImageUser, hash func(password string) (string, error)) {
	h, err := hash(u.Password)
	if err != nil {
		t.mistake("bad password", Place{}, "of user %q: %v", u.Name, err)
	}
	for _, l := range []Line{
		{Key: "password", Value: h}, {Key: "group", Value: localGroup}, {Key: "home", Value: path.Clean(u.Home)},
		{Key: "system-user", Value: fmt.Sprintf("%d:%d", u.UID, u.GID)},
	} {
		l.Table, l.From = strict.Key("user", u.Name), []string{"the variables of the image"}
		t.Lines = append(t.Lines, l)
	}
}
