// SPDX-License-Identifier: Apache-2.0

package vrrpsim_test

import (
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/regent-ha/regent/vrrp/vrrpsim"
)

// number is a number from the environment.
func number(t *testing.T, key string, otherwise uint64) uint64 {
	t.Helper()
	s := os.Getenv(key)
	if s == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatalf("%s=%q: want a number", key, s)
	}
	return n
}

func TestSchedules(t *testing.T) {
	t.Parallel()
	if os.Getenv("REGENT_SIM_SEED") != "" {
		seed := number(t, "REGENT_SIM_SEED", 0)
		o := vrrpsim.Options{}
		if testing.Verbose() {
			o.Sink = func(r vrrpsim.Record) { t.Log(r) }
		}
		r := vrrpsim.Play(seed, o)
		if r.Failure != nil {
			t.Fatal(r.Failure)
		}
		t.Logf("%+v", r)
		return
	}
	count := uint64(10_000)
	if testing.Short() {
		count = 500
	}
	first := number(t, "REGENT_SIM_FIRST", 1)
	end := first + number(t, "REGENT_SIM_SCHEDULES", count)
	var next atomic.Uint64
	next.Store(first)
	var mu sync.Mutex
	total := vrrpsim.Result{Done: map[string]int{}}
	failures := 0
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for seed := next.Add(1) - 1; seed < end; seed = next.Add(1) - 1 {
				r := vrrpsim.Play(seed, vrrpsim.Options{})
				mu.Lock()
				if r.Failure != nil {
					failures++
					if failures <= 3 {
						t.Error(r.Failure)
					} else {
						t.Errorf("seed %d: %s: %s", seed, r.Failure.Invariant, r.Failure.Text)
					}
				}
				total.Lasted += r.Lasted
				total.Stretches += r.Stretches
				total.Elections += r.Elections
				total.LateWakeups += r.LateWakeups
				for k, n := range r.Done {
					total.Done[k] += n
				}
				stop := failures >= 10
				mu.Unlock()
				if stop {
					return
				}
			}
		})
	}
	workers.Wait()
	t.Logf("%d schedules: %s of simulated time, %d quiet stretches, %d elections, %d late wake-ups, %v", end-first, total.Lasted,
		total.Stretches, total.Elections, total.LateWakeups, total.Done)
}

// Schedules that found a defect.
func TestSchedulesThatFailedOnce(t *testing.T) {
	t.Parallel()
	for seed, was := range map[uint64]string{
		219999:  "the last advert of a fast Active made Backups go by its interval, and take over from a slow one",
		1350950: "a last will went by the interval of a reload that no heir had heard of",
		1718070: "a released member of a sync group that heard priority 0 stayed Active for an interval",
		1723239: "who was released did not wait for the heir of a slower member of its sync group",
	} {
		if r := vrrpsim.Play(seed, vrrpsim.Options{}); r.Failure != nil {
			t.Errorf("%s: %v", was, r.Failure)
		}
	}
}
