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

// tick is the unit of times in /proc: a hundredth of a second on all
// architectures of Linux.
const tick = 10 * time.Millisecond

// process is what /proc/PID/stat says of a process.
type process struct {
	pid, parent int
	children    time.Duration // time used by children that have ended and were waited for
}

// treeCPU returns the processor time (user and system) that a process and its
// descendants have used, ended ones included. It is exact to the nanosecond,
// except that the time of one process's ended children is counted in ticks.
func treeCPU(pid int) (time.Duration, error) {
	// Repeats the count until the tree doesn't change meanwhile: a process may
	// end while it is read, and its time then moves to its parent. For a tree
	// that never rests the last count has to do.
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

// treePSS returns the memory of a process and its descendants in bytes, with
// shared memory counted in parts (proportional set size).
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

// descend returns a process and its living descendants, parents first.
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

// parseStat parses a line of /proc/PID/stat; see proc_pid_stat(5).
func parseStat(stat []byte) (process, error) {
	// Cuts after the last parenthesis: the name in parentheses may hold
	// parentheses and spaces itself.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	// fields[0] is the third field of the manual, the state.
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

// pss parses /proc/PID/smaps_rollup. It returns 0 for a process that is ending,
// whose file is empty.
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

// gone reports whether err means that a process has ended in the meantime.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH)
}
