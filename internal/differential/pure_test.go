// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const stamp = "Mon Nov 23 02:58:51 2026: "

func TestLogLinesAreToldByWhatTheyAreAbout(t *testing.T) {
	got := sorted([]string{
		stamp + "Startup complete\n", stamp + "(VI_1) Entering BACKUP STATE (init)\n",
		stamp + "(VI_1) received lower priority (90) advert from 10.0.0.1 - discarding\n", stamp + "(VI_2) Entering FAULT STATE\n",
		stamp + "(VI_1) received lower priority (90) advert from 10.0.0.1 - discarding\n", stamp + "(VI_1): entering FAULT state (interface eth0 down)\n",
		stamp + "VRRP_Script(chk) timed_out\n", stamp + "(VI_1) start preempt delay (1.000321)\n", "(VI_1) Entering MASTER STATE\n",
	})
	want := map[string][]string{
		"VI_1": {"(VI_1) Entering BACKUP STATE (init)", "(VI_1) received lower priority (90) advert from 10.0.0.1 - discarding",
			"(VI_1): entering FAULT state (interface eth0 down)", "(VI_1) start preempt delay (…)"},
		"VI_2": {"(VI_2) Entering FAULT STATE"},
		"chk":  {"VRRP_Script(chk) timed_out"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTheLastStateCounts(t *testing.T) {
	got := states([]string{stamp + "(VI_1) Entering BACKUP STATE\n", stamp + "(VI_1) Entering MASTER STATE\n", stamp + "VRRP_Group(G) Syncing instances to FAULT state\n"})
	if diff := cmp.Diff(map[string]string{"VI_1": "MASTER", "G": "FAULT"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestDifferencesAreLinesWithTheirPlace(t *testing.T) {
	record := func(lines ...string) *Record {
		o := Observation{}
		o.add(FIFO, "f", lines...)
		return &Record{Steps: []StepRecord{{Name: "s", Nodes: map[string]Observation{"a": o}}}}
	}
	got := Compare(&Case{Name: "c"}, record("1", "2", "3"), record("2", "3", "4"))
	want := []Difference{
		{Case: "c", Step: "s", Node: "a", Kind: FIFO, About: "f", Line: "1"},
		{Case: "c", Step: "s", Node: "a", Kind: FIFO, About: "f", Line: "4", Extra: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	const text = "- one\n+ two\nc: after \"s\": a: fifo f\n   - 1\n   + 4\n"
	if diff := cmp.Diff(text, Report("one", "two", got)); diff != "" {
		t.Error(diff)
	}
	// The second program did not get so far.
	if got := Compare(&Case{}, record("1"), &Record{}); len(got) != 1 {
		t.Errorf("a step that is missing: %v", got)
	}
}

func TestWhatOperatorsRelyOnMayNeverDiffer(t *testing.T) {
	for _, kind := range []Kind{Owner, Address, Notify, FIFO} {
		if _, _, err := Review(nil, []Allowance{{Kind: kind, Case: ".*", Line: ".*", Reason: "none"}}); err == nil {
			t.Errorf("%s was allowed to differ", kind)
		}
	}
	if _, _, err := Review(nil, []Allowance{{Kind: Log, Case: ".*", Line: ".*"}}); err == nil {
		t.Error("an allowance without a reason was taken")
	}
	if _, _, err := Review(nil, Allowed()); err != nil {
		t.Error(err)
	}
}

func TestAnAllowanceTakesWholeLinesOfItsSide(t *testing.T) {
	list := []Difference{{Case: "c", Kind: Log, Line: "one"}, {Case: "c", Kind: Log, Line: "one", Extra: true}, {Case: "c", Kind: Log, Line: "one and more"}}
	rest, used, err := Review(list, []Allowance{{Kind: Log, Case: "c", Line: "one", Missing: true, Reason: "r"}, {Kind: JSON, Case: ".*", Line: ".*", Reason: "r"}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(list[1:], rest); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int{1, 0}, used); diff != "" {
		t.Error(diff)
	}
}

func TestKernelStateLeavesOutWhoAddedAndForHowLong(t *testing.T) {
	o, held, err := kernelState(`[{"ifindex":1,"ifname":"eth0","flags":["UP","LOWER_UP"],"address":"02:00:00:00:00:01","addr_info":[` +
		`{"family":"inet","local":"10.0.0.1","prefixlen":24,"scope":"global","dynamic":true,"valid_life_time":9,"protocol":"kernel_lo","label":"eth0"}]}]` +
		"\n" + `[{"dst":"10.0.0.0/24","dev":"eth0","protocol":"kernel","flags":["linkdown"]}]` + "\n[]\n[{\"priority\":0,\"src\":\"all\",\"table\":\"local\"}]\n[]\n")
	if err != nil {
		t.Fatal(err)
	}
	want := Observation{
		Kernel:  {"interface eth0": {"02:00:00:00:00:01 UP LOWER_UP"}},
		Address: {"eth0": {"family inet label eth0 local 10.0.0.1 prefixlen 24 scope global"}},
		Route:   {"": {"dev eth0 dst 10.0.0.0/24 flags [linkdown]"}},
		Rule:    {"": {"priority 0 src all table local"}},
	}
	if diff := cmp.Diff(want, o); diff != "" {
		t.Error(diff)
	}
	if len(held) != 1 || held[0].String() != "10.0.0.1/24" {
		t.Errorf("held %v", held)
	}
}

func TestJSONKeepsItsOrderAndHidesClocks(t *testing.T) {
	got, err := jsonLines([]byte(`[{"data":{"iname":"V","b":1,"a":[true,"x"],"last_transition":12.5},"stats":{"sent":3}}]`))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{"V": {`[].data.iname = "V"`, `[].data.b = 1`, `[].data.a[] = true`, `[].data.a[] = "x"`, `[].data.last_transition = …`, `[].stats.sent = …`}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"", "{", "[1,", "[] []", strings.Repeat("[", 100)} {
		if _, err := jsonLines([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func TestCallsTellTheirStateAndWhom(t *testing.T) {
	c, err := parseCall(strings.Join([]string{"0:0", "10.0.0.1/24 10.0.0.9/24 fe80::1/64", "/run/bin/any", "INSTANCE", "V", "MASTER", "100"}, separator))
	if err != nil {
		t.Fatal(err)
	}
	if c.state() != "MASTER" || c.about(map[string]bool{"V": true}) != "/run/bin/any V" || c.about(nil) != "/run/bin/any" {
		t.Errorf("state %q, about %q", c.state(), c.about(map[string]bool{"V": true}))
	}
	const want = `["INSTANCE" "V" "MASTER" "100"] by 0:0 holding [10.0.0.9/24]`
	if got := c.text(true, map[string]bool{"10.0.0.1/24": true}); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if _, err := parseCall("nonsense"); err == nil {
		t.Error("nonsense was read")
	}
}

func TestAdvertsAreToldWhenTheyChange(t *testing.T) {
	at := func(ms int) time.Time { return time.Unix(0, 0).Add(time.Duration(ms) * time.Millisecond) }
	advert := func(ms int, text string) sight {
		return sight{at: at(ms), about: "x", text: text, interval: 100 * time.Millisecond}
	}
	list := []sight{advert(0, "150"), advert(100, "150"), {at: at(110), text: "arp", announce: true}, {at: at(120), text: "arp", announce: true}, advert(200, "0"), advert(900, "150")}
	last := map[string]string{}
	first := seen(list, at(0), at(150), true, last)
	if diff := cmp.Diff(Observation{Wire: {"x": {"150", "goes on sending"}, "announcements": {"arp, 2 times"}}}, first); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(Observation{Wire: {"x": {"0"}}}, nonempty(seen(list, at(150), at(800), false, last))); diff != "" {
		t.Error(diff)
	}
}

// nonempty drops what has no lines.
func nonempty(o Observation) Observation {
	for _, about := range o {
		for name, lines := range about {
			if len(lines) == 0 {
				delete(about, name)
			}
		}
	}
	return o
}

func FuzzJSONLines(f *testing.F) {
	f.Add([]byte(`[{"data":{"iname":"V"},"stats":{"n":1}}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if _, err := jsonLines(text); err == nil && !jsonWhole(text) {
			t.Error("what is no JSON was read")
		}
	})
}

func FuzzKernelState(f *testing.F) {
	f.Add(`[{"ifname":"lo","addr_info":[{"local":"::1","prefixlen":128}]}] [] [] [] []`)
	f.Fuzz(func(_ *testing.T, text string) { kernelState(text) }) //nolint:errcheck // it only must not fall over
}
