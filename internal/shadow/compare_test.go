// SPDX-License-Identifier: Apache-2.0

package shadow

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/regent-ha/regent/vrrp"
)

const second = vrrp.Time(time.Second)

var (
	here  = netip.MustParseAddr("10.0.0.1")
	there = netip.MustParseAddr("10.0.0.2")
)

func config(p vrrp.Priority) vrrp.Config {
	return vrrp.Config{Family: vrrp.IPv4, VRID: 5, Version: 3, Priority: p, Interval: time.Second, PreemptBelow: 255,
		AcceptChecksum: vrrp.Either, Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.100")}}
}

// scene is a comparison in virtual time: two daemons that say what the test lets them say, each second.
type scene struct {
	t        *testing.T
	c        *Comparison
	now      vrrp.Time
	ours     vrrp.Config
	findings []string
}

func newScene(t *testing.T, p vrrp.Priority) *scene {
	t.Helper()
	s := &scene{t: t, now: second, ours: config(p)}
	var err error
	s.c, err = New(s.now, []Router{{ID: 1, Name: "web", Config: s.ours, Link: vrrp.Link{Interface: 2, Source: here}}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *scene) packet(c *vrrp.Config, p vrrp.Priority, src netip.Addr) vrrp.Packet {
	dst := vrrp.IPv4.Group()
	return vrrp.Packet{Interface: 2, Family: vrrp.IPv4, Source: src, Destination: dst, TTL: 255, Message: vrrp.AppendMessage(nil, c, p, src, dst)}
}

func (s *scene) note(fs []Finding) {
	for _, f := range fs {
		s.findings = append(s.findings, string(f.Kind)+": "+f.Text)
	}
}

// run lets n seconds pass; each daemon with a priority sends an advert in each.
func (s *scene) run(n int, local, remote vrrp.Priority) {
	for range n {
		next := s.now + second
		for d := s.c.Deadline(); d < next; d = s.c.Deadline() {
			s.now = max(s.now, d)
			s.note(s.c.Expire(s.now, nil))
		}
		s.now = next
		if local > 0 {
			s.note(s.c.Said(s.now, s.packet(&s.ours, local, here), nil))
		}
		if remote > 0 {
			other := config(remote)
			s.note(s.c.Heard(s.now, s.packet(&other, remote, there), nil))
		}
	}
}

func (s *scene) found(want ...string) {
	s.t.Helper()
	if len(s.findings) != len(want) {
		s.t.Fatalf("found %q, want %q", s.findings, want)
	}
	for i, w := range want {
		if !strings.Contains(s.findings[i], w) {
			s.t.Errorf("found %q, want %q", s.findings[i], w)
		}
	}
	s.findings = nil
}

func TestTwoThatAgreeAreSilent(t *testing.T) {
	t.Parallel()
	active := newScene(t, 100)
	active.run(30, 100, 0)
	active.found()
	backup := newScene(t, 100)
	backup.run(30, 0, 200)
	backup.run(1, 0, 0) // it dies; the daemon here takes over like Regent
	backup.run(2, 0, 0)
	backup.run(30, 100, 0)
	backup.run(20, 0, 200) // it comes back, and both yield
	backup.found()
	if l := backup.c.Lines(backup.now)[0]; l.Differs || l.Ours != vrrp.Backup || l.Theirs != vrrp.Backup || l.Adverts != 30 {
		t.Errorf("stands %+v", l)
	}
}

func TestDaemonThatDoesNotTakeOverIsFound(t *testing.T) {
	t.Parallel()
	s := newScene(t, 100)
	s.run(10, 0, 200)
	s.found()
	s.run(20, 0, 0)
	s.found("state: it is backup, Regent would be active (priority 100)")
	if l := s.c.Lines(s.now)[0]; !l.Differs || l.For < 10*time.Second || l.Findings != 1 {
		t.Errorf("stands %+v", l)
	}
	s.run(5, 100, 0)
	s.found("agreed: both are active again")
}

func TestDaemonThatDoesNotYieldIsFound(t *testing.T) {
	t.Parallel()
	s := newScene(t, 100)
	s.run(10, 100, 0)
	s.run(20, 100, 200)
	s.found("state: it is active, Regent would be backup (priority 100) behind 10.0.0.2")
}

func TestPriorityOfRegentsOwnChecksCounts(t *testing.T) {
	t.Parallel()
	s := newScene(t, 150)
	s.run(10, 150, 100)
	s.found()
	s.c.SetPriority(s.now, "web", 50)
	s.run(20, 150, 100)
	s.found("advert: its adverts have priority 150, Regent's 50", "state: it is active, Regent would be backup (priority 50) behind 10.0.0.2")
}

func TestWhatIsSaidIsComparedToo(t *testing.T) {
	t.Parallel()
	s := newScene(t, 100)
	other := config(100)
	other.Interval, other.Addresses = 2*time.Second, []netip.Addr{netip.MustParseAddr("10.0.0.100"), netip.MustParseAddr("10.0.0.101")}
	for range 3 { // told once
		s.note(s.c.Said(s.now, s.packet(&other, 100, here), nil))
	}
	s.found("interval 2s, Regent's 1s", "addresses 10.0.0.100 10.0.0.101, Regent's 10.0.0.100")
	other = config(100)
	other.Checksum = vrrp.MessageOnly
	s.note(s.c.Said(s.now, s.packet(&other, 100, here), nil))
	s.found("another checksum")
	s.note(s.c.Said(s.now, vrrp.Packet{Interface: 2, Family: vrrp.IPv4, Message: []byte{1, 2}}, nil)) // nonsense
	s.found()
}

func TestReleaseIsSeenAtOnce(t *testing.T) {
	t.Parallel()
	s := newScene(t, 100)
	s.run(10, 100, 0)
	s.note(s.c.Said(s.now, s.packet(&s.ours, vrrp.Release, here), nil))
	if l := s.c.Lines(s.now)[0]; l.Theirs != vrrp.Backup {
		t.Errorf("stands %+v", l)
	}
}

func TestRegentInAFaultTakesNoPart(t *testing.T) {
	t.Parallel()
	s := newScene(t, 100)
	s.c.SetPart(s.now, "web", false)
	s.run(20, 0, 0)
	s.found()
	s.c.SetPart(s.now, "web", true)
	s.run(20, 0, 0)
	s.found("state: it is backup, Regent would be active")
}
