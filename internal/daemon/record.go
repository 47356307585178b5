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

	"github.com/regent-ha/regent/takeover"
)

// recordName is the file in the state directory that says which addresses this daemon installed. Kernels before 5.18 do
// not show the mark on an address; there the next run knows by this file what this one left.
const recordName = "addresses.json"

// recordEvery is how often the file is written at most.
const recordEvery = 100 * time.Millisecond

// recorder keeps the file up to date from a goroutine of its own: a slow or full disk holds up nobody.
type recorder struct {
	path   string
	failed func(error)

	mu      sync.Mutex
	pending any
	dirty   bool
	wake    chan struct{}
	closing chan struct{}
	done    chan struct{}
	closed  bool
}

// newRecorder starts a recorder of a file; failed is told, once in a row, that it cannot be written.
func newRecorder(dir, name string, failed func(error)) *recorder {
	r := &recorder{path: filepath.Join(dir, name), failed: failed, wake: make(chan struct{}, 1), closing: make(chan struct{}), done: make(chan struct{})}
	go r.run()
	return r
}

// readRecord returns the addresses that an earlier run wrote; a file that is not there says nothing.
func readRecord(dir string) (records []takeover.Record, err error) {
	return records, readFile(filepath.Join(dir, recordName), &records)
}

func readFile(path string, to any) error {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, to); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// write replaces what the file says, soon. Only the latest counts.
func (r *recorder) write(record any) {
	r.mu.Lock()
	r.pending, r.dirty = record, true
	r.mu.Unlock()
	r.poke()
}

func (r *recorder) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *recorder) run() {
	defer close(r.done)
	failing := false
	for range r.wake {
		select {
		case <-time.After(recordEvery):
		case <-r.closing:
		}
		r.mu.Lock()
		record, dirty, closed := r.pending, r.dirty, r.closed
		r.pending, r.dirty = nil, false
		r.mu.Unlock()
		if dirty {
			err := r.store(record)
			if err != nil && !failing {
				r.failed(err)
			}
			failing = err != nil
		}
		if closed {
			return
		}
	}
}

func (r *recorder) store(record any) error {
	b, err := json.Marshal(record)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(r.path), 0o755); err != nil {
		return err
	}
	return renameio.WriteFile(r.path, b, 0o644)
}

// close writes what is pending and ends the goroutine.
func (r *recorder) close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	close(r.closing)
	r.poke()
	<-r.done
}

// remember writes down which addresses this daemon holds.
func (d *Daemon) remember() {
	hs := d.holdings(d.routers)
	records := make([]takeover.Record, len(hs))
	for i, h := range hs {
		records[i] = takeover.Record{Prefix: h.address.Prefix, Interface: h.router.service.Interface, Leased: true}
	}
	d.recorder.write(records)
}
