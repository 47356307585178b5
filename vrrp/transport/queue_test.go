// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

func TestQueueKeepsTheOrderOfEachProducer(t *testing.T) {
	const producers, each = 4, 2000
	var q queue[[2]int]
	var wait sync.WaitGroup
	for p := range producers {
		wait.Go(func() {
			for i := range each {
				q.put([2]int{p, i})
			}
		})
	}
	done := make(chan struct{})
	go func() { wait.Wait(); close(done) }()

	var next [producers]int
	total := 0
	check := func() {
		for _, v := range q.take() {
			if v[1] != next[v[0]] {
				t.Errorf("producer %d: got value %d, want %d", v[0], v[1], next[v[0]])
			}
			next[v[0]]++
			total++
		}
	}
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		check()
	}
	check()
	if want := producers * each; total != want {
		t.Errorf("took %d values, want %d", total, want)
	}
	if q.len() != 0 {
		t.Errorf("length %d after everything was taken", q.len())
	}
}

func TestMailboxCollectsAllBatchesInOrder(t *testing.T) {
	m := newMailbox[int]()
	m.post([]int{1, 2})
	m.post([]int{3})
	got, err := m.collect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{1, 2, 3}, got); diff != "" {
		t.Errorf("collected (-want +got):\n%s", diff)
	}
}

func TestMailboxWakesWhoeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMailbox[int]()
		got := make(chan []int)
		go func() {
			values, err := m.collect(t.Context())
			if err != nil {
				t.Error(err)
			}
			got <- values
		}()
		synctest.Wait()
		m.post([]int{7})
		if diff := cmp.Diff([]int{7}, <-got); diff != "" {
			t.Errorf("collected (-want +got):\n%s", diff)
		}
	})
}

func TestMailboxEndsWithItsContext(t *testing.T) {
	m := newMailbox[int]()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.collect(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestClosedMailboxGivesWhatIsLeftThenSaysSo(t *testing.T) {
	m := newMailbox[int]()
	m.post([]int{1})
	m.close()
	got, err := m.collect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{1}, got); diff != "" {
		t.Errorf("collected (-want +got):\n%s", diff)
	}
	for range 2 { // the signal of the batch may still be there
		if _, err := m.collect(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("got %v, want %v", err, ErrClosed)
		}
	}
}
