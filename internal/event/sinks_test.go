// SPDX-License-Identifier: Apache-2.0

package event

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"math"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRecordsPassAndOnlyAlertsReachTheSinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, k := newBook(slog.LevelInfo), newTaker(always)
		s := withTakers(log, usualPace(), k)
		l := slog.New(s)
		r := NewReporter(l, "db1")
		r.Report(Started, "no alert")
		r.Report(StartFailed, "an alert")
		l.Error("an error without an event")
		l.Error("a word is no truth", "alert", "true")
		l.Error("not one", "alert", false)
		l.WithGroup("inner").Error("in a group it is another attribute", "alert", true)
		l.Warn("too low", "alert", true)
		l.Debug("below the log's level", "alert", true)
		l.With("alert", true).Error("from With")
		s.Close()
		if _, taken := k.saw(); taken != "an alert from With" {
			t.Errorf("taken %q", taken)
		}
		if n := len(log.read()); n != 8 {
			t.Errorf("%d of 8 records reached the log", n)
		}
	})
}

func TestAlertsAreDeliveredWhateverTheLevelOfTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, k := newBook(slog.LevelError+1), newTaker(always)
		s := withTakers(log, usualPace(), k)
		raise(slog.New(s), "a")
		s.Close()
		if _, taken := k.saw(); taken != "a" || len(log.read()) != 0 {
			t.Errorf("taken %q, log %v", taken, log.read())
		}
	})
}

func TestChangedSinksDeliverWhatWaitsAndOthersKeepTheirQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newBook(slog.LevelInfo)
		stay := newTaker(func(_ context.Context, _ *Alert, n int) error {
			if n < 3 {
				return errDown
			}
			return nil
		})
		leave := newTaker(always)
		s := withTakers(log, usualPace(), leave, stay)
		s.config = [3]any{[]string{"leaves"}, "http://stays.example/", (*SMTP)(nil)}
		raise(slog.New(s), "a")
		synctest.Wait()
		if err := s.Set(SinkConfig{Webhook: "http://stays.example/"}); err != nil {
			t.Fatal(err)
		}
		raise(slog.New(s), "b")
		time.Sleep(time.Minute)
		if _, taken := leave.saw(); taken != "a" {
			t.Errorf("the sink that left took %q", taken)
		}
		if _, taken := stay.saw(); taken != "a b" {
			t.Errorf("the sink that stayed took %q", taken)
		}
		if lost := log.losses(t); len(lost) != 0 {
			t.Errorf("losses %v", lost)
		}
		if err := s.Set(SinkConfig{Webhook: "ftp://x"}); err == nil || s.couriers[1] == nil {
			t.Errorf("a wrong configuration gave %v and took the sink away", err)
		}
		s.Close()
	})
}

func TestConfigurationErrorsNameTheKeyAndNoSecret(t *testing.T) {
	t.Parallel()
	c := SinkConfig{
		Exec: []string{""}, Webhook: "https://hooks.example:port/s3cret",
		SMTP: &SMTP{Server: "mail", From: "a@example.org", To: []string{"b@example.org"}, Password: "s3cret"},
	}
	_, err := NewSinks(newBook(0), c)
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"alerts.exec", "alerts.webhook", "alerts.smtp.server"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not name %s", err, want)
		}
	}
	if strings.Contains(err.Error(), "s3cret") {
		t.Errorf("%q has a secret", err)
	}
	for _, m := range []SMTP{
		{Server: "a:25", From: "x", To: []string{"b@example.org"}},
		{Server: "a:25", From: "a@example.org"},
		{Server: "a:25", From: "a@example.org", To: []string{"b@example.org\r\nBcc: c@example.org"}},
		{Server: "a:25", From: "a@example.org\n", To: []string{"b@example.org"}},
		{Server: "a:25", From: "a@example.org", To: []string{"b@example.org, c@example.org"}},
		{Server: ":25", From: "a@example.org", To: []string{"b@example.org"}},
	} {
		if err := (SinkConfig{SMTP: &m}).Check(); err == nil {
			t.Errorf("%+v is accepted", m)
		}
	}
	if err := (SinkConfig{}).Check(); err != nil {
		t.Error(err)
	}
}

