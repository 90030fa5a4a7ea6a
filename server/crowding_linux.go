package server

import (
	"bytes"
	"os"
	"runtime"
	"strconv"
)

// crowding returns how many threads want to run for each processor of this
// machine, at least 1.
func crowding() int {
	data, err := os.ReadFile("/proc/loadavg") // "0.20 0.18 0.12 1/80 11206"
	if err != nil {
		return 1
	}
	return crowdingOf(data, runtime.NumCPU())
}

func crowdingOf(loadavg []byte, processors int) int {
	fields := bytes.Fields(loadavg)
	if len(fields) < 4 {
		return 1
	}
	running, _, _ := bytes.Cut(fields[3], []byte("/"))
	n, err := strconv.Atoi(string(running))
	if err != nil {
		return 1
	}
	return max(1, (n-1+processors-1)/processors) // without the thread that asks
}
