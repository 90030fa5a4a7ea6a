package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tick is the unit of times in /proc, on all of Linux's architectures: a
// hundredth of a second.
const tick = 10 * time.Millisecond

// process is what /proc/PID/stat says.
type process struct {
	pid, parent int
	children    time.Duration // used by children that have ended and were waited for
}

// treeCPU returns the processor time (user and system) that a process and all
// its descendants have used, ended descendants included. It counts nanoseconds,
// and ticks only for what the ended children of one process have used together.
func treeCPU(pid int) (time.Duration, error) {
	// A process may end while it is being looked at, and what it has used then
	// moves to its parent. A tree that has not changed was counted right; in one
	// that never rests, the last try is as good as any.
	var (
		used time.Duration
		tree []process
	)
	for range 5 {
		before, err := descend(pid)
		if err != nil {
			return 0, err
		}
		used = 0
		for _, p := range before {
			own, err := processTime(p.pid)
			if err != nil && !gone(err) {
				return 0, err
			}
			used += own + p.children
		}
		if tree, err = descend(pid); err != nil {
			return 0, err
		}
		if same(before, tree) {
			break
		}
	}
	return used, nil
}

// treePSS returns the memory of a process and all its descendants in bytes;
// memory that several share is counted in parts (proportional set size).
func treePSS(pid int) (int64, error) {
	tree, err := descend(pid)
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, p := range tree {
		rollup, err := os.ReadFile(procFile(p.pid, "smaps_rollup"))
		if err != nil {
			if gone(err) {
				continue
			}
			return 0, err
		}
		n, err := pss(rollup)
		if err != nil {
			return 0, fmt.Errorf("memory of process %d: %w", p.pid, err)
		}
		sum += n
	}
	return sum, nil
}

// descend lists a process and its living descendants, parents first.
func descend(pid int) ([]process, error) {
	top, err := readStat(pid)
	if err != nil {
		return nil, fmt.Errorf("process %d: %w", pid, err)
	}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	children := make(map[int][]process)
	for _, path := range stats {
		id, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		p, err := readStat(id)
		if gone(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		children[p.parent] = append(children[p.parent], p)
	}
	tree := []process{top}
	for i := 0; i < len(tree); i++ {
		tree = append(tree, children[tree[i].pid]...)
	}
	return tree, nil
}

func same(a, b []process) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].pid != b[i].pid || a[i].children != b[i].children {
			return false
		}
	}
	return true
}

func readStat(pid int) (process, error) {
	stat, err := os.ReadFile(procFile(pid, "stat"))
	if err != nil {
		return process{}, err
	}
	p, err := parseStat(stat)
	p.pid = pid
	return p, err
}

// parseStat reads a line of /proc/PID/stat; see proc_pid_stat(5).
func parseStat(stat []byte) (process, error) {
	// The name in parentheses may hold anything, parentheses and spaces too.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	// The first is now the third of the manual, the state.
	const ppid, cutime, cstime = 4 - 3, 16 - 3, 17 - 3
	if len(fields) <= cstime {
		return process{}, errors.New("stat is too short")
	}
	parent, err := strconv.Atoi(fields[ppid])
	if err != nil {
		return process{}, err
	}
	user, err := strconv.ParseInt(fields[cutime], 10, 64)
	if err != nil {
		return process{}, err
	}
	system, err := strconv.ParseInt(fields[cstime], 10, 64)
	if err != nil {
		return process{}, err
	}
	return process{parent: parent, children: time.Duration(user+system) * tick}, nil
}

// pss reads /proc/PID/smaps_rollup. A process that is ending has no memory.
func pss(rollup []byte) (int64, error) {
	for line := range strings.Lines(string(rollup)) {
		if rest, ok := strings.CutPrefix(line, "Pss:"); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return n << 10, err
		}
	}
	if len(rollup) == 0 {
		return 0, nil
	}
	return 0, errors.New("no Pss in smaps_rollup")
}

func procFile(pid int, name string) string {
	return filepath.Join("/proc", strconv.Itoa(pid), name)
}

// gone reports whether a process has ended in the meantime.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH)
}
