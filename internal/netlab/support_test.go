// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"bytes"
	"sync"
	"testing"
	"time"
)

// eventually polls until the condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	limit := time.Now().Add(10 * time.Second)
	for !condition() {
		if time.Now().After(limit) {
			t.Fatalf("not within 10 s: %s", what)
		}
		pause(2 * time.Millisecond)
	}
}

// lockedBuffer may be read while a process writes.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
