// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/renameio/v2"

	"github.com/regent-ha/regent/policy/agent"
)

// storeName is the file in the state directory with what policy keeps across restarts.
const storeName = "policy.json"

// stored is the file.
type stored struct {
	Incarnation uint64      `json:"incarnation"` // of this node in the cluster; grows with every start
	Policy      agent.Saved `json:"policy"`
}

// store writes the file from a goroutine of its own, in order: a slow or full disk holds up nobody. Versions that a newer
// one has overtaken are not written.
type store struct {
	path        string
	incarnation uint64
	written     func(number uint64, err error) // called in the store's goroutine

	mu      sync.Mutex
	next    *version
	closed  bool
	wake    chan struct{}
	done    chan struct{}
	closing sync.Once
}

type version struct {
	number uint64
	saved  agent.Saved
}

// openStore reads what an earlier run left and begins a new incarnation, which is on the disk before it returns. An error
// of reading or writing comes with a store that works as well as it can.
func openStore(dir string, now time.Time, written func(uint64, error)) (*store, agent.Saved, error) {
	s := &store{path: filepath.Join(dir, storeName), written: written, wake: make(chan struct{}, 1), done: make(chan struct{})}
	old, err := readStore(s.path)
	// A clock that is set back, or a lost file, must not make this run look older than an earlier one.
	s.incarnation = max(old.Incarnation+1, uint64(max(0, now.Unix())))
	err = errors.Join(err, s.write(old.Policy))
	go s.run()
	return s, old.Policy, err
}

func readStore(path string) (stored, error) {
	var v stored
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return v, nil
	}
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return stored{}, fmt.Errorf("%s: %w (its runtime policy is not in force)", path, err)
	}
	return v, nil
}

func (s *store) write(saved agent.Saved) error {
	b, err := json.Marshal(stored{s.incarnation, saved})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(s.path), 0o755); err != nil {
		return err
	}
	return renameio.WriteFile(s.path, append(b, '\n'), 0o600)
}

// save asks for a version to be written. It never waits.
func (s *store) save(number uint64, saved agent.Saved) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.next = &version{number, saved}
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *store) run() {
	defer close(s.done)
	for range s.wake {
		s.mu.Lock()
		v := s.next
		s.next = nil
		s.mu.Unlock()
		if v != nil {
			s.written(v.number, s.write(v.saved))
		}
	}
}

// close writes what waits and ends.
func (s *store) close() {
	if s == nil {
		return
	}
	s.closing.Do(func() {
		s.mu.Lock()
		s.closed = true
		close(s.wake)
		s.mu.Unlock()
	})
	<-s.done
}
