// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Usage is what processes have cost so far.
type Usage struct {
	CPU      time.Duration // user and system time
	Resident int64         // bytes in memory at the moment
	// Proportional is as Resident, with what processes share counted once.
	Proportional int64
}

// clockTick is the kernel's unit of process times, the same on every Linux machine that Go runs on.
const clockTick = 10 * time.Millisecond

// UsageOf adds up what the processes have cost; one that has ended costs nothing.
func UsageOf(pids []int) (Usage, error) {
	var sum Usage
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		u, err := parseStat(string(text))
		if err != nil {
			return sum, fmt.Errorf("process %d: %w", pid, err)
		}
		sum.CPU += max(u.CPU, threadsTime(pid)) // the kernel counts a process in ticks, its threads in nanoseconds
		sum.Resident += u.Resident
		if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid)); err == nil {
			sum.Proportional += parsePSS(string(text))
		}
	}
	return sum, nil
}

// threadsTime sums up what the scheduler says of the threads of a process; of those that have ended it says nothing.
func threadsTime(pid int) (sum time.Duration) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		return 0
	}
	for _, t := range tasks {
		text, err := os.ReadFile(t)
		if err != nil {
			continue
		}
		if field, _, ok := strings.Cut(string(text), " "); ok {
			n, _ := strconv.ParseInt(field, 10, 64) // 0 if it is no number
			sum += time.Duration(n)
		}
	}
	return sum
}

// parsePSS reads the line "Pss: N kB" of smaps_rollup.
func parsePSS(text string) int64 {
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(line, "Pss:")
		if !ok {
			continue
		}
		if fields := strings.Fields(rest); len(fields) > 0 {
			kib, _ := strconv.ParseInt(fields[0], 10, 64) // 0 if it is no number
			return kib << 10
		}
	}
	return 0
}

// parseStat reads one line of /proc/PID/stat (proc_pid_stat(5)).
func parseStat(line string) (Usage, error) {
	name := strings.LastIndexByte(line, ')') // the name may contain the same character
	fields := strings.Fields(line[name+1:])
	if name < 0 || len(fields) < 22 {
		return Usage{}, fmt.Errorf("stat line %q is too short", line)
	}
	// Fields are counted from 1 in the manual, and the first after the name is number 3.
	var values [3]int64
	for i, number := range []int{14, 15, 24} {
		n, err := strconv.ParseInt(fields[number-3], 10, 64)
		if err != nil {
			return Usage{}, fmt.Errorf("stat field %d: %w", number, err)
		}
		values[i] = n
	}
	return Usage{
		CPU:      time.Duration(values[0]+values[1]) * clockTick,
		Resident: values[2] * int64(os.Getpagesize()),
	}, nil
}
