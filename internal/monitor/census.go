// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Process is which processes count beyond their name, and how many are wanted.
type Process struct {
	Arguments      []string
	Match          string // "": arguments do not count; exact; partial: the first are equal; initial: likewise, and the last may be longer
	FullCommand    bool   // the target is the whole first argument, not the kernel's name
	Quorum         int
	QuorumMax      int // 0: no limit
	ForkDelay      time.Duration
	TerminateDelay time.Duration
}

// A census that is told of processes counts them all the same: soon after it began, as one that was ending then may have looked alive,
// and then from time to time.
const (
	firstRecount = time.Second
	recount      = time.Minute
)

// census counts processes.
type census struct {
	proc  string
	check *Check
	now   func() time.Time
	patience

	mu       sync.Mutex
	followed bool             // it is told of processes that begin and end
	again    time.Time        // to count
	settled  bool             // it was counted more than once
	pids     map[int]struct{} // those that match; good for as long as it is followed and was counted
}

func newCensus(proc string, c *Check) *census {
	return &census{proc: proc, check: c, now: time.Now, patience: patience{up: c.Process.ForkDelay, down: c.Process.TerminateDelay}}
}

// look counts.
func (c *census) look(context.Context) outcome {
	n, err := c.number()
	if err != nil {
		return bad("%v", err)
	}
	p := c.check.Process
	enough := n >= p.Quorum && (p.QuorumMax == 0 || n <= p.QuorumMax)
	o := outcome{value: float64(n)}
	o.ok, o.again = c.settle(enough, c.now())
	want := fmt.Sprintf("%d", p.Quorum)
	if p.QuorumMax > 0 {
		want += fmt.Sprintf(" to %d", p.QuorumMax)
	}
	o.detail = fmt.Sprintf("%d processes %s run, want %s", n, c.check.Target, want)
	return o
}

// number is how many processes match: as it was told, or counted.
func (c *census) number() (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.followed && c.pids != nil && c.now().Before(c.again) {
		return len(c.pids), nil
	}
	pids, err := c.count()
	if err != nil {
		return 0, err
	}
	wait := recount
	if !c.settled {
		c.settled, wait = true, firstRecount
	}
	c.pids, c.again = pids, c.now().Add(wait)
	return len(pids), nil
}

// follow makes the census count anew, and says whether it is told of changes from then on.
func (c *census) follow(followed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.followed, c.pids, c.settled = followed, nil, false
}

// hear takes in what happened to a process, and reports whether there are more or fewer now.
func (c *census) hear(e procEvent, seen *sighting) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pids == nil {
		return false // it is about to count
	}
	before := len(c.pids)
	switch e.what {
	case processFork:
		if _, ours := c.pids[e.parent]; ours {
			c.pids[e.pid] = struct{}{}
		}
	case processExit:
		delete(c.pids, e.pid)
	case processExec, processName:
		if seen != nil && c.check.matches(seen.name, seen.args) {
			c.pids[e.pid] = struct{}{}
		} else {
			delete(c.pids, e.pid)
		}
	}
	return len(c.pids) != before
}

// kernelName is how much of a name the kernel keeps.
const kernelName = 15

// count finds the processes that match.
func (c *census) count() (map[int]struct{}, error) {
	entries, err := os.ReadDir(c.proc)
	if err != nil {
		return nil, err
	}
	pids := map[int]struct{}{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if s := sight(c.proc, pid); s != nil && c.check.matches(s.name, s.args) {
			pids[pid] = struct{}{}
		}
	}
	return pids, nil
}

// sighting is a process as it was seen.
type sighting struct {
	name string // the kernel's
	args []string
}

// sight looks at a process; nil if it has ended.
func sight(proc string, pid int) *sighting {
	dir := filepath.Join(proc, strconv.Itoa(pid))
	comm, err := os.ReadFile(filepath.Join(dir, "comm"))
	if err != nil {
		return nil
	}
	line, err := os.ReadFile(filepath.Join(dir, "cmdline"))
	if err != nil || !alive(dir) {
		return nil
	}
	return &sighting{strings.TrimSuffix(string(comm), "\n"), words(line)}
}

// words parts the arguments of a process.
func words(line []byte) []string {
	line = bytes.TrimSuffix(line, []byte{0})
	if len(line) == 0 {
		return nil
	}
	return strings.Split(string(line), "\x00")
}

// matches compares a process with what is looked for.
func (c *Check) matches(comm string, args []string) bool {
	p := c.Process
	if p.FullCommand {
		if len(args) == 0 || args[0] != c.Target {
			return false
		}
	} else if name := c.Target[:min(len(c.Target), kernelName)]; comm != name && (len(args) == 0 || filepath.Base(args[0]) != c.Target) {
		return false
	}
	var rest []string
	if len(args) > 0 {
		rest = args[1:]
	}
	k := len(p.Arguments)
	switch p.Match {
	case "exact":
		return slices.Equal(rest, p.Arguments)
	case "partial":
		return len(rest) >= k && slices.Equal(rest[:k], p.Arguments)
	case "initial":
		return len(rest) >= k && (k == 0 || slices.Equal(rest[:k-1], p.Arguments[:k-1]) && strings.HasPrefix(rest[k-1], p.Arguments[k-1]))
	}
	return true
}
