// SPDX-License-Identifier: Apache-2.0

package event

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestHistoryKeepsTheLatest(t *testing.T) {
	t.Parallel()
	h := NewHistory(3)
	r := NewReporter(slog.New(slog.DiscardHandler), "db1")
	r.Keep(h)
	if h.After(0) != nil {
		t.Error("something happened before anything did")
	}
	for i := range 5 {
		r.Report(Active, fmt.Sprint("number ", i+1), "service", "orders", "vrid", 51, "reason", "")
	}
	want := Entry{Number: 3, Level: "WARN", Event: "RG1101", Name: "active", Service: "orders", Text: "number 3", Fields: map[string]string{"vrid": "51"}}
	list := h.After(0)
	if len(list) != 3 || list[2].Number != 5 {
		t.Fatalf("%+v", list)
	}
	if d := cmp.Diff(want, list[0], cmpopts.IgnoreFields(Entry{}, "Time")); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if list := h.After(4); len(list) != 1 || list[0].Number != 5 {
		t.Errorf("%+v", list)
	}
	if list := h.After(9); list != nil {
		t.Errorf("%+v", list)
	}
}

func TestHistoryWaitsForTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHistory(3)
		r := NewReporter(slog.New(slog.DiscardHandler), "db1")
		r.Keep(h)
		r.Report(Started, "started")
		if list := h.Wait(t.Context(), 0); len(list) != 1 {
			t.Errorf("%+v", list)
		}
		go func() {
			time.Sleep(time.Hour)
			r.Report(Stopping, "stopping")
		}()
		start := time.Now()
		if list := h.Wait(t.Context(), 1); len(list) != 1 || list[0].Name != "stopping" || time.Since(start) != time.Hour {
			t.Errorf("%+v after %v", list, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if list := h.Wait(ctx, 2); list != nil || time.Since(start) != time.Hour+time.Minute {
			t.Errorf("%+v after %v", list, time.Since(start))
		}
	})
}
