// SPDX-License-Identifier: Apache-2.0

package event

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// slow is a log that takes a second a record.
type slow struct {
	mu  *sync.Mutex
	out *strings.Builder
}

func (s slow) Enabled(context.Context, slog.Level) bool { return true }
func (s slow) WithAttrs([]slog.Attr) slog.Handler       { return s }
func (s slow) WithGroup(string) slog.Handler            { return s }
func (s slow) Handle(_ context.Context, r slog.Record) error {
	time.Sleep(time.Second)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out.WriteString(r.Message + " ")
	return nil
}

func TestQueueHoldsUpNobodyAndKeepsTheOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		q := NewQueue(slow{&sync.Mutex{}, &out})
		log := slog.New(q)
		start := time.Now()
		for _, word := range []string{"a", "b", "c"} {
			log.With("k", "v").WithGroup("g").Info(word)
		}
		if waited := time.Since(start); waited != 0 {
			t.Errorf("the caller waited %s", waited)
		}
		q.Close()
		if out.String() != "a b c " {
			t.Errorf("written %q", out.String())
		}
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("Close returned after %s, before everything was written", took)
		}
	})
}

func TestQueueCountsWhatItLeavesOut(t *testing.T) {
	var out strings.Builder
	var mu sync.Mutex
	mu.Lock() // the log hangs
	q := NewQueue(hanging{&mu, &out})
	log := slog.New(q)
	for range 2*queueLimit + 1 { // the queue may take one batch out before its log hangs
		log.Info("x")
	}
	mu.Unlock()
	q.Close()
	if !strings.Contains(out.String(), "records were left out") {
		t.Error("losses are not mentioned")
	}
}

// hanging is a log that waits for a lock.
type hanging struct {
	mu  *sync.Mutex
	out *strings.Builder
}

func (h hanging) Enabled(context.Context, slog.Level) bool { return true }
func (h hanging) WithAttrs([]slog.Attr) slog.Handler       { return h }
func (h hanging) WithGroup(string) slog.Handler            { return h }
func (h hanging) Handle(_ context.Context, r slog.Record) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r.Message != "x" {
		h.out.WriteString(r.Message)
	}
	return nil
}
