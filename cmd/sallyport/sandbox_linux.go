package main

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/part"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/sandbox"
)

// Files of the system that parts may read. What is not there is left out.
var (
	// readByAll are the time zone, and what the Go runtime reads of memory.
	readByAll = []string{"/etc/localtime", "/usr/share/zoneinfo", "/sys/kernel/mm/transparent_hugepage/hpage_pmd_size"}
	// readByHands are names of groups.
	readByHands = []string{"/etc/group", "/etc/passwd", "/etc/nsswitch.conf"}
	// readByClerk is how names are looked up, and whom TLS trusts. Files such as resolv.conf are replaced now and then,
	// and only the rights to a directory reach the new one.
	readByClerk = []string{"/etc", "/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates"}
	// readByEngine is how busy this machine is.
	readByEngine = []string{"/proc/loadavg"}
)

// confines returns what the kernel has for the sandboxes of parts, nil for none.
func (s *settings) confines() *sandbox.Kernel {
	if s.sandbox == sandboxOff {
		return nil
	}
	k := sandbox.Look()
	if k == (sandbox.Kernel{}) {
		return nil
	}
	return &k
}

// canConfine returns what this kernel lacks if a sandbox is required.
func (s *settings) canConfine() error {
	return s.told("sandbox", lacking(s.sandbox, sandbox.Look()))
}

// lacking returns what a kernel lacks if a sandbox is required.
func lacking(how string, k sandbox.Kernel) error {
	if lacks := k.Lacks(); how == sandboxRequired && len(lacks) > 0 {
		return fmt.Errorf("%s, and this kernel lacks %s; use a kernel that has it, or best-effort", how, strings.Join(lacks, " and "))
	}
	return nil
}

// tellLacks has the log say what the kernel lacks, once.
func tellLacks(log *slog.Logger, how string, k sandbox.Kernel) {
	if how == sandboxOff {
		return
	}
	if lacks := k.Lacks(); len(lacks) > 0 {
		log.Warn("this kernel can't confine the processes as it should", "lacks", strings.Join(lacks, " and "))
	}
	if older := k.Older(); len(older) > 0 {
		log.Info("a newer kernel would confine the processes twice over", "lacks", strings.Join(older, ", "))
	}
}

// sandboxOf returns what a part is left with, nil for all. dir is that of a hand.
func (s *settings) sandboxOf(name, dir string) *sandbox.Rules {
	kernel := s.confines()
	if kernel == nil {
		return nil
	}
	r := &sandbox.Rules{Kernel: *kernel, Read: slices.Clone(readByAll)}
	switch name {
	case partSigner, partJudge:
		r.Minimal = true
	case partEngine:
		r.Connect, r.Bind = s.active, s.active
		r.Read = append(r.Read, readByEngine...)
	case partClerk:
		r.Connect, r.Opens = true, true
		r.Read = slices.Concat(r.Read, readByClerk, part.Trusted())
	case partHand:
		r.Tree, r.Opens = filepath.Clean(dir), true
		r.Read = append(r.Read, readByHands...)
	}
	return r
}
