// SPDX-License-Identifier: Apache-2.0

package event

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// raise reports an alert whose sentence is text.
func raise(log *slog.Logger, text string) {
	NewReporter(log, "db1").Report(StartFailed, text, "service", "orders")
}

func TestAlertIsTriedAgainAfterOneFiveAndThirtySeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, k := newBook(slog.LevelInfo), newTaker(never)
		s := withTakers(log, usualPace(), k)
		raise(slog.New(s), "a")
		time.Sleep(time.Hour)
		if attempts, _ := k.saw(); attempts != "a@0 a@1 a@6 a@36" {
			t.Errorf("attempts %s", attempts)
		}
		lost := log.losses(t)
		if len(lost) != 1 {
			t.Fatalf("%d losses were reported: %+v", len(lost), lost)
		}
		for name, want := range map[string]string{"node": "db1", "sink": "taker", "count": "1", "reason": "the sink is down",
			"lost_event": "RG1304", "lost_name": "start_failed", "service": "orders"} {
			if got := lost[0].Fields[name]; got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		s.Close()
		if attempts, _ := k.saw(); strings.Count(attempts, "@") != 4 {
			t.Errorf("the loss itself went to the sink: %s", attempts)
		}
	})
}

func TestAlertsArriveInOrderBehindOneThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newBook(slog.LevelInfo)
		k := newTaker(func(_ context.Context, a *Alert, n int) error {
			if a.Text == "a" && n < 3 || a.Text == "b" {
				return errDown
			}
			return nil
		})
		s := withTakers(log, usualPace(), k)
		for _, text := range []string{"a", "b", "c"} {
			raise(slog.New(s), text)
		}
		time.Sleep(time.Hour)
		if attempts, taken := k.saw(); taken != "a c" || attempts != "a@0 a@1 a@6 b@6 b@7 b@12 b@42 c@42" {
			t.Errorf("taken %q of the attempts %s", taken, attempts)
		}
		s.Close()
	})
}

func TestWhatIsRefusedForGoodIsNotRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newBook(slog.LevelInfo)
		k := newTaker(func(context.Context, *Alert, int) error { return fmt.Errorf("session: %w", final{errDown}) })
		s := withTakers(log, usualPace(), k)
		raise(slog.New(s), "a")
		time.Sleep(time.Hour)
		if n := k.count()["a"]; n != 1 {
			t.Errorf("%d attempts", n)
		}
		if lost := log.losses(t); len(lost) != 1 || !strings.Contains(lost[0].Text, "1 attempt:") {
			t.Errorf("losses %+v", lost)
		}
		s.Close()
	})
}

func TestHangingSinkHoldsUpNeitherCallerNorOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, stuck, well := newBook(slog.LevelInfo), newTaker(hangs), newTaker(always)
		s := withTakers(log, usualPace(), stuck, well)
		start := time.Now()
		for i := range 1000 {
			raise(slog.New(s), fmt.Sprint(i))
			synctest.Wait()
		}
		if waited := time.Since(start); waited != 0 {
			t.Errorf("the caller waited %s", waited)
		}
		if n := len(well.count()); n != 1000 {
			t.Errorf("the other sink has %d of 1000 alerts", n)
		}
		time.Sleep(76 * time.Second) // 4 attempts of 10 s and the pauses
		synctest.Wait()
		if attempts, _ := stuck.saw(); !strings.HasPrefix(attempts, "0@0 0@11 0@26 0@66 744@76") {
			t.Errorf("attempts %s", attempts)
		}
		if lost := log.losses(t); len(lost) == 0 || !strings.Contains(lost[len(lost)-1].Text, "no result within 10s") {
			t.Errorf("losses %+v", lost)
		}
		s.Close()
	})
}

func TestFullQueueDropsTheOldestAndCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newBook(slog.LevelInfo)
		k := newTaker(func(ctx context.Context, a *Alert, n int) error {
			if a.Text == "first" && n == 1 {
				return hangs(ctx, a, n)
			}
			return nil
		})
		p := usualPace()
		p.limit = 3
		s := withTakers(log, p, k)
		raise(slog.New(s), "first")
		synctest.Wait()
		for _, text := range []string{"a", "b", "c", "d", "e"} {
			raise(slog.New(s), text)
		}
		time.Sleep(time.Minute)
		if _, taken := k.saw(); taken != "first c d e" {
			t.Errorf("taken %q", taken)
		}
		lost := log.losses(t)
		if len(lost) != 1 || lost[0].Fields["count"] != "2" || lost[0].Fields["reason"] != "queue full" || lost[0].Fields["node"] != "db1" {
			t.Errorf("losses %+v", lost)
		}
		s.Close()
	})
}

func TestCloseDeliversWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newBook(slog.LevelInfo)
		k := newTaker(func(_ context.Context, a *Alert, n int) error {
			if a.Text == "a" && n == 1 {
				return errDown
			}
			time.Sleep(100 * time.Millisecond)
			return nil
		})
		s := withTakers(log, usualPace(), k)
		for _, text := range []string{"a", "b", "c"} {
			raise(slog.New(s), text)
		}
		synctest.Wait() // a waits for its second attempt
		s.Close()
		if _, taken := k.saw(); taken != "b c" {
			t.Errorf("taken %q", taken)
		}
		if lost := log.losses(t); len(lost) != 1 || lost[0].Fields["lost_event"] != "RG1304" {
			t.Errorf("losses %+v", lost)
		}
	})
}

func TestCloseEndsWithinItsTimeAndSaysWhatIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, k := newBook(slog.LevelInfo), newTaker(hangs)
		s := withTakers(log, usualPace(), k)
		for _, text := range []string{"a", "b", "c"} {
			raise(slog.New(s), text)
		}
		synctest.Wait()
		start := time.Now()
		s.Close()
		s.Close()
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("Close took %s", took)
		}
		lost := log.losses(t)
		if len(lost) != 2 || lost[0].Fields["count"] != "1" || !strings.Contains(lost[0].Text, "the daemon ended") || lost[1].Fields["count"] != "2" {
			t.Errorf("losses %+v", lost)
		}
		raise(slog.New(s), "late")
		if all := log.read(); all[len(all)-1].Text != "late" {
			t.Error("a record after Close does not reach the log")
		}
	})
}

func TestCloseLeavesASinkBehindThatHeedsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := withTakers(newBook(slog.LevelInfo), usualPace(), newTaker(func(context.Context, *Alert, int) error {
			<-release
			return nil
		}))
		raise(slog.New(s), "a")
		synctest.Wait()
		start := time.Now()
		s.Close()
		if took := time.Since(start); took != 4*time.Second {
			t.Errorf("Close took %s", took)
		}
		close(release)
	})
}

// Whatever fails and whenever: what arrives is in order, each alert at most once, and delivered and lost make all.
func TestNoAlertVanishesUnsaid(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		fate := rapid.SliceOfN(rapid.IntRange(0, 6), 1, 40).Draw(rt, "fate")
		gaps := rapid.SliceOfN(rapid.IntRange(0, 60), len(fate), len(fate)).Draw(rt, "gaps")
		wait := rapid.IntRange(0, 300).Draw(rt, "wait")
		var taken []string
		lost := 0
		synctest.Test(t, func(t *testing.T) {
			k := newTaker(func(ctx context.Context, a *Alert, n int) error {
				switch f := fate[number(a.Text)]; {
				case f == 6:
					return final{errDown}
				case f == 5 && n == 1:
					return hangs(ctx, a, n)
				case f < 5 && n <= f:
					return errDown
				}
				return nil
			})
			log, p := newBook(slog.LevelInfo), usualPace()
			p.limit = 4
			s := withTakers(log, p, k)
			for i := range fate {
				raise(slog.New(s), fmt.Sprint(i))
				time.Sleep(time.Duration(gaps[i]) * time.Second / 2)
			}
			time.Sleep(time.Duration(wait) * time.Second)
			s.Close()
			for _, l := range log.losses(t) {
				lost += number(l.Fields["count"])
			}
			_, all := k.saw()
			taken = strings.Fields(all)
		})
		for i := 1; i < len(taken); i++ {
			if number(taken[i]) <= number(taken[i-1]) {
				rt.Fatalf("alert %s after %s", taken[i], taken[i-1])
			}
		}
		if len(taken)+lost != len(fate) {
			rt.Fatalf("%d alerts: %d delivered, %d reported as lost", len(fate), len(taken), lost)
		}
	})
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return -1
	}
	return n
}
