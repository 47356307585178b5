// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"encoding/binary"
	"encoding/json"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regent-ha/regent/internal/netlab"
)

func TestSummaryIsAsBadAsItsWorstRun(t *testing.T) {
	t.Parallel()
	moved := func(ms float64) Trial { return Trial{Outcome: Moved, MS: ms, Got: GotReset, Said: "served"} }
	for name, tc := range map[string]struct {
		trials []Trial
		want   Result
	}{
		"all move": {
			[]Trial{moved(30), moved(10), moved(20)},
			Result{Answer: Default, Got: GotReset, Outcome: Moved, Moved: 3, Runs: []float64{30, 10, 20}, Median: 20, Max: 30},
		},
		"an even number": {
			[]Trial{moved(30), moved(10)},
			Result{Answer: Default, Got: GotReset, Outcome: Moved, Moved: 2, Runs: []float64{30, 10}, Median: 20, Max: 30},
		},
		"one stops": {
			[]Trial{moved(10), {Outcome: Stops, MS: 5, Got: Spoken, Said: "no"}, moved(20)},
			Result{Answer: Default, Got: Spoken, Outcome: Stops, Moved: 2, Runs: []float64{10, 5, 20}, Median: 10, Max: 20, Said: "no"},
		},
		"one stops and one hangs": {
			[]Trial{{Outcome: Hangs, MS: 9, Got: Nothing, Said: "…"}, {Outcome: Stops, MS: 5, Got: Spoken, Said: "no"}},
			Result{Answer: Default, Got: Nothing, Outcome: Hangs, Runs: []float64{9, 5}, Median: 7, Max: 9, Said: "…"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, Summary(Default, tc.trials)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBestAnswersAreThoseThatMoveSoonest(t *testing.T) {
	t.Parallel()
	result := func(answer string, o Outcome, median float64) Result {
		return Result{Answer: answer, Outcome: o, Median: median}
	}
	for name, tc := range map[string]struct {
		results []Result
		want    []string
	}{
		"nothing moves it":           {[]Result{result("reset", Stops, 5), result("x", Hangs, 5)}, nil},
		"the default alone":          {[]Result{result("reset", Moved, 5), result("x", Stops, 1)}, []string{"reset"}},
		"words alone":                {[]Result{result("reset", Stops, 5), result("x", Moved, 900)}, []string{"x"}},
		"words are sooner":           {[]Result{result("reset", Moved, 5000), result("x", Moved, 10)}, []string{"x"}},
		"near each other":            {[]Result{result("reset", Moved, 60), result("x", Moved, 10), result("y", Moved, 61)}, []string{"reset", "x"}},
		"what hangs is never better": {[]Result{result("reset", Moved, 60), result("x", Hangs, 1)}, []string{"reset"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, best(tc.results)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPortIsConfiguredSuchThatFewestStayBehind(t *testing.T) {
	t.Parallel()
	row := func(client, port string, results ...Result) Row {
		return Row{Client: client, How: "x", Port: port, Results: results}
	}
	result := func(answer string, o Outcome, median float64) Result {
		return Result{Answer: answer, Outcome: o, Median: median}
	}
	ports := Advise([]Row{
		row("a", "tcp/1", result("reset", Moved, 5), result("w", Moved, 5)),
		row("b", "tcp/1", result("reset", Moved, 5), result("w", Stops, 5)),
		row("c", "udp/2", result("reset", Moved, 5000), result("w", Moved, 9)),
		row("d", "tcp/3", result("reset", Stops, 5), result("w", Moved, 5), result("v", Moved, 5)),
		row("e", "tcp/4", result("reset", Moved, 400), result("w", Moved, 5)),
		row("f", "tcp/5", result("reset", Moved, 1400), result("w", Moved, 5)),
	})
	got := map[string]string{}
	for _, p := range ports {
		got[p.Port] = p.Choice()
	}
	if diff := cmp.Diff(map[string]string{"tcp/1": "reset", "udp/2": "w", "tcp/3": "w", "tcp/4": "reset", "tcp/5": "w"}, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"b by x"}, ports[0].Stays["w"]); diff != "" {
		t.Error(diff)
	}
}

func TestPageTellsWhatWasMeasured(t *testing.T) {
	t.Parallel()
	r := Report{Version: 1, Kernel: "6.1", Servers: map[string]string{"nginx": "1.22"}, Rows: []Row{{
		Client: "curl", How: "a name", Note: "Why.", Version: "7.88", Port: "tcp/80", Undisturbed: 12.4,
		Results: []Result{
			{Answer: Default, Got: GotReset, Outcome: Moved, Moved: 2, Runs: []float64{20, 30}, Median: 25, Max: 30},
			{Answer: `"http"`, Got: Spoken, Outcome: Stops, Moved: 1, Runs: []float64{20, 30}, Median: 25, Max: 30, Said: "one\n\n two `|`\n"},
			{Answer: answerRedirect, Got: GotReset, Outcome: Moved, Moved: 2, Runs: []float64{20, 30}, Median: 25, Max: 30},
		},
		Configure: []string{Default, answerRedirect},
	}}, Held: []Row{
		{Client: "pgx", Port: "tcp/5432", Note: "Keys.", Results: []Result{{Answer: Default, Outcome: Hangs}}},
		{Client: "mysql", Port: "tcp/3306", Results: []Result{{Answer: Default, Outcome: Moved, Median: 5, Max: 6, Said: "1: invalid"}}},
		{Client: "redis", Port: "tcp/6379", Results: []Result{{Answer: Default, Outcome: Moved, Median: 5, Max: 6, Said: noError}}},
	}}
	page := r.Page()
	for _, want := range []string{
		"| curl[^1] | 7.88 | tcp/80 | a name | 12 ms | 25 ms (30) | `http`: **stops** after 25 ms (moved on 1 times of 2)[^2]<br>" +
			"`http + location`: 25 ms (30) (it got: reset) | `reset` or `http + location` |\n",
		"[^1]: Why.\n[^2]: curl, a name, after `http`: `one / two '|'`\n",
		"| tcp/80 | `reset` | none | `http`: curl by a name<br>`http + location`: none |\n",
		"Linux 6.1,",
		"The default answer moves 1 of 1 clients (not: none). Answers in the protocol's words move a client in 1 of 2 cases",
		"| pgx[^3] | tcp/5432 | **hangs** | – |\n| mysql | tcp/3306 | 5 ms (6) | `1: invalid` |\n| redis | tcp/6379 | 5 ms (6) | none |\n",
		"nginx 1.22",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q:\n%s", want, page)
		}
	}
}

// The two files of docs are of one run.
func TestPageIsOfTheFigures(t *testing.T) {
	t.Parallel()
	figures, err := os.ReadFile("../../docs/clients.json")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/clients.md")
	if err != nil {
		t.Fatal(err)
	}
	var r Report
	if err := json.Unmarshal(figures, &r); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r.Page(), string(page)); diff != "" {
		t.Error(diff)
	}
}

func TestVersionIsFoundInWhatProgramsSay(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		"psql (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)":              "15.18",
		"mariadb  Ver 15.1 Distrib 10.11.19-MariaDB, for debian-linux":  "10.11.19",
		"OpenSSH_9.2p1 Debian-2+deb12u10, OpenSSL 3.0.20":               "9.2p1",
		"curl 7.88.1 (x86_64-pc-linux-gnu) libcurl/7.88.1":              "7.88.1",
		"ldapsearch: @(#) $OpenLDAP: ldapsearch 2.5.13+dfsg-5 (Feb 8)":  "2.5.13+dfsg-5",
		"getent (Debian GLIBC 2.36-9+deb12u14) 2.36":                    "2.36-9+deb12u14",
		"Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.2.1 64": "7.0.15",
		"no version at all": "",
	} {
		if got := versionIn(said); got != want {
			t.Errorf("version in %q is %q, want %q", said, got, want)
		}
	}
}

// Every client can be planned: no two of them want different answers at one port in the same round.
func TestEveryAnswerHasItsRound(t *testing.T) {
	t.Parallel()
	plan, err := Plan(List())
	if err != nil {
		t.Fatal(err)
	}
	if len(plan[0]) != 0 {
		t.Errorf("round 0 is that of the default, but has %v", plan[0])
	}
	for _, c := range List() {
		for i, a := range c.Answers {
			if plan[i+1][c.Port] != a {
				t.Errorf("%s finds %q in round %d, wants %q", c.Label(), plan[i+1][c.Port], i+1, a)
			}
		}
	}
	_, err = Plan([]Client{{Name: "a", Port: "tcp/1", Answers: []string{"x"}}, {Name: "b", Port: "tcp/1", Answers: []string{"y"}}})
	if err == nil {
		t.Error("two answers at one port in one round are accepted")
	}
}

var (
	asking  = netip.MustParseAddr("10.99.0.128")
	asked   = netip.MustParseAddr("10.99.0.129")
	another = netip.MustParseAddr("10.99.0.2")
)

// frame is an IPv4 packet in Ethernet.
func frame(at time.Time, src, dst netip.Addr, proto uint8, payload []byte) netlab.Frame {
	return netlab.Frame{Time: at, Data: append([]byte{11: 0, 12: 8, 13: 0}, packet4(src, dst, proto, payload)...)}
}

func packet4(src, dst netip.Addr, proto uint8, payload []byte) []byte {
	b := make([]byte, 20, 20+len(payload))
	b[0], b[8], b[9] = 0x45, 64, proto
	binary.BigEndian.PutUint16(b[2:], uint16(20+len(payload)))
	copy(b[12:], src.AsSlice())
	copy(b[16:], dst.AsSlice())
	return append(b, payload...)
}

func segment(from, to uint16, flags byte) []byte {
	b := make([]byte, 20)
	binary.BigEndian.PutUint16(b, from)
	binary.BigEndian.PutUint16(b[2:], to)
	b[12], b[13] = 5<<4, flags
	return b
}

func datagram(from, to uint16) []byte {
	b := make([]byte, 12)
	binary.BigEndian.PutUint16(b, from)
	binary.BigEndian.PutUint16(b[2:], to)
	return b
}

func TestTraceSeesWhatTheClientGot(t *testing.T) {
	t.Parallel()
	at := time.Unix(1000, 0)
	const own = 40000
	syn := frame(at, asking, asked, protoTCP, segment(own, 80, flagSYN))
	query := frame(at, asking, asked, protoUDP, datagram(own, 53))
	accepted := frame(at, asked, asking, protoTCP, segment(80, own, flagSYN|flagACK))
	reset := frame(at, asked, asking, protoTCP, segment(80, own, flagRST|flagACK))
	// Of a packet of ours, of another port, of another address.
	icmp := func(quoted []byte) netlab.Frame {
		return frame(at, another, asking, protoICMP, append([]byte{3, 3, 7: 0}, quoted...))
	}
	for name, tc := range map[string]struct {
		port   string
		frames []netlab.Frame
		want   Got
	}{
		"nobody asked":         {"tcp/80", nil, NotAsked},
		"asked at another":     {"tcp/80", []netlab.Frame{frame(at, asking, another, protoTCP, segment(own, 80, flagSYN)), reset}, NotAsked},
		"asked too early":      {"tcp/80", []netlab.Frame{frame(at.Add(-1), asking, asked, protoTCP, segment(own, 80, flagSYN))}, NotAsked},
		"asked another port":   {"tcp/81", []netlab.Frame{syn, reset}, NotAsked},
		"silence":              {"tcp/80", []netlab.Frame{syn}, Nothing},
		"refused":              {"tcp/80", []netlab.Frame{syn, reset}, GotReset},
		"accepted and reset":   {"tcp/80", []netlab.Frame{syn, accepted, reset}, Spoken},
		"unreachable":          {"udp/53", []netlab.Frame{query, icmp(packet4(asking, asked, protoUDP, datagram(own, 53)))}, Unreachable},
		"unreachable, another": {"udp/53", []netlab.Frame{query, icmp(packet4(asking, asked, protoUDP, datagram(own, 54))), icmp(packet4(asking, another, protoUDP, datagram(own, 53)))}, Nothing},
		"unreachable, cut off": {"udp/53", []netlab.Frame{query, icmp(packet4(asking, asked, protoUDP, nil))}, Nothing},
		"answered":             {"udp/53", []netlab.Frame{query, frame(at, asked, asking, protoUDP, datagram(53, own))}, Spoken},
		"answered by another":  {"udp/53", []netlab.Frame{query, frame(at, another, asking, protoUDP, datagram(53, own))}, Nothing},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Trace(tc.frames, asking, asked, tc.port, at)
			if err != nil || got != tc.want {
				t.Errorf("got %q and error %v, want %q", got, err, tc.want)
			}
		})
	}
	for _, bad := range []string{"", "tcp", "tcp/", "tcp/65536", "sctp/1", "80"} {
		if _, err := Trace(nil, asking, asked, bad, at); err == nil {
			t.Errorf("port %q is accepted", bad)
		}
	}
}