// hidden is a secret as configurations hold it.
type hidden struct{ s *string }

func (hidden) String() string { return "…" }

func TestAlertHoldsEveryFieldAndNoSecret(t *testing.T) {
	t.Parallel()
	var got *Alert
	secret := "s3cret"
	record := slog.NewRecord(time.Now(), slog.LevelError, "text", 0)
	record.Add("event", "RG1301", "name", "service_unprotected", "alert", true, "service", "orders",
		"n", 3, "u", uint64(4), "f", 0.5, "nan", math.NaN(), "yes", true, "for", 1500*time.Millisecond,
		"at", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), "address", netip.MustParsePrefix("10.0.0.1/24"), "error", errDown,
		"list", []string{"a", "b"}, slog.Group("g", "k", "v", slog.Group("h", "k", 1)), slog.Group("", "inline", 1),
		"password", hidden{&secret}, "nothing", nil, "long", strings.Repeat("ä", 5000), "bad", "a\xffb")
	got = newAlert(record, scope{}.with([]slog.Attr{slog.String("node", "db1")}).of(record))
	want := map[string]any{
		"n": int64(3), "u": uint64(4), "f": 0.5, "nan": "NaN", "yes": true, "for": "1.5s", "at": "2026-01-02T03:04:05Z",
		"address": "10.0.0.1/24", "error": "the sink is down", "list": []string{"a", "b"}, "g.k": "v", "g.h.k": int64(1),
		"inline": int64(1), "password": "…", "nothing": "<nil>", "long": strings.Repeat("ä", 2046) + "…", "bad": "a?b",
	}
	if diff := cmp.Diff(want, got.Fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	if got.Node != "db1" || got.Service != "orders" || got.Event != "RG1301" || !got.Alert || got.Meaning != Unprotected.Info().Meaning {
		t.Errorf("alert %+v", got)
	}
	if document := got.document(); bytes.Contains(document, []byte(secret)) || !json.Valid(document) || bytes.Count(document, []byte("\n")) != 1 {
		t.Errorf("document %s", document)
	}
}

func TestAlertIsBounded(t *testing.T) {
	t.Parallel()
	r := slog.NewRecord(time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC), slog.LevelError, strings.Repeat("x", 1<<20), 0)
	for i := range 10_000 {
		r.Add(strings.Repeat("k", i%7)+string(rune('a'+i%26)), strings.Repeat("v", 1<<10))
	}
	if n := len(newAlert(r, scope{}.of(r)).document()); n > 128<<10 || n < 1<<10 {
		t.Errorf("the document has %d bytes", n)
	}
}

// The document is what receivers read: fields may be added, none changes.
func TestAlertDocumentKeepsItsForm(t *testing.T) {
	t.Parallel()
	var got bytes.Buffer
	if err := json.Indent(&got, anAlert().document(), "", "  "); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("testdata/alert.json", got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/alert.json")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("the document changed (-want +got):\n%s", diff)
	}
}

func TestSinksAreUsedByManyAtOnce(t *testing.T) {
	t.Parallel()
	log, k := newBook(slog.LevelInfo), newTaker(always)
	p := usualPace()
	p.limit = 1 << 20
	s := withTakers(log, p, k)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			l := slog.New(s).With("worker", i)
			for range 50 {
				raise(l, "x")
			}
		})
	}
	all.Wait()
	s.Close()
	if n := k.count()["x"]; n != 400 {
		t.Errorf("%d of 400 alerts arrived", n)
	}
}

func TestIDsAreReadAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	for _, id := range []ID{0, 1, 1301, 9999, 10000, 65535} {
		if got, ok := parseID(id.String()); !ok || got != id {
			t.Errorf("%s is read as %v, %t", id, got, ok)
		}
	}
	for _, s := range []string{"", "RG", "RG1", "1301", "RG01301", "RG65536", "RG-001", "RG+130", "RG1301 ", "rg1301"} {
		if id, ok := parseID(s); ok {
			t.Errorf("%q is read as %s", s, id)
		}
	}
}
