// SPDX-License-Identifier: Apache-2.0

package event

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"time"
)

// SinkConfig says where alerts go, besides the log.
type SinkConfig struct {
	Exec    []string       // a command and its arguments; empty: none
	Webhook string         // an http or https URL; empty: none
	SMTP    *SMTP          // nil: none
	Roots   *x509.CertPool // that certificates of the webhook and the mail server are verified with; nil: the system's
}

// SMTP is how to send mail.
type SMTP struct {
	Server   string // host:port; 465 speaks TLS from the start
	From     string
	To       []string
	User     string // empty: no authentication
	Password string
}

// Sinks is a [slog.Handler] in front of another one. It passes every record on and hands those with alert=true to the
// sinks. Each sink has a queue of its own, in order, and holds up nobody: neither the caller nor another sink. What
// cannot be delivered is said in a record AlertLost, which goes to the log alone.
type Sinks struct {
	*sinks
	next  slog.Handler
	scope scope
}

type sinks struct {
	log  slog.Handler // as it was given
	pace pace

	mu       sync.Mutex
	config   [3]any // of each courier
	couriers [3]*courier
	retired  []*courier
	node     string // of the last alert
}

// NewSinks starts the sinks in front of next. [Sinks.Close] ends them.
func NewSinks(next slog.Handler, c SinkConfig) (*Sinks, error) {
	return newSinks(next, c, usualPace())
}

func newSinks(next slog.Handler, c SinkConfig, p pace) (*Sinks, error) {
	s := &Sinks{sinks: &sinks{log: next, pace: p}, next: next}
	if err := s.Set(c); err != nil {
		return nil, err
	}
	return s, nil
}

// Check reports everything that is wrong with the configuration, by the names of the file.
func (c SinkConfig) Check() error {
	_, err := c.sinks()
	return err
}

// sinks makes the sinks; nil for those that are not wanted.
func (c SinkConfig) sinks() (made [3]sink, err error) {
	var errs []error
	add := func(i int, s sink, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("alerts.%w", err))
			return
		}
		made[i] = s
	}
	if len(c.Exec) > 0 {
		s, err := newCommand(c.Exec)
		add(0, s, err)
	}
	if c.Webhook != "" {
		s, err := newWebhook(c.Webhook, c.Roots)
		add(1, s, err)
	}
	if c.SMTP != nil {
		s, err := newMailer(*c.SMTP, c.Roots)
		add(2, s, err)
	}
	return made, errors.Join(errs...)
}

// Set replaces the sinks. One whose configuration stays the same keeps its queue; one that goes or changes delivers what
// waits as [Sinks.Close] does. If anything is wrong, nothing changes. It never waits.
func (s *sinks) Set(c SinkConfig) error {
	made, err := c.sinks()
	if err != nil {
		return err
	}
	config := [3]any{c.Exec, c.Webhook, c.SMTP}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retired = slices.DeleteFunc(s.retired, (*courier).ended)
	for i, to := range made {
		had := s.couriers[i]
		if had != nil && reflect.DeepEqual(config[i], s.config[i]) {
			continue
		}
		s.config[i], s.couriers[i] = config[i], nil
		if had != nil {
			had.close()
			s.retired = append(s.retired, had)
		}
		if to != nil {
			s.couriers[i] = s.courier(to)
		}
	}
	return nil
}

func (s *sinks) courier(to sink) *courier {
	return newCourier(to, s.pace, func(count int, a *Alert, text, reason string) { s.lost(to, count, a, text, reason) })
}

// Close ends the sinks: what waits is tried once more, for three seconds altogether, and what is left is reported as
// lost. The handler passes records on as before. It is called before the log behind it is closed.
func (s *sinks) Close() {
	s.Set(SinkConfig{}) //nolint:errcheck // nothing in it can be wrong
	s.mu.Lock()
	retired := s.retired
	s.retired = nil
	s.mu.Unlock()
	patience := time.NewTimer(s.pace.drain + time.Second) // a sink that does not heed its context is left behind
	defer patience.Stop()
	for _, c := range retired {
		select {
		case <-c.done:
		case <-patience.C:
			return
		}
	}
}

// Enabled is slog.Handler's. Alerts have the level error and are wanted whatever the level of the log.
func (s *Sinks) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelError || s.next.Enabled(ctx, l)
}

// WithAttrs is slog.Handler's.
func (s *Sinks) WithAttrs(as []slog.Attr) slog.Handler {
	return &Sinks{s.sinks, s.next.WithAttrs(as), s.scope.with(as)}
}

// WithGroup is slog.Handler's.
func (s *Sinks) WithGroup(name string) slog.Handler {
	return &Sinks{s.sinks, s.next.WithGroup(name), s.scope.in(name)}
}

// Handle passes a record on, and if it is an alert gives it to the sinks.
func (s *Sinks) Handle(ctx context.Context, r slog.Record) (err error) {
	if s.next.Enabled(ctx, r.Level) {
		err = s.next.Handle(ctx, r)
	}
	if r.Level < slog.LevelError {
		return err // no alert has a lower level
	}
	fields := s.scope.of(r)
	for _, f := range fields {
		if f.name == "alert" && f.value.Kind() == slog.KindBool && f.value.Bool() {
			s.hand(newAlert(r, fields))
			break
		}
	}
	return err
}

func (s *sinks) hand(a *Alert) {
	s.mu.Lock()
	couriers := s.couriers
	s.node = a.Node
	s.mu.Unlock()
	for _, c := range couriers {
		if c != nil {
			c.hand(a)
		}
	}
}

// lost writes an AlertLost record to the log, past the sinks.
func (s *sinks) lost(to sink, count int, a *Alert, text, reason string) {
	s.mu.Lock()
	node := s.node
	s.mu.Unlock()
	e := AlertLost.Info()
	r := slog.NewRecord(time.Now(), e.Level, text, 0)
	if node != "" {
		r.Add("node", node)
	}
	r.Add("event", AlertLost.String(), "name", e.Name, "alert", e.Alert, "sink", to.name(), "count", count, "reason", reason)
	if a != nil {
		r.Add("lost_event", a.Event, "lost_name", a.Name, "lost_id", a.ID)
		if a.Service != "" {
			r.Add("service", a.Service)
		}
	}
	if ctx := context.Background(); s.log.Enabled(ctx, r.Level) {
		s.log.Handle(ctx, r) //nolint:errcheck // a log that cannot be written has no log to say so
	}
}
