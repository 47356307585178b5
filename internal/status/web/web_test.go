// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regent-ha/regent/internal/event"
	"github.com/regent-ha/regent/internal/status"
)

// world is a daemon whose state a test changes.
type world struct {
	mu      sync.Mutex
	snap    status.Snapshot
	events  []event.Entry
	err     error
	changed chan struct{}
}

func (w *world) source() Source {
	return Source{
		Snapshot: func(context.Context) (status.Snapshot, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.snap, w.err
		},
		Events: func() []event.Entry {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.events
		},
		Wait: func(ctx context.Context, _ uint64) bool {
			select {
			case <-w.changed:
				return true
			case <-ctx.Done():
				return false
			}
		},
	}
}

func sample() *world {
	at := time.Now().Add(-time.Minute)
	return &world{
		changed: make(chan struct{}, 1),
		snap: status.Snapshot{
			Node: "db2", Started: at,
			Services: []status.Service{
				{
					Name: "orders", Family: "ipv4", Interface: "eth0", VirtualRouterID: 51, Addresses: []string{"10.0.0.101/24"}, State: "active", Duty: "refuse",
					EffectivePriority: 240, Since: at, DutyReason: "takeover is forbidden by its owner", Phase: "idle", Mechanism: "nftables",
					Checks: []status.Check{{Name: "tcp 127.0.0.1:5432", Detail: "refused"}},
				},
				{Name: "<script>alert(1)</script>", Family: "ipv4", State: "backup", ActiveAddress: "10.0.0.1", Since: at, Reason: "a \"reason\" & more"},
			},
			Nodes: []status.Node{{Name: "db1", Presence: "dead"}, {Name: "db2", Presence: "alive", Alive: true, Load: 1.25, Performs: []string{"parts"}}},
		},
		events: []event.Entry{
			{Number: 1, Time: at, Event: "RG1102", Service: "orders", Text: "orders is backup", Fields: map[string]string{"family": "ipv4", "state": "backup"}},
			{Number: 2, Time: at.Add(20 * time.Second), Event: "RG1101", Service: "orders", Text: "orders is active <b>", Alert: true, Fields: map[string]string{"family": "ipv4", "state": "active"}},
		},
	}
}

func TestPageShowsTheNodeAndTrustsNobody(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	Page(sample().source()).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	text := w.Body.String()
	for _, want := range []string{
		"<h1>db2</h1>", `<div class="service refuse"><b>orders</b>`, "active, refuse, priority 240", "takeover is forbidden by its owner", "no other node could take it over",
		"tcp 127.0.0.1:5432 fails: refused", "&lt;script&gt;alert(1)&lt;/script&gt;", "active is 10.0.0.1", "<td>dead</td>", "<td>1.2</td>", "refusing by nftables",
		`<tr class="alert">`, "orders is active &lt;b&gt;", `<rect class="refuse"`, `<rect class="backup"`, "reload for what is now",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not on the page", want)
		}
	}
	if strings.Contains(text, "<script>alert") || strings.Contains(text, "active <b>") {
		t.Error("a foreign word is not escaped")
	}
	if regexp.MustCompile(`(src|href)="?(https?:)?//`).MatchString(text) {
		t.Error("it needs something from elsewhere")
	}
	nonce := regexp.MustCompile(`nonce-([A-Z0-9]+)`).FindStringSubmatch(w.Header().Get("Content-Security-Policy"))
	if w.Code != 200 || nonce == nil || strings.Count(text, `nonce="`+nonce[1]+`"`) != 2 {
		t.Errorf("code %d, headers %v", w.Code, w.Header())
	}
	if t.Failed() {
		t.Log(text)
	}
}

func TestPageOfABusyDaemonSaysSo(t *testing.T) {
	t.Parallel()
	w := sample()
	w.err = errors.New("no")
	r := httptest.NewRecorder()
	Page(w.source()).ServeHTTP(r, httptest.NewRequest("GET", "/", nil))
	if r.Code != http.StatusServiceUnavailable {
		t.Errorf("code %d", r.Code)
	}
}

// What changes reaches an open page at once, in one event that browsers can read.
func TestLivePageFollowsAtOnce(t *testing.T) {
	t.Parallel()
	w := sample()
	server := httptest.NewServer(Live(w.source()))
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if got := response.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("type %s", got)
	}
	in := bufio.NewReader(response.Body)
	next := func() string {
		t.Helper()
		var b strings.Builder
		for {
			line, err := in.ReadString('\n')
			if err != nil && err != io.EOF {
				t.Fatal(err)
			}
			if line == "\n" {
				return b.String()
			}
			data, ok := strings.CutPrefix(line, "data: ")
			if !ok {
				t.Fatalf("not a line of data: %q", line)
			}
			b.WriteString(data)
		}
	}
	if got := next(); !strings.Contains(got, "active, refuse") || strings.Contains(got, "<html") {
		t.Errorf("first: %s", got)
	}
	w.mu.Lock()
	w.snap.Services = append([]status.Service{}, w.snap.Services...)
	w.snap.Services[0].Duty = "serve"
	w.mu.Unlock()
	start := time.Now()
	w.changed <- struct{}{}
	if got := next(); !strings.Contains(got, "active, serve") || time.Since(start) > time.Second {
		t.Errorf("after %v: %s", time.Since(start), got)
	}
}

func TestLanesAreReadFromEventsAndEndInWhatIsNow(t *testing.T) {
	t.Parallel()
	at := func(minute int) time.Time { return time.Date(2026, 11, 23, 12, minute, 0, 0, time.UTC) }
	change := func(minute int, id, service, family, state string) event.Entry {
		return event.Entry{Time: at(minute), Event: id, Service: service, Text: state, Fields: map[string]string{"family": family, "state": state}}
	}
	snap := status.Snapshot{Services: []status.Service{
		{Name: "orders", Family: "ipv4", State: "active", Duty: "serve", Since: at(5)},
		{Name: "orders", Family: "ipv6", State: "backup", Since: at(1)},
		{Name: "parts", Family: "ipv4", State: "initialize", Since: at(9), Reason: "link"},
	}}
	events := []event.Entry{
		change(0, "RG1102", "orders", "ipv4", "backup"), change(5, "RG1101", "orders", "ipv4", "active"),
		{Time: at(5), Event: "RG1303", Service: "orders", Text: "refuses", Fields: map[string]string{"duty": "refuse"}},
		{Time: at(6), Event: "RG1303", Service: "orders", Text: "serves", Fields: map[string]string{"duty": "serve"}},
		change(1, "RG1102", "orders", "ipv6", "backup"),
		{Time: at(7), Event: "RG1201", Service: "orders", Text: "something else"},
	}
	type flat struct {
		Name, State string
		From, To    int
	}
	var got []flat
	for _, l := range lanes(&snap, events, at(2), at(10)) {
		for _, s := range l.stretches {
			got = append(got, flat{l.name, s.state, s.from.Minute(), s.to.Minute()})
		}
	}
	want := []flat{
		{"orders ipv4", "backup", 2, 5}, {"orders ipv4", "refuse", 5, 6}, {"orders ipv4", "serve", 6, 10},
		{"orders ipv6", "backup", 2, 10},
		{"parts", "initialize", 9, 10},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
