//go:build !(linux && cgo && pam)

package main

// check answers that this program was built without PAM.
func check() answer {
	return answer{Version: version, Verdict: down, Reason: "this program was built without PAM: on Linux, with cgo and libpam's headers (Debian: apt install gcc libpam0g-dev), build it with -tags pam"}
}

// login answers as check does: without PAM nothing can be decided.
func login(*question) answer { return check() }

// session answers as check does, and opens no session.
func session(*question) (answer, func() answer) { return check(), check }
