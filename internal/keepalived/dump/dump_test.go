// SPDX-License-Identifier: Apache-2.0

package dump_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/regent-ha/regent/internal/keepalived/dump"
)

func TestSecondLayoutHoldsTheFirst(t *testing.T) {
	t.Parallel()
	s := snapshot()
	s.Processes = append(s.Processes, dump.Process{Name: "p2", Command: "java", Parameters: "'-jar' 'a.jar'", Match: "initial", Min: 1, Max: 3, Current: 2, Quorum: true,
		Weight: -5, TerminateDelay: 1500 * time.Millisecond, FullCommand: true})
	first := render(t, func(w io.Writer, s dump.Snapshot) error { return dump.JSON(w, s, 1) }, s)
	second := render(t, func(w io.Writer, s dump.Snapshot) error { return dump.JSON(w, s, 2) }, s)
	var two map[string]json.RawMessage
	if err := json.Unmarshal([]byte(second), &two); err != nil {
		t.Fatal(err)
	}
	if got := string(two["vrrp"]) + "\n"; got != first {
		t.Error(cmp.Diff(first, got))
	}
	want := `[{"process":"nothing-runs-by-this-name","min_processes":1,"max_processes":0,"current_processes":0,"have_quorum":false,"weight":5,` +
		`"terminate_delay":0,"fork_delay":0,"fork_delay_timer_running":false,"terminate_delay_timer_running":false,"full_command":false},` +
		`{"process":"java","parameters":"'-jar' 'a.jar'","param_match":"initial","min_processes":1,"max_processes":3,"current_processes":2,"have_quorum":true,"weight":-5,` +
		`"terminate_delay":1.5,"fork_delay":0,"fork_delay_timer_running":false,"terminate_delay_timer_running":false,"full_command":true}]`
	if d := cmp.Diff(want, string(two["track_process"])); d != "" {
		t.Error(d)
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	s := dump.Snapshot{Instances: []dump.Instance{{Name: "a", Version: 2, Password: true}, {Name: "b", Version: 3, HMAC: true}}}
	j := render(t, func(w io.Writer, s dump.Snapshot) error { return dump.JSON(w, s, 1) }, s)
	if !strings.Contains(j, `"auth_type":1,"auth_data":"********"`) {
		t.Error(j)
	}
	if d := render(t, dump.Data, s); !strings.Contains(d, "   Authentication type = SIMPLE_PASSWORD\n   Password = ********\n") {
		t.Error(d)
	}
}

// Names come from files: whatever they hold, the document stays one.
func TestJSONIsOneDocumentWhateverNamesHold(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.String().Draw(t, "name")
		us := rapid.Int64Range(0, 1<<50).Draw(t, "time")
		s := dump.Snapshot{Instances: []dump.Instance{{
			Name: name, Interface: name, LastTransition: time.UnixMicro(us), Routes: []dump.Item{{Text: name}},
			Addresses: []dump.Address{{Prefix: netip.MustParsePrefix("10.0.0.1/24"), Device: name}},
			Notify:    dump.Notify{Any: &dump.Command{Args: []string{name, name}}},
		}}}
		var b bytes.Buffer
		if err := dump.JSON(&b, s, rapid.IntRange(1, 2).Draw(t, "version")); err != nil {
			t.Fatal(err)
		}
		var list []struct {
			Data struct {
				Name string  `json:"iname"`
				Last float64 `json:"last_transition"`
			} `json:"data"`
		}
		text := b.Bytes()
		if text[0] == '{' {
			var v struct{ VRRP json.RawMessage }
			if err := json.Unmarshal(text, &v); err != nil {
				t.Fatal(err)
			}
			text = v.VRRP
		}
		if err := json.Unmarshal(text, &list); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		if len(list) != 1 || list[0].Data.Name != strings.ToValidUTF8(name, "\ufffd") {
			t.Fatalf("%q became %+v", name, list)
		}
		if got := int64(list[0].Data.Last*1e6 + 0.5); got-us > 1 || us-got > 1 {
			t.Fatalf("time %d became %d", us, got)
		}
	})
}

// A name cannot forge a line.
func TestTextIsOneLineWhateverNamesHold(t *testing.T) {
	t.Parallel()
	d := render(t, dump.Data, dump.Snapshot{Instances: []dump.Instance{{Name: "a\n   State = MASTER", Version: 2}}})
	if strings.Contains(d, "\n   State = MASTER") {
		t.Error(d)
	}
}

func TestCountersAreThoseSinceTheyWereCleared(t *testing.T) {
	t.Parallel()
	then := dump.Counters{AdvertsSent: 5, ZeroSent: 1, HMACOld: 9}
	now := dump.Counters{AdvertsSent: 7, ZeroSent: 1, HMACOld: 2, AdvertsReceived: 3} // the stale ones began anew
	want := dump.Counters{AdvertsSent: 2, HMACOld: 2, AdvertsReceived: 3}
	if d := cmp.Diff(want, now.Sub(then)); d != "" {
		t.Error(d)
	}
}

// What cannot be known from keepalived's own files: the interfaces, what is empty.
func TestInterfacesAndEmptyLists(t *testing.T) {
	t.Parallel()
	s := dump.Snapshot{Interfaces: []dump.Interface{
		{Name: "lo", Index: 1, MTU: 65536, IPv4: netip.MustParseAddr("127.0.0.1"), Up: true, Running: true, Loopback: true},
		{Name: "eth0", Index: 2, MTU: 1500, MAC: "02:00:00:00:00:01", Broadcast: "ff:ff:ff:ff:ff:ff", Up: true, Multicast: true, Tracking: []dump.Track{{Name: "VI_1", Weight: 3, Reverse: true}}},
	}}
	d := render(t, dump.Data, s)
	_, got, _ := strings.Cut(d, "------< VRRP Topology >------\n")
	want := `------< VRRP Sockpool >------
------< Interfaces >------
 Name = lo
   index = 1
   IPv4 address = 127.0.0.1
   IPv6 address = (none)
   State = UP, RUNNING, no broadcast, loopback, no multicast
   MTU = 65536
   HW Type = LOOPBACK
 Name = eth0
   index = 2
   IPv4 address = (none)
   IPv6 address = (none)
   MAC = 02:00:00:00:00:01
   MAC broadcast = ff:ff:ff:ff:ff:ff
   State = UP, not RUNNING
   MTU = 1500
   HW Type = ETHERNET
   Tracking VRRP instances :
     VI_1, weight 3 reverse
`
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if got := render(t, dump.Stats, s); got != "" {
		t.Errorf("statistics of nothing: %q", got)
	}
}

type broken struct{ after int }

func (b *broken) Write(p []byte) (int, error) {
	if b.after--; b.after < 0 {
		return 0, errors.New("broken")
	}
	return len(p), nil
}

func TestFailedWriteIsReported(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]func(io.Writer, dump.Snapshot) error{
		"data": dump.Data, "stats": dump.Stats, "json": func(w io.Writer, s dump.Snapshot) error { return dump.JSON(w, s, 1) },
		"parent": func(w io.Writer, s dump.Snapshot) error { return dump.Parent(w, s.Global) },
	} {
		if err := f(&broken{}, snapshot()); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
