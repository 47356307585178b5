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

// census counts processes, and waits before it believes that there are enough or too few.
type census struct {
	proc  string
	check *Check
	now   func() time.Time
	known bool
	held  bool      // the verdict
	since time.Time // since when the count says something else; zero: it does not
}

func newCensus(proc string, c *Check) *census { return &census{proc: proc, check: c, now: time.Now} }

// look counts.
func (c *census) look(context.Context) outcome {
	n, err := c.count()
	if err != nil {
		return bad("%v", err)
	}
	p := c.check.Process
	enough := n >= p.Quorum && (p.QuorumMax == 0 || n <= p.QuorumMax)
	o := outcome{ok: c.settle(enough, c.now()), value: float64(n)}
	want := fmt.Sprintf("%d", p.Quorum)
	if p.QuorumMax > 0 {
		want += fmt.Sprintf(" to %d", p.QuorumMax)
	}
	o.detail = fmt.Sprintf("%d processes %s run, want %s", n, c.check.Target, want)
	return o
}

// settle holds the verdict until a change has lasted for as long as the file wants.
func (c *census) settle(enough bool, now time.Time) bool {
	if !c.known || enough == c.held {
		c.known, c.held, c.since = true, enough, time.Time{}
		return enough
	}
	if c.since.IsZero() {
		c.since = now
	}
	delay := c.check.Process.TerminateDelay
	if enough {
		delay = c.check.Process.ForkDelay
	}
	if now.Sub(c.since) >= delay {
		c.held, c.since = enough, time.Time{}
	}
	return c.held
}

// kernelName is how much of a name the kernel keeps.
const kernelName = 15

// count counts the processes that match.
func (c *census) count() (n int, err error) {
	entries, err := os.ReadDir(c.proc)
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil {
			continue
		}
		dir := filepath.Join(c.proc, e.Name())
		comm, err := os.ReadFile(filepath.Join(dir, "comm"))
		if err != nil {
			continue // it has ended
		}
		line, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err != nil || !c.check.matches(strings.TrimSuffix(string(comm), "\n"), words(line)) || !alive(dir) {
			continue
		}
		n++
	}
	return n, nil
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
