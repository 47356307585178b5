// SPDX-License-Identifier: Apache-2.0

package transport

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/vrrp"
)

// run runs a loop until the test ends, or until stop is called.
func run(t testing.TB, o Options) (l *Loop, stop func()) {
	t.Helper()
	l, err := New(o)
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("loop ended with %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return l, stop
}

// nothing is a command without effect.
func nothing(_ vrrp.Time, _ *vrrp.Router, out []vrrp.Action) []vrrp.Action { return out }

func TestCommandsRunOnOneThread(t *testing.T) {
	l, _ := run(t, Options{})
	thread := 0
	for i := range 50 {
		var now vrrp.Time
		before := Now()
		must(t, l.Do(func(n vrrp.Time, _ *vrrp.Router, out []vrrp.Action) []vrrp.Action {
			if id := unix.Gettid(); i == 0 {
				thread = id
			} else if id != thread {
				t.Errorf("command on thread %d, the one before on %d", id, thread)
			}
			now = n
			return out
		}))
		if now < before || now > Now() {
			t.Errorf("command is told %d, want an instant from %d to %d", now, before, Now())
		}
	}
}

func TestCommandWaitsForTheLoopToRun(t *testing.T) {
	l, err := New(Options{})
	must(t, err)
	done := make(chan error)
	go func() { done <- l.Do(nothing) }()
	eventually(t, "the command waits", func() bool { return l.commands.len() == 1 })
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- l.Run(ctx) }()
	must(t, <-done)
	cancel()
	must(t, <-ended)
}

func TestEndedLoopRefusesCalls(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(t *testing.T) *Loop
	}{
		{"ended", func(t *testing.T) *Loop { l, stop := run(t, Options{}); stop(); return l }},
		{"never run", func(t *testing.T) *Loop {
			l, err := New(Options{})
			must(t, err)
			must(t, l.Close())
			return l
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := test.end(t)
			must(t, l.Close()) // once more is fine
			calls := map[string]func() error{
				"Do":     func() error { return l.Do(nothing) },
				"Detach": func() error { return l.Detach(1, vrrp.ReasonShutdown) },
				"Attach": func() error {
					return l.Attach(Binding{ID: 1, Interface: "lo", Index: 1, Family: vrrp.IPv4, Source: addr("127.0.0.1")})
				},
				"Events": func() error { _, err := l.Events(t.Context()); return err },
				"Faults": func() error { _, err := l.Faults(t.Context()); return err },
			}
			for name, call := range calls {
				if err := call(); !errors.Is(err, ErrClosed) {
					t.Errorf("%s returns %v, want %v", name, err, ErrClosed)
				}
			}
			if err := l.Run(t.Context()); err == nil {
				t.Error("the loop runs a second time")
			}
		})
	}
}

func TestEndingLoopKeepsNobodyWaiting(t *testing.T) {
	for range 20 {
		l, stop := run(t, Options{})
		var calls sync.WaitGroup
		var served atomic.Int64
		for range 8 {
			calls.Go(func() {
				for {
					if err := l.Do(nothing); err != nil {
						if !errors.Is(err, ErrClosed) {
							t.Errorf("got %v, want %v", err, ErrClosed)
						}
						return
					}
					served.Add(1)
				}
			})
		}
		eventually(t, "commands are served", func() bool { return served.Load() > 20 })
		stop()
		calls.Wait()
	}
}

func TestLoopGivesItsDescriptorsBack(t *testing.T) {
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		must(t, err)
		return len(entries)
	}
	before := count()
	for range 10 {
		_, stop := run(t, Options{})
		stop()
		l, err := New(Options{})
		must(t, err)
		must(t, l.Close())
	}
	if after := count(); after > before {
		t.Errorf("%d descriptors are open, before there were %d", after, before)
	}
}

