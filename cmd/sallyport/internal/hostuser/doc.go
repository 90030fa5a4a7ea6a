// Package hostuser knows users of a host by its passwd and shadow files, and judges their logins as the host would.
package hostuser
