// SPDX-License-Identifier: Apache-2.0

package requestor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// behaviour of a simulated address: what it does and after how long.
type behaviour struct {
	after time.Duration
	err   error // nil: it accepts
}

var (
	refuses = behaviour{time.Millisecond, syscall.ECONNREFUSED}
	accepts = behaviour{time.Millisecond, nil}
	silent  = behaviour{time.Hour, syscall.ETIMEDOUT}
)

// service simulates addresses and records what was tried.
type service struct {
	mu     sync.Mutex
	by     map[string]behaviour
	tried  []string
	opened int
	closed int
}

type simulated struct {
	net.Conn
	address string
	service *service
}

func (c simulated) Close() error {
	c.service.mu.Lock()
	defer c.service.mu.Unlock()
	c.service.closed++
	return nil
}

func (c simulated) RemoteAddr() net.Addr {
	a, err := net.ResolveTCPAddr("tcp", c.address)
	if err != nil {
		panic("requestor test: " + err.Error())
	}
	return a
}

func (s *service) dial(ctx context.Context, _, address string) (net.Conn, error) {
	s.mu.Lock()
	s.tried = append(s.tried, address)
	b := s.by[address]
	s.mu.Unlock()
	select {
	case <-time.After(b.after):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if b.err != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: b.err}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened++
	return simulated{address: address, service: s}, nil
}

// becomes changes an address.
func (s *service) becomes(address string, b behaviour) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.by[address] = b
}

// counts returns how many connections were opened and closed.
func (s *service) counts() (opened, closed int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opened, s.closed
}

// attempts returns what was tried since the last call.
func (s *service) attempts() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { s.tried = nil }()
	return s.tried
}

const a, b, c = "10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1"

// expect dials and checks who answered, after trying whom.
func expect(t *testing.T, d *Dialer, s *service, answered string, tried ...string) {
	t.Helper()
	conn, err := d.DialContext(t.Context(), "tcp", "service:1")
	got := ""
	if err == nil {
		got = conn.(simulated).address
	}
	if list := s.attempts(); got != answered || !slices.Equal(list, tried) {
		t.Errorf("%q answered after %v, want %q after %v (%v)", got, list, answered, tried, err)
	}
}

func TestAnErrorMovesOnAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{by: map[string]behaviour{a: refuses, b: accepts}}
		d := &Dialer{Addresses: []string{a, b}, Dial: s.dial}
		start := time.Now()
		expect(t, d, s, b, a, b)
		if took := time.Since(start); took != 2*time.Millisecond {
			t.Errorf("took %v, want 2 ms", took)
		}
	})
}

func TestSilenceIsBoundedByTheTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{by: map[string]behaviour{a: silent, b: accepts}}
		d := &Dialer{Addresses: []string{a, b}, Dial: s.dial, Timeout: 300 * time.Millisecond}
		start := time.Now()
		expect(t, d, s, b, a, b)
		if took := time.Since(start); took != 301*time.Millisecond {
			t.Errorf("took %v, want 301 ms", took)
		}
	})
}

func TestADeadlineIsSharedAmongTheAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{by: map[string]behaviour{a: silent, b: silent, c: accepts}}
		d := &Dialer{Addresses: []string{a, b, c}, Dial: s.dial, Timeout: time.Minute}
		ctx, cancel := context.WithTimeout(t.Context(), 900*time.Millisecond)
		defer cancel()
		start := time.Now()
		if _, err := d.DialContext(ctx, "tcp", "service:1"); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 601*time.Millisecond {
			t.Errorf("took %v, want two thirds of the deadline and 1 ms", took)
		}
	})
}

func TestTheAddressThatAnsweredIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{by: map[string]behaviour{a: refuses, b: accepts, c: accepts}}
		d := &Dialer{Addresses: []string{a, b, c}, Dial: s.dial}
		expect(t, d, s, b, a, b)
		s.becomes(a, accepts)
		time.Sleep(24 * time.Hour)
		expect(t, d, s, b, b) // although a would answer
		s.becomes(b, refuses)
		expect(t, d, s, a, b, a) // the others in their listed order
		expect(t, d, s, a, a)
	})
}

func TestReturnAfterGoesBackToTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{by: map[string]behaviour{a: refuses, b: accepts}}
		d := &Dialer{Addresses: []string{a, b}, Dial: s.dial, ReturnAfter: time.Minute}
		expect(t, d, s, b, a, b)
		time.Sleep(30 * time.Second)
		expect(t, d, s, b, b)
		time.Sleep(30 * time.Second)
		expect(t, d, s, b, a, b) // tried again, still refuses
		time.Sleep(59 * time.Second)
		expect(t, d, s, b, b)
		s.becomes(a, accepts)
		time.Sleep(time.Second)
		expect(t, d, s, a, a)
	})
}

func TestAvoidTriesTheOthersFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{by: map[string]behaviour{a: accepts, b: accepts, c: refuses}}
		d := &Dialer{Addresses: []string{a, c, b}, Dial: s.dial}
		conn, err := d.DialContext(t.Context(), "tcp", "service:1")
		if err != nil {
			t.Fatal(err)
		}
		s.attempts()
		d.Avoid("service:1", conn)
		expect(t, d, s, b, c, b)
		expect(t, d, s, b, b)
		s.becomes(b, refuses)
		expect(t, d, s, a, b, a)
		d.Avoid("service:1", simulated{address: "10.9.9.9:9", service: s}) // not one of them
		expect(t, d, s, a, a)
	})
}

func TestStaggerTriesTheNextBesideASlowOne(t *testing.T) {
	for _, row := range []struct {
		name     string
		by       map[string]behaviour
		answered string
		tried    []string
		took     time.Duration
	}{
		{"the first is quick", map[string]behaviour{a: accepts}, a, []string{a}, time.Millisecond},
		{"the first is silent", map[string]behaviour{a: silent, b: accepts}, b, []string{a, b}, 101 * time.Millisecond},
		{"the first is slow but first", map[string]behaviour{a: {120 * time.Millisecond, nil}, b: silent}, a, []string{a, b}, 120 * time.Millisecond},
		{"an error does not wait", map[string]behaviour{a: refuses, b: accepts}, b, []string{a, b}, 2 * time.Millisecond},
		{"an error restarts the interval", map[string]behaviour{a: {90 * time.Millisecond, syscall.ECONNREFUSED}, b: silent, c: accepts},
			c, []string{a, b, c}, 191 * time.Millisecond},
		{"all three at work", map[string]behaviour{a: silent, b: {110 * time.Millisecond, nil}, c: silent}, b, []string{a, b, c}, 210 * time.Millisecond},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &service{by: row.by}
				d := &Dialer{Addresses: []string{a, b, c}, Dial: s.dial, Stagger: 100 * time.Millisecond, Timeout: time.Second}
				start := time.Now()
				expect(t, d, s, row.answered, row.tried...)
				if took := time.Since(start); took != row.took {
					t.Errorf("took %v, want %v", took, row.took)
				}
				time.Sleep(time.Second)
				if opened, closed := s.counts(); opened-closed != 1 {
					t.Errorf("%d connections opened, %d closed", opened, closed)
				}
			})
		})
	}
}

func TestAnOvertakenConnectionIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{by: map[string]behaviour{a: {101 * time.Millisecond, nil}, b: accepts}}
		// A dialer that does not heed its context: both connections come about.
		stubborn := func(_ context.Context, network, address string) (net.Conn, error) {
			return s.dial(context.WithoutCancel(t.Context()), network, address)
		}
		d := &Dialer{Addresses: []string{a, b}, Dial: stubborn, Stagger: 100 * time.Millisecond}
		if _, err := d.DialContext(t.Context(), "tcp", "service:1"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if opened, closed := s.counts(); opened != 2 || closed != 1 {
			t.Errorf("%d opened, %d closed, want 2 and 1", opened, closed)
		}
	})
}

func TestTheErrorNamesEveryAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{by: map[string]behaviour{a: refuses, b: silent, c: {0, syscall.EHOSTUNREACH}}}
		var traced []Outcome
		d := &Dialer{Addresses: []string{a, b, c}, Dial: s.dial, Timeout: time.Second,
			Trace: func(a Attempt) { traced = append(traced, a.Outcome) }}
		_, err := d.DialContext(t.Context(), "tcp", "service:1")
		want := "dial tcp service:1: no address answered: 10.0.0.1:1: refused after 1ms: connection refused; " +
			"10.0.0.2:1: timeout after 1s: context deadline exceeded; 10.0.0.3:1: unreachable after 0s: no route to host"
		if err == nil || err.Error() != want {
			t.Errorf("error\n%v\nwant\n%s", err, want)
		}
		if !errors.Is(err, syscall.ECONNREFUSED) || !errors.Is(err, syscall.EHOSTUNREACH) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v does not wrap its causes", err)
		}
		var one Attempt
		if !errors.As(err, &one) || one.Address != a {
			t.Errorf("first attempt is %+v", one)
		}
		var ne net.Error
		if !errors.As(err, &ne) || ne.Timeout() {
			t.Errorf("%v counts as a timeout", err)
		}
		if diff := cmp.Diff([]Outcome{Refused, Timeout, Unreachable}, traced); diff != "" {
			t.Errorf("trace (-want +got):\n%s", diff)
		}
	})
}

func TestSilenceAloneIsATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{by: map[string]behaviour{a: silent, b: silent}}
		d := &Dialer{Addresses: []string{a, b}, Dial: s.dial, Timeout: time.Second}
		_, err := d.DialContext(t.Context(), "tcp", "service:1")
		var ne net.Error
		if !errors.As(err, &ne) || !ne.Timeout() {
			t.Errorf("%v does not count as a timeout", err)
		}
	})
}

func TestCancelStopsTheWalk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{by: map[string]behaviour{a: silent, b: accepts}}
		d := &Dialer{Addresses: []string{a, b}, Dial: s.dial}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Millisecond, cancel)
		_, err := d.DialContext(ctx, "tcp", "service:1")
		if !errors.Is(err, context.Canceled) || !slices.Equal(s.attempts(), []string{a}) {
			t.Errorf("error %v", err)
		}
	})
}

func TestCandidates(t *testing.T) {
	d := &Dialer{
		Addresses: []string{"10.0.0.1", "10.0.0.2:99", "fd99::1", "[fd99::2]", "[fd99::3]:98"},
		Names: map[string][]string{
			"orders":      {"10.1.0.1", "10.1.0.2"},
			"orders:8080": {"10.2.0.1", "10.2.0.2:81"},
			"empty":       {},
		},
	}
	for _, row := range []struct {
		asked string
		want  []string
	}{
		{"anything:5432", []string{"10.0.0.1:5432", "10.0.0.2:99", "[fd99::1]:5432", "[fd99::2]:5432", "[fd99::3]:98"}},
		{"orders:5432", []string{"10.1.0.1:5432", "10.1.0.2:5432"}},
		{"orders:8080", []string{"10.2.0.1:8080", "10.2.0.2:81"}},
		{"empty:1", []string{"empty:1"}},
	} {
		if diff := cmp.Diff(row.want, d.candidates(row.asked)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.asked, diff)
		}
	}
	if diff := cmp.Diff([]string{"host:1"}, new(Dialer).candidates("host:1")); diff != "" {
		t.Errorf("zero value (-want +got):\n%s", diff)
	}
}

func TestClassify(t *testing.T) {
	op := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	for _, row := range []struct {
		err  error
		want Outcome
	}{
		{nil, Answered},
		{op(syscall.ECONNREFUSED), Refused},
		{fmt.Errorf("x: %w", op(syscall.ECONNREFUSED)), Refused},
		{op(syscall.ECONNRESET), Reset},
		{op(syscall.EPIPE), Reset},
		{op(syscall.ECONNABORTED), Reset},
		{op(syscall.EHOSTUNREACH), Unreachable},
		{op(syscall.ENETUNREACH), Unreachable},
		{op(syscall.ENETDOWN), Unreachable},
		{op(syscall.EHOSTDOWN), Unreachable},
		{op(syscall.EACCES), Unreachable},
		{op(syscall.ENOPROTOOPT), Unreachable},
		{op(syscall.ETIMEDOUT), Timeout},
		{context.DeadlineExceeded, Timeout},
		{op(context.DeadlineExceeded), Timeout},
		{&net.DNSError{IsTimeout: true}, Timeout},
		{context.Canceled, Failed},
		{op(syscall.EPERM), Failed},
		{op(syscall.EADDRNOTAVAIL), Failed},
		{&net.DNSError{IsNotFound: true}, Failed},
		{io.ErrUnexpectedEOF, Failed},
	} {
		if got := Classify(row.err); got != row.want {
			t.Errorf("%v is %q, want %q", row.err, got, row.want)
		}
	}
}
