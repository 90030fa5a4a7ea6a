package vsftpd

// logs translates which logs are written. As in vsftpd, dual_log_enable writes both files, syslog takes the place of
// vsftpd_log_file alone, and a transfer log has no lines of the protocol.
func (t *Translation) logs() {
	dual, syslog := t.Yes("dual_log_enable"), t.Yes("syslog_enable")
	files := dual || t.Yes("xferlog_enable")
	transfers := files && (dual || t.Yes("xferlog_std_format"))
	own := files && (dual || !t.Yes("xferlog_std_format")) && !syslog
	why := []string{"xferlog_enable", "xferlog_std_format", "dual_log_enable"}
	if own && t.logFile("vsftpd_log_file") {
		t.put("", "vsftpd-log", t.Text("vsftpd_log_file"), append([]string{"vsftpd_log_file"}, why...)...)
	}
	if transfers && t.logFile("xferlog_file") {
		t.put("", "xferlog", t.Text("xferlog_file"), append([]string{"xferlog_file"}, why...)...)
	}
	if syslog {
		t.put("", "vsftpd-syslog", true, "syslog_enable")
	}
	if (own || syslog) && t.Yes("log_ftp_protocol") {
		t.put("", "vsftpd-log-protocol", true, "log_ftp_protocol")
	}
}

// logFile reports whether an option names a file. If not logFile adds the mistake.
func (t *Translation) logFile(option string) bool {
	if t.Text(option) == "" {
		t.mistake("failed to open log file:", t.At(option), "it is empty; name a file, or remove the line")
		return false
	}
	return t.absolute(option)
}
