// SPDX-License-Identifier: Apache-2.0

package takeover

import (
	"bytes"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// wire is a sender that remembers what left when, and fails on request.
type wire struct {
	mu    sync.Mutex
	start time.Time
	sent  []string
	fail  error
}

func (w *wire) send(link int, frame []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fail != nil {
		return w.fail
	}
	w.sent = append(w.sent, time.Since(w.start).String()+" "+netip.AddrFrom4([4]byte(frame[28:32])).String())
	return nil
}

func (w *wire) close() error { return nil }

func (w *wire) set(err error) { w.mu.Lock(); w.fail = err; w.mu.Unlock() }

func (w *wire) take() []string {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.sent
	w.sent = nil
	return out
}

// bench runs an announcer with a wire in a bubble of virtual time.
func bench(t *testing.T, f func(t *testing.T, a *Announcer, w *wire, log *bytes.Buffer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &wire{start: time.Now()}
		var log bytes.Buffer
		a := newAnnouncer(slog.New(slog.NewTextHandler(&log, nil)), w)
		f(t, a, w, &log)
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestAnnouncerKeepsTheSchedule(t *testing.T) {
	bench(t, func(t *testing.T, a *Announcer, w *wire, _ *bytes.Buffer) {
		a.Start(announcements(1, 1, 2), Policy{Repeat: 2, Delay: 5 * time.Second, Refresh: 30 * time.Second})
		time.Sleep(31 * time.Second)
		want := []string{
			"0s 10.0.0.1", "0s 10.0.0.2", "0s 10.0.0.1", "0s 10.0.0.2",
			"5s 10.0.0.1", "5s 10.0.0.2", "5s 10.0.0.1", "5s 10.0.0.2",
			"30s 10.0.0.1", "30s 10.0.0.2",
		}
		if diff := cmp.Diff(want, w.take()); diff != "" {
			t.Errorf("announcements (-want +got):\n%s", diff)
		}
		a.Stop(announcements(1, 1, 1))
		time.Sleep(30 * time.Second)
		if diff := cmp.Diff([]string{"1m0s 10.0.0.2"}, w.take()); diff != "" {
			t.Errorf("after Stop of one (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(AnnouncerStats{Sent: 11, Pending: 1}, a.Stats()); diff != "" {
			t.Errorf("stats (-want +got):\n%s", diff)
		}
	})
}

func TestAnnouncerSendsAllOfALargeBatchOnceBeforeAnyTwice(t *testing.T) {
	bench(t, func(t *testing.T, a *Announcer, w *wire, _ *bytes.Buffer) {
		a.Start(announcements(1, 1, 1000), Policy{Repeat: 2})
		sent := w.take()
		if len(sent) != 2000 {
			t.Fatalf("%d announcements, want 2000", len(sent))
		}
		first := slices.Clone(sent[:1000])
		slices.Sort(first)
		if n := len(slices.Compact(first)); n != 1000 {
			t.Errorf("the first 1000 announcements are of %d addresses", n)
		}
	})
}

func TestAnnouncerTriesAgainAndSaysSoOnce(t *testing.T) {
	bench(t, func(t *testing.T, a *Announcer, w *wire, log *bytes.Buffer) {
		w.set(errDown)
		a.Start(announcements(1, 1, 2), Policy{})
		time.Sleep(3*time.Second + restDown/2)
		if got := w.take(); got != nil {
			t.Errorf("sent %v on a link that is down", got)
		}
		w.set(nil)
		time.Sleep(time.Second)
		if diff := cmp.Diff([]string{"3.2s 10.0.0.1", "3.2s 10.0.0.2"}, w.take()); diff != "" {
			t.Errorf("announcements after the link came up (-want +got):\n%s", diff)
		}
		w.set(errFull)
		a.Start(announcements(1, 7, 1), Policy{})
		synctest.Wait()
		w.set(nil)
		time.Sleep(restFull)
		if got := len(w.take()); got != 1 {
			t.Errorf("%d announcements after the queue was full, want 1", got)
		}
		w.set(errors.New("broken"))
		a.Start(announcements(1, 8, 1), Policy{})
		synctest.Wait()
		if s := a.Stats(); s.Pending != 0 || s.Sent != 3 {
			t.Errorf("stats after an error for good: %+v", s)
		}
		synctest.Wait()
		text := log.String()
		if strings.Count(text, "cannot be announced") != 2 || strings.Count(text, "announced again") != 1 {
			t.Errorf("log:\n%s", text)
		}
	})
}

// What was not confirmed within the policy's time waits; another address that needs no confirmation, on another link, does not.
func TestAnnouncementsWaitUntilTheyAreConfirmed(t *testing.T) {
	bench(t, func(t *testing.T, a *Announcer, w *wire, _ *bytes.Buffer) {
		good := false
		var asked time.Duration
		a.Confirm(func(within time.Duration) bool { asked = within; return good })
		a.Start(announcements(1, 1, 1), Policy{Repeat: 1, Delay: time.Second, Fresh: 75 * time.Millisecond})
		a.Start(announcements(2, 2, 1), Policy{Repeat: 1})
		time.Sleep(100*time.Millisecond - 1)
		if diff := cmp.Diff([]string{"0s 10.0.0.2"}, w.take()); diff != "" || asked != 75*time.Millisecond {
			t.Errorf("asked for %s, want 75ms; unconfirmed (-want +got):\n%s", asked, diff)
		}
		a.mu.Lock()
		good = true
		a.mu.Unlock()
		time.Sleep(10 * time.Millisecond)
		if diff := cmp.Diff([]string{"100ms 10.0.0.1"}, w.take()); diff != "" {
			t.Errorf("confirmed (-want +got):\n%s", diff)
		}
		a.mu.Lock()
		good = false
		a.mu.Unlock()
		time.Sleep(time.Minute)
		a.Stop(announcements(1, 1, 1)) // what another node has taken over
		a.mu.Lock()
		good = true
		a.mu.Unlock()
		time.Sleep(time.Minute)
		if got := w.take(); got != nil {
			t.Errorf("after Stop: %v", got)
		}
	})
}