func TestHeartStopsWhileTheLoopIsStuck(t *testing.T) {
	l, _ := run(t, Options{})
	eventually(t, "the heart beats by itself", func() bool { return l.Beat() > 3 })
	stuck, release := make(chan struct{}), make(chan struct{})
	done := make(chan error)
	go func() {
		done <- l.Do(func(_ vrrp.Time, _ *vrrp.Router, out []vrrp.Action) []vrrp.Action {
			close(stuck)
			<-release
			return out
		})
	}()
	<-stuck
	beat, last := l.Beat(), l.LastBeat()
	<-time.After(3 * beatInterval)
	if got := l.Beat(); got != beat {
		t.Errorf("%d beats while the loop was stuck", got-beat)
	}
	close(release)
	must(t, <-done)
	eventually(t, "the heart beats again", func() bool { return l.Beat() > beat })
	// The round after the long one woke late and is no beat; the one after that is.
	if gap := l.LastBeat().Sub(last); gap < 3*beatInterval {
		t.Errorf("the beat came %v after the last one, want it later than the stall", gap)
	}
	if late := Now().Sub(l.LastBeat()); late > time.Second {
		t.Errorf("the last beat is %v old", late)
	}
}

func TestBindingsThatCannotBeRightAreRefused(t *testing.T) {
	l, _ := run(t, Options{})
	good := Binding{ID: 1, Interface: "eth9", Index: 9, Family: vrrp.IPv4, Source: addr("10.99.0.1")}
	for _, test := range []struct {
		name   string
		change func(*Binding)
		want   string
	}{
		{"no router", func(b *Binding) { b.ID = 0 }, "attach virtual router 0 to eth9: no virtual router named"},
		{"no family", func(b *Binding) { b.Family = 5 }, "attach virtual router 1 to eth9: no such family: family(5)"},
		{"no index", func(b *Binding) { b.Index = 0 }, "attach virtual router 1 to eth9: interface index 0: want a positive one"},
		{"no source", func(b *Binding) { b.Source = netip.Addr{} },
			"attach virtual router 1 to eth9: source invalid IP: want an ipv4 address"},
		{"source of the other family", func(b *Binding) { b.Source = addr("fe80::1") },
			"attach virtual router 1 to eth9: source fe80::1: want an ipv4 address"},
		{"mapped source", func(b *Binding) { b.Family, b.Source = vrrp.IPv6, addr("::ffff:10.99.0.1") },
			"attach virtual router 1 to eth9: source ::ffff:10.99.0.1: want an ipv6 address"},
		{"peer of the other family", func(b *Binding) { b.Peers = append(b.Peers, addr("fe80::1")) },
			"attach virtual router 1 to eth9: unicast peer fe80::1: want an ipv4 address"},
		{"group of the other family", func(b *Binding) { b.Group = addr("ff02::77") },
			"attach virtual router 1 to eth9: multicast group ff02::77: want one of ipv4"},
		{"group that is none", func(b *Binding) { b.Group = addr("10.99.0.77") },
			"attach virtual router 1 to eth9: multicast group 10.99.0.77: want one of ipv4"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := good
			test.change(&b)
			if err := l.Attach(b); err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
	if n := l.Stats().Ports; n != 0 {
		t.Errorf("%d ports are open, want none", n)
	}
}

// A loop that was kept from running is not steady for whoever cannot bear such a pause, until what followed from it was told.
func TestLoopIsNotSteadyAfterAPause(t *testing.T) {
	l, _ := run(t, Options{})
	const pause = 300 * time.Millisecond
	eventually(t, "the loop is steady", func() bool { return l.Steady(200 * time.Millisecond) })
	paused, resume := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- l.Do(func(_ vrrp.Time, _ *vrrp.Router, out []vrrp.Action) []vrrp.Action {
			close(paused)
			<-resume
			return out
		})
	}()
	<-paused
	end := time.Now().Add(pause)
	eventually(t, "the loop is not steady while it is held", func() bool { return !l.Steady(200 * time.Millisecond) })
	if !l.Steady(time.Minute) {
		t.Error("a pause counts that is shorter than what is asked for")
	}
	time.Sleep(time.Until(end))
	close(resume)
	must(t, <-done)
	if l.Steady(200*time.Millisecond) && Now().Sub(vrrp.Time(l.meter.lateAt.Load())) < lateFollows {
		t.Error("steady right after a pause")
	}
	eventually(t, "the loop is steady again", func() bool { return l.Steady(200 * time.Millisecond) })
}
