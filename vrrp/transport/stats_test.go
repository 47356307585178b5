// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"syscall"
	"testing"
	"time"
)

func TestLatenessFallsIntoTheBucketOfItsBound(t *testing.T) {
	var m meter
	for _, d := range []time.Duration{0, 50 * time.Microsecond, 51 * time.Microsecond, time.Second, time.Hour} {
		m.late(d)
	}
	s := m.read()
	want := Histogram{Sum: time.Hour + time.Second + 101*time.Microsecond}
	want.Counts[0], want.Counts[1] = 2, 1
	want.Counts[len(latenessBounds)-1], want.Counts[len(latenessBounds)] = 1, 1
	if s.Lateness != want {
		t.Errorf("histogram %+v, want %+v", s.Lateness, want)
	}
	if s.MaxLateness != time.Hour {
		t.Errorf("worst lateness %v, want %v", s.MaxLateness, time.Hour)
	}
	if got := s.Lateness.Total(); got != 5 {
		t.Errorf("total %d, want 5", got)
	}
	for _, test := range []struct {
		q    float64
		want time.Duration
	}{{0.4, 50 * time.Microsecond}, {0.6, 100 * time.Microsecond}, {1, time.Second}} {
		if got := s.Lateness.Quantile(test.q); got != test.want {
			t.Errorf("quantile %v is %v, want %v", test.q, got, test.want)
		}
	}
	if got := (Histogram{}).Quantile(0.5); got != 0 {
		t.Errorf("median of nothing is %v, want 0", got)
	}
}

func TestBoundsGrow(t *testing.T) {
	bounds := Histogram{}.Bounds()
	for i := 1; i < len(bounds); i++ {
		if bounds[i] <= bounds[i-1] {
			t.Errorf("bound %v after %v", bounds[i], bounds[i-1])
		}
	}
}

func TestSendErrorsAreToldApart(t *testing.T) {
	for errno, want := range map[syscall.Errno]Class{
		syscall.ENOBUFS:       Congested,
		syscall.EAGAIN:        Congested,
		syscall.EINVAL:        NotReady,
		syscall.EADDRNOTAVAIL: NotReady,
		syscall.ENETDOWN:      NotReady,
		syscall.ENODEV:        NotReady,
		syscall.ENXIO:         NotReady,
		syscall.ENETUNREACH:   NotReady,
		syscall.EPERM:         Refused,
		syscall.EHOSTUNREACH:  Refused,
		syscall.EMSGSIZE:      Refused,
	} {
		if got := classify(errno); got != want {
			t.Errorf("%v is %q, want %q", errno, got, want)
		}
	}
}

func TestBackoffGrowsToItsLimit(t *testing.T) {
	last := time.Duration(0)
	for n := 1; n < 100; n++ {
		d := backoff(n)
		if d < last || d < retryFirst || d > retryLast {
			t.Errorf("after %d failures: %v, after one less: %v", n, d, last)
		}
		last = d
	}
	if last != retryLast {
		t.Errorf("back-off ends at %v, want %v", last, retryLast)
	}
}
