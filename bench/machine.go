package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// A machine is the machine on which the numbers were measured.
type machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
}

func (m machine) String() string {
	return fmt.Sprintf("%s, %s, Linux %s, %s", m.CPU, plural(m.Cores, "core"), m.Kernel, m.Go)
}

func thisMachine() machine {
	return machine{CPU: processor(), Cores: runtime.NumCPU(), Kernel: kernel(), Go: runtime.Version()}
}

// processor returns the model of the CPU, or the architecture if the kernel
// doesn't name the model.
func processor() string {
	content, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(content)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func kernel() string {
	content, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return strings.TrimSpace(string(content))
}

// commit returns git's description of the current directory's tree, from which
// this program was probably built.
func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--tags", "--dirty").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
