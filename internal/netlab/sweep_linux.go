// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// sweep kills whatever process still lives in the namespace: daemons that left
// their process group, for example. The namespace is ours and anonymous, so a
// process in it was started by us.
func (s *space) sweep() error {
	limit := time.Now().Add(5 * time.Second)
	for {
		pids := s.inhabitants()
		if len(pids) == 0 {
			return nil
		}
		for _, pid := range pids {
			s.kill(pid)
		}
		if time.Now().After(limit) {
			return errors.New("processes in the namespace do not end: " + join(pids))
		}
		pause(2 * time.Millisecond)
	}
}

// inhabitants lists the living processes inside, the caller excepted.
func (s *space) inhabitants() []int {
	names, _ := filepath.Glob("/proc/[0-9]*") // the pattern is well-formed
	var pids []int
	for _, name := range names {
		pid, err := strconv.Atoi(filepath.Base(name))
		if err != nil || pid == os.Getpid() || !s.holds(pid) {
			continue
		}
		pids = append(pids, pid)
	}
	return pids
}

// holds tells whether the process is inside. A zombie has no namespace any more.
func (s *space) holds(pid int) bool {
	var st unix.Stat_t
	err := unix.Stat("/proc/"+strconv.Itoa(pid)+"/ns/net", &st)
	return err == nil && st.Dev == s.dev && st.Ino == s.ino
}

// kill ends one process; looking again after opening the descriptor makes sure
// that the number has not been given to another process in between.
func (s *space) kill(pid int) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return // gone
	}
	defer unix.Close(fd)
	if s.holds(pid) {
		_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0) // gone is fine
	}
}

func join(pids []int) string {
	text := ""
	for i, pid := range pids {
		if i > 0 {
			text += ", "
		}
		text += strconv.Itoa(pid)
	}
	return text
}

// pause waits without occupying the processor; for the polling loops of this package.
func pause(d time.Duration) { <-time.After(d) }
