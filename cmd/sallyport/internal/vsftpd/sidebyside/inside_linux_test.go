package sidebyside

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/vsftpd"
)

// Task is what the process inside a stage does: it has a daemon serve by each file and plays the scripts.
type Task struct {
	Stage   string // the directory that becomes the stage
	Keep    []string
	Hash    string // of the password of all users
	Cert    string // certificate and key, in PEM
	Daemon  []string
	Env     []string
	Files   []File
	Scripts []Script
	Result  string // the file for what was heard
}

// File is a configuration of vsftpd.
type File struct{ Name, Text string }

// Heard is what was heard of a daemon with a file: by how the daemon starts, and by session.
type Heard struct {
	Start    string
	Sessions map[string][]Step
	Files    map[string]string // those of the root, after each session
}

const taskVariable = "SIDEBYSIDE_TASK"

func TestMain(m *testing.M) {
	if file := os.Getenv(taskVariable); file != "" {
		if err := inside(file); err != nil {
			fmt.Fprintln(os.Stderr, "inside:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// inside carries out the task in a file.
func inside(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var task Task
	if err := json.Unmarshal(text, &task); err != nil {
		return err
	}
	if err := buildStage(task.Stage, task.Hash, task.Keep...); err != nil {
		return err
	}
	all := map[string]*Heard{}
	for _, f := range task.Files {
		h, err := task.serve(f)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		all[f.Name] = h
	}
	text, err = json.Marshal(all)
	if err != nil {
		return err
	}
	return os.WriteFile(task.Result, text, 0o644)
}

// adapted holds what is changed in all files, and in single ones, to have them run here.
var adapted = map[string][]string{
	"":   {"background=NO", "delay_failed_login=0"},
	"31": {"local_root=/home/alice/xsftp"}, // which vsftpd looks for where it was started
	"34": {"rsa_cert_file=/etc/ssl/certs/vsftpd.pem"},
	"61": {"pasv_address=127.0.0.1"}, // in place of <ip_address>
}

// options returns the arguments that adapt a file.
func options(f File) (args []string) {
	for _, o := range append(adapted[""], adapted[f.Name]...) {
		args = append(args, "-o"+o)
	}
	return args
}

// scene is a file, as far as the stage and the scripts depend on it.
type scene struct {
	*vsftpd.Config
}

// read reads a file.
func read(f File) scene {
	c := &vsftpd.Config{AnyOwner: true}
	c.Parse(f.Name, f.Text)
	for _, o := range options(f) {
		c.Parse(f.Name, strings.TrimPrefix(o, "-o"))
	}
	return scene{c}
}

// logins returns who can log in.
func (s scene) logins() (all []Login) {
	if s.Yes("local_enable") {
		all = append(all, alice)
	}
	if s.Yes("anonymous_enable") {
		all = append(all, anonymous)
	}
	return all
}

// ways returns how sessions reach the server.
func (s scene) ways() []string {
	switch {
	case s.Yes("ssl_enable") && s.Yes("implicit_ssl"):
		return []string{implicit}
	case s.Yes("ssl_enable"):
		return []string{inClear, overTLS}
	}
	return []string{inClear}
}

// root returns the directory that somebody sees first, and whose files are there.
func (s scene) root(l Login) (dir string, uid int) {
	switch {
	case l == anonymous:
		dir, uid = s.Text("anon_root"), uidOf(s.Text("ftp_username"))
		if dir == "" {
			dir = "/var/lib/ftp"
		}
		return dir, uid
	case s.Yes("guest_enable"):
		uid = uidOf(s.Text("guest_username"))
	default:
		uid = uidOf(l.Name)
	}
	if dir = s.Text("local_root"); dir == "" {
		for _, u := range passwd {
			if u.uid == uid {
				dir = u.home
			}
		}
	}
	if token := s.Text("user_sub_token"); token != "" {
		dir = strings.ReplaceAll(dir, token, l.Name)
	}
	return filepath.Clean(dir), uid
}

// provide writes what a file takes for granted: certificates and lists.
func (s scene) provide(cert string) error {
	users := "alice\nanonymous\n"
	if s.Yes("userlist_deny") {
		users = "mallory\n"
	}
	for option, text := range map[string]string{"rsa_cert_file": cert, "rsa_private_key_file": cert, "userlist_file": users, "chroot_list_file": "carol\n"} {
		file := s.Text(option)
		if file == "" {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// serve has the daemon serve by a file, and plays the scripts.
func (task *Task) serve(f File) (*Heard, error) {
	s := read(f)
	if err := s.provide(task.Cert); err != nil {
		return nil, err
	}
	for _, l := range s.logins() { // the daemon may look for the directories when it starts
		dir, uid := s.root(l)
		if err := furnish(dir, uid); err != nil {
			return nil, err
		}
	}
	port := 21
	if s.Set("listen_port") {
		port = s.Number("listen_port")
	}
	d, err := task.start(f, port)
	if err != nil {
		return nil, err
	}
	h := &Heard{Start: d.said, Sessions: map[string][]Step{}, Files: map[string]string{}}
	if !d.running {
		return h, nil
	}
	defer d.stop()
	p := &player{server: fmt.Sprintf("127.0.0.1:%d", port)}
	for _, script := range task.Scripts {
		for _, how := range s.ways() {
			for _, l := range s.logins() {
				if l == anonymous && how == overTLS && s.Yes("local_enable") {
					continue // which alice has shown
				}
				dir, uid := s.root(l)
				if err := errors.Join(furnish(dir, uid), age(dir)); err != nil {
					return nil, err
				}
				key := strings.Join([]string{script.Name, how, l.Name}, " ")
				h.Sessions[key] = p.play(script, how, l)
				h.Files[key] = found(dir)
			}
		}
	}
	return h, nil
}

// daemon is a server.
type daemon struct {
	cmd     *exec.Cmd
	ended   chan error
	said    string // how it started: empty, or its status and what it has written
	running bool
}

// start starts a daemon and waits until it listens or has ended.
func (task *Task) start(f File, port int) (*daemon, error) {
	if err := os.WriteFile("/etc/vsftpd.conf", []byte(f.Text), 0o600); err != nil {
		return nil, err
	}
	args := append(append(append([]string{}, task.Daemon[1:]...), "/etc/vsftpd.conf"), options(f)...)
	d := &daemon{cmd: exec.Command(task.Daemon[0], args...), ended: make(chan error, 1)}
	d.cmd.Args[0] = filepath.Base(task.Daemon[0])
	d.cmd.Env = append(os.Environ(), append(task.Env, taskVariable+"=")...)
	log, err := os.Create("/tmp/log")
	if err != nil {
		return nil, err
	}
	defer log.Close()
	d.cmd.Stdin, d.cmd.Stdout, d.cmd.Stderr = log, log, log // vsftpd tells its mistakes on standard input
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { d.ended <- d.cmd.Wait() }()
	for {
		select {
		case err := <-d.ended:
			text, _ := os.ReadFile("/tmp/log")
			d.said = fmt.Sprintf("%v: %s", err, text)
			return d, nil
		case <-time.After(5 * time.Millisecond):
		}
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			conn.Close()
			d.running = true
			return d, nil
		}
	}
}

// stop ends a daemon.
func (d *daemon) stop() {
	d.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-d.ended:
	case <-time.After(10 * time.Second):
		d.cmd.Process.Kill()
		<-d.ended
	}
}
