package main

import (
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/cmd/sallyport/internal/part"
	"github.com/sallyport/sallyport/cmd/sallyport/internal/sandbox"
)

// Files of the system that parts may read. Those that don't exist are left out.
var (
	// readByAll has the time zone, and what the Go runtime reads about memory.
	readByAll = []string{"/etc/localtime", "/usr/share/zoneinfo", "/sys/kernel/mm/transparent_hugepage/hpage_pmd_size"}
	// readByHands has the names of users and groups.
	readByHands = []string{"/etc/group", "/etc/passwd", "/etc/nsswitch.conf"}
	// readByClerk has what name lookups and the verification of certificates read. It has directories, since files such
	// as resolv.conf are replaced now and then, and only a right to the directory covers the new file.
	readByClerk = []string{"/etc", "/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates"}
	// readByBucket has the certificates of authorities, which are read at the start.
	readByBucket = []string{"/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates"}
	// readByEngine has the load of this machine.
	readByEngine = []string{"/proc/loadavg"}
)

// confines returns which means of this kernel confine the parts; nil for none.
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

// canConfine returns an error if a sandbox is required and this kernel lacks a means.
func (s *settings) canConfine() error {
	return s.told("sandbox", lacking(s.sandbox, sandbox.Look()))
}

// lacking returns an error if a sandbox is required and the kernel lacks a means.
func lacking(how string, k sandbox.Kernel) error {
	if lacks := k.Lacks(); how == sandboxRequired && len(lacks) > 0 {
		return fmt.Errorf("%s, and this kernel lacks %s; use a kernel that has it, or best-effort", how, strings.Join(lacks, " and "))
	}
	return nil
}

// tellLacks logs which means of a sandbox the kernel lacks.
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

// sandboxOf returns the sandbox of a part, nil for none. roots are those of a hand.
func (s *settings) sandboxOf(name string, roots ...root) *sandbox.Rules {
	kernel := s.confines()
	if kernel == nil {
		return nil
	}
	r := &sandbox.Rules{Kernel: *kernel, Read: slices.Clone(readByAll)}
	switch name {
	case partSigner, partJudge:
		r.Minimal = true
	case partEngine:
		r.Connect, r.Bind = s.active, s.active && s.activePort == 0 // the keeper binds to active-port
		r.Read = append(r.Read, readByEngine...)
	case partClerk:
		r.Connect, r.Opens = true, true
		r.Read = slices.Concat(r.Read, readByClerk, part.Trusted())
	case partBucket:
		r.Connect = true
		r.Read = slices.Concat(r.Read, readByBucket, part.Trusted())
	case partHand:
		r.Opens = true
		r.Read = append(r.Read, readByHands...)
		for _, root := range roots {
			trees := []string{root.Dir}
			if root.Dir == "/" {
				r.Lists, trees = append(r.Lists, root.Dir), filesOfHost()
			}
			if root.ReadOnly {
				r.Read = append(r.Read, trees...)
			} else {
				r.Trees = append(r.Trees, trees...)
			}
		}
	}
	return r
}

// filesOfHost returns the directories and files in / but for those in which the kernel shows processes and devices: a
// user who sees the whole file system needs none of them, and could reach other processes there.
func filesOfHost() (all []string) {
	entries, _ := os.ReadDir("/") // without them the user sees nothing
	for _, e := range entries {
		if !slices.Contains([]string{"proc", "sys", "dev"}, e.Name()) {
			all = append(all, "/"+e.Name())
		}
	}
	return all
}
