package vsftpd

import (
	"fmt"
	"strings"
	"unicode"
)

// limits translates how much clients may take.
func (t *Translation) limits() {
	t.put("", "max-sessions", t.Number("max_clients"), "max_clients")
	t.put("", "max-sessions-per-address", t.Number("max_per_ip"), "max_per_ip")
	t.put("", "max-login-failures", t.Number("max_login_fails"), "max_login_fails")
	t.put("", "idle-timeout", fmt.Sprintf("%ds", t.Number("idle_session_timeout")), "idle_session_timeout")
}

// loginDelays translates how long logins take.
func (t *Translation) loginDelays() {
	for _, o := range []struct{ key, option string }{{"login-delay", "delay_successful_login"}, {"failed-login-delay", "delay_failed_login"}} {
		n := t.Number(o.option)
		if n > mostDelay {
			n = mostDelay
			t.tell(o.option, "a login is delayed by %d seconds at most", n)
		}
		t.put("", o.key, fmt.Sprintf("%ds", n), o.option)
	}
}

// mostDelay bounds the delay of a login, in seconds, since clients give up.
const mostDelay = 30

// rates translates the rate of the users of a table.
func (t *Translation) rates(table, option string) {
	if n := t.Number(option); n > 0 {
		t.put(table, "rate-up", fmt.Sprintf("%d B/s", n), option)
		t.put(table, "rate-down", fmt.Sprintf("%d B/s", n), option)
	}
}

// greeting translates what clients read first.
func (t *Translation) greeting() {
	file, text, option := t.Text("banner_file"), t.Text("ftpd_banner"), "ftpd_banner"
	if file != "" {
		var err error
		if text, err = t.host.Read(file); err != nil {
			t.mistake("cannot open banner file:"+file, t.At("banner_file"), "%v", err)
		}
		option = "banner_file"
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, strings.TrimRight(text, "\r\n"))
	if text != "" {
		t.put("", "greeting", text, option)
	}
}

// listings translates what listings show.
func (t *Translation) listings() {
	if t.Yes("use_localtime") {
		t.put("", "time-zone", "local", "use_localtime")
		t.put("", "local-mdtm", true, "use_localtime")
	}
	owners := "numbers"
	switch {
	case t.Yes("hide_ids"):
		owners = "hidden"
	case t.Yes("text_userdb_names"):
		owners = "names"
	}
	t.put("", "owners", owners, "hide_ids", "text_userdb_names")
	t.put("", "hide-dot-files", !t.Yes("force_dot_files"), "force_dot_files")
	if name := t.Text("message_file"); t.Yes("dirmessage_enable") && name != "" {
		if strings.Contains(name, "/") {
			t.refuse("message_file", "it is a path; name a file of each directory, such as .message")
		} else {
			t.put("", "dir-message", name, "message_file", "dirmessage_enable")
		}
	}
	if t.Yes("ls_recurse_enable") {
		t.put("", "list-recursive", true, "ls_recurse_enable")
	}
}

// transfers translates how files are stored and sent.
func (t *Translation) transfers() {
	how := "inplace"
	if t.Yes("delete_failed_uploads") {
		how = "atomic"
	}
	t.put("", "uploads", how, "delete_failed_uploads")
	down, up := t.Yes("ascii_download_enable"), t.Yes("ascii_upload_enable")
	t.put("", "never-convert", !(down && up), "ascii_download_enable", "ascii_upload_enable")
	if down != up {
		t.tell("ascii_upload_enable", "line ends are not converted at all, since ascii_download_enable says otherwise")
	}
}
