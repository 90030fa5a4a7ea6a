// Package hostuser reads users of a host from its passwd and shadow files, and judges their logins as the host
// would.
package hostuser
