// SPDX-License-Identifier: Apache-2.0

package event

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the generated part of docs/events.md and the golden alert anew")

// record is a record as a test sees it.
type record struct {
	Level  slog.Level
	Text   string
	Fields map[string]string
}

// book is a log that keeps what is written to it, from its level on.
type book struct {
	mu      *sync.Mutex
	records *[]record
	level   slog.Level
	scope   scope
}

func newBook(level slog.Level) *book { return &book{&sync.Mutex{}, &[]record{}, level, scope{}} }

func (b *book) Enabled(_ context.Context, l slog.Level) bool { return l >= b.level }
func (b *book) WithAttrs(as []slog.Attr) slog.Handler {
	return &book{b.mu, b.records, b.level, b.scope.with(as)}
}
func (b *book) WithGroup(g string) slog.Handler {
	return &book{b.mu, b.records, b.level, b.scope.in(g)}
}
func (b *book) Handle(_ context.Context, r slog.Record) error {
	fields := map[string]string{}
	for _, f := range b.scope.of(r) {
		fields[f.name] = text(f.value)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	*b.records = append(*b.records, record{r.Level, r.Message, fields})
	return nil
}

func (b *book) read() []record {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]record(nil), *b.records...)
}

// losses are the records AlertLost; the test fails if one of them is an alert itself.
func (b *book) losses(t *testing.T) (out []record) {
	t.Helper()
	for _, r := range b.read() {
		if r.Fields["event"] != AlertLost.String() {
			continue
		}
		if r.Fields["alert"] != "false" || r.Fields["name"] != "alert_lost" || r.Level != slog.LevelError {
			t.Errorf("loss is reported as %+v", r)
		}
		out = append(out, r)
	}
	return out
}

// taker is a sink of the test: plan says what becomes of each attempt; a nil error takes the alert.
type taker struct {
	plan func(ctx context.Context, a *Alert, attempt int) error

	mu       sync.Mutex
	attempts []string // "text@seconds"
	taken    []string
	tries    map[string]int
	start    time.Time
}

func newTaker(plan func(ctx context.Context, a *Alert, attempt int) error) *taker {
	return &taker{plan: plan, tries: map[string]int{}, start: time.Now()}
}

func (k *taker) name() string { return "taker" }

func (k *taker) send(ctx context.Context, a *Alert) error {
	k.mu.Lock()
	k.tries[a.Text]++
	n := k.tries[a.Text]
	k.attempts = append(k.attempts, fmt.Sprintf("%s@%g", a.Text, time.Since(k.start).Seconds()))
	k.mu.Unlock()
	if err := k.plan(ctx, a, n); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.taken = append(k.taken, a.Text)
	return nil
}

func (k *taker) saw() (attempts, taken string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return strings.Join(k.attempts, " "), strings.Join(k.taken, " ")
}

func (k *taker) count() map[string]int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return maps.Clone(k.tries)
}

var errDown = errors.New("the sink is down")

func always(context.Context, *Alert, int) error { return nil }
func never(context.Context, *Alert, int) error  { return errDown }
func hangs(ctx context.Context, _ *Alert, _ int) error {
	<-ctx.Done()
	return ctx.Err()
}

// withTakers is a Sinks whose couriers serve the takers.
func withTakers(log slog.Handler, p pace, takers ...*taker) *Sinks {
	s := &Sinks{sinks: &sinks{log: log, pace: p}, next: log}
	for i, k := range takers {
		s.couriers[i] = s.courier(k)
		s.config[i] = i + 1
	}
	return s
}

// anAlert is an alert with every kind of field.
func anAlert() *Alert {
	return &Alert{
		Version: 1, ID: "3Q7ZJ4N2X5VFYB6KD8MTC1RWHA", Time: time.Date(2026, 3, 1, 12, 0, 0, 250e6, time.UTC), Level: "ERROR",
		Event: Unprotected.String(), Name: "service_unprotected", Alert: true, Node: "db1", Service: "orders",
		Text:    "orders has no other node with room for it",
		Meaning: Unprotected.Info().Meaning,
		Fields:  map[string]any{"demand": 40, "candidates": []string{"db2", "db3"}, "reason": "db2 has 10 of 40 left"},
	}
}
