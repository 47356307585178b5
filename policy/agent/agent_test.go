// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/regent-ha/regent/policy"
)

// stage is one agent, db2, and what it asked for.
type stage struct {
	t    *testing.T
	a    *Agent
	now  time.Duration
	acts []Action
}

func twoNodes(change func(*policy.Service)) *policy.Cluster {
	c := &policy.Cluster{Channel: true, Tolerate: 1, Nodes: []policy.Node{{Name: "db1"}, {Name: "db2"}, {Name: "db3"}},
		Services: []policy.Service{{Name: "orders", Owner: "db1", Standbys: []string{"db2", "db3"}, Takeover: policy.Allow, Control: true,
			FailureThreshold: 3, FailureWindow: time.Minute}}}
	if change != nil {
		change(&c.Services[0])
	}
	return c
}

func newStage(t *testing.T, o Options) *stage {
	t.Helper()
	if o.Node == "" {
		o.Node = "db2"
	}
	if o.Cluster == nil {
		o.Cluster = twoNodes(nil)
	}
	s := &stage{t: t, now: time.Hour}
	s.a = New(s.now, o)
	s.a.Checked(s.now, "orders", true, !o.Cluster.Services[0].Control, "")
	s.step()
	return s
}

// step takes what the agent asks for now.
func (s *stage) step() []Action {
	s.acts = s.a.Step(s.now, nil)
	return s.acts
}

// pass lets time pass, with records of the named nodes each second.
func (s *stage) pass(d time.Duration, alive ...policy.Record) {
	for end := s.now + d; s.now < end; {
		s.now = min(end, s.now+500*time.Millisecond)
		for _, r := range alive {
			s.a.Heard(s.now, r)
		}
		s.acts = append(s.acts, s.a.Step(s.now, nil)...)
	}
}

// record is another node's, about orders.
func record(node string, change func(*policy.Standing)) policy.Record {
	st := policy.Standing{Service: "orders", State: "backup", Duty: policy.None, Ready: true}
	if change != nil {
		change(&st)
	}
	return policy.Record{Node: node, Services: []policy.Standing{st}}
}

func performing(st *policy.Standing) { st.State, st.Duty, st.Performs = "active", policy.Serve, true }

// asked are the kinds asked for, with what belongs to them.
func (s *stage) asked() string {
	var out []string
	for _, a := range s.acts {
		switch a.Kind {
		case SetDuty:
			out = append(out, "duty "+string(a.Duty))
		case Start:
			out = append(out, "start")
		case Stop:
			out = append(out, "stop")
		case HandOver:
			out = append(out, "hand over")
		case Want:
			out = append(out, "want")
		case Drop:
			out = append(out, "drop")
		case Send:
			out = append(out, string(a.Message.Kind)+" "+a.To)
		case Prefer:
			out = append(out, fmt.Sprint("priority ", a.Priority))
		case TakePart, Hurry, Publish, Save, Tell:
		}
	}
	return strings.Join(out, ", ")
}

func (s *stage) want(asked string) {
	s.t.Helper()
	if got := s.asked(); got != asked {
		s.t.Errorf("asked for %q, want %q", got, asked)
	}
}

func (s *stage) told(t Topic) int {
	n := 0
	for _, a := range s.acts {
		if a.Kind == Tell && a.Note.Topic == t {
			n++
		}
	}
	return n
}

func TestServiceIsServedWhenItsCheckPassesAndNotBefore(t *testing.T) {
	t.Parallel()
	s := newStage(t, Options{})
	s.a.State(s.now, "orders", Active, true)
	s.step()
	s.want("start")
	s.now += 50 * time.Millisecond
	s.a.Started(s.now, "orders", "")
	s.step()
	s.want("")
	s.a.Checked(s.now, "orders", true, true, "connect")
	s.step()
	s.want("duty serve")
	s.a.State(s.now, "orders", Backup, false)
	s.step()
	s.want("stop, duty refuse")
	if !s.a.Busy() {
		t.Error("not busy while it is being stopped")
	}
	s.a.Stopped(s.now, "orders", "")
	s.step()
	if s.a.Busy() {
		t.Error("busy although it was stopped")
	}
}

func TestStartThatIsNeverProvedIsStoppedAndCounted(t *testing.T) {
	t.Parallel()
	s := newStage(t, Options{Prove: map[string]time.Duration{"orders": 2 * time.Second}})
	third := record("db3", nil)
	s.a.Heard(s.now, third)
	s.a.State(s.now, "orders", Active, true)
	s.step()
	s.a.Started(s.now, "orders", "")
	s.step()
	s.acts = nil
	s.pass(2*time.Second, third)
	s.want("stop")
	if s.told(StartFailed) != 1 {
		t.Errorf("%d failures told", s.told(StartFailed))
	}
	s.a.Stopped(s.now, "orders", "")
	s.step()
	s.want("priority 158, hand over")
}

func TestStopThatFailsIsTriedAgainAndBlocksOthersMeanwhile(t *testing.T) {
	t.Parallel()
	s := newStage(t, Options{})
	s.a.State(s.now, "orders", Active, true)
	s.step()
	s.a.Started(s.now, "orders", "")
	s.a.Checked(s.now, "orders", true, true, "")
	s.step()
	s.a.State(s.now, "orders", Backup, false)
	s.step()
	s.a.Stopped(s.now, "orders", "it does not listen")
	s.step()
	if s.told(StopFailed) != 1 || !s.a.View().Sights[1].Record.Services[0].Performs {
		t.Error("a stop that failed counts as done")
	}
	s.acts = nil
	s.pass(6 * time.Second)
	s.want("stop")
}

// The owner waits for the node from which it took the address, not for one that fell silent.
func TestOwnerWaitsForTheNodeItPreempted(t *testing.T) {
	t.Parallel()
	for _, silence := range []bool{false, true} {
		s := newStage(t, Options{Node: "db1"})
		s.a.Heard(s.now, record("db2", performing))
		s.a.Heard(s.now, record("db3", nil))
		s.step()
		s.now += time.Millisecond
		s.a.State(s.now, "orders", Active, silence)
		s.step()
		if silence {
			s.want("start")
			continue
		}
		s.want("")
		s.a.Heard(s.now+time.Second, record("db2", nil))
		s.step()
		s.want("start")
	}
}

func TestNodeThatIsHeardAfterItsSilenceIsWaitedFor(t *testing.T) {
	t.Parallel()
	s := newStage(t, Options{})
	s.a.State(s.now, "orders", Active, true)
	s.now += time.Millisecond
	s.a.Heard(s.now, record("db1", performing))
	s.step()
	s.want("")
	s.acts = nil
	s.pass(4 * time.Second) // its record is stale now
	s.want("start")
}

func TestWhatAnEarlierRunStartedIsStoppedUnlessItIsWanted(t *testing.T) {
	t.Parallel()
	saved := Saved{Performing: []string{"orders"}}
	s := newStage(t, Options{Saved: saved})
	s.a.State(s.now, "orders", Backup, false)
	s.acts = nil
	s.pass(4 * time.Second)
	s.want("stop")
	s = newStage(t, Options{Saved: saved})
	s.a.State(s.now, "orders", Active, true)
	s.step()
	s.want("start") // which is success where it runs
}

func TestLeaseBoundsServing(t *testing.T) {
	t.Parallel()
	s := newStage(t, Options{Arbiter: true, Cluster: twoNodes(func(s *policy.Service) { s.Control = false })})
	s.a.State(s.now, "orders", Active, true)
	s.step()
	s.want("want")
	until := s.now + 2*time.Second
	s.a.Leased(s.now, "orders", true, until, "")
	s.step()
	s.want("duty serve")
	if s.acts[slices.IndexFunc(s.acts, func(a Action) bool { return a.Kind == SetDuty })].Until != until {
		t.Error("serving has no end")
	}
	s.acts = nil
	s.pass(3 * time.Second)
	s.want("duty refuse")
	if s.told(LeaseDenied) != 1 {
		t.Errorf("%d alerts", s.told(LeaseDenied))
	}
	s.a.Leased(s.now, "orders", true, s.now+time.Second, "")
	s.step()
	s.want("duty serve")
	s.a.State(s.now, "orders", Backup, false)
	s.step()
	s.want("drop, duty refuse")
}

func TestTermsAreAcknowledgedWhenTheyAreOnDisk(t *testing.T) {
	t.Parallel()
	s := newStage(t, Options{Node: "db1"})
	s.pass(time.Second, record("db2", nil))
	terms, err := s.a.SetTerms(s.now, "orders", policy.Forbid, nil)
	if err != nil {
		t.Fatal(err)
	}
	check := func(have, missing, absent string) {
		t.Helper()
		h, m, a := s.a.Acknowledged("orders", terms.Epoch)
		if strings.Join(h, " ") != have || strings.Join(m, " ") != missing || strings.Join(a, " ") != absent {
			t.Errorf("have %q missing %q absent %q, want %q %q %q", h, m, a, have, missing, absent)
		}
	}
	check("", "db1 db2", "db3")
	var number uint64
	for _, a := range s.step() {
		if a.Kind == Save {
			number = a.Number
			if a.Saved.Terms["orders"].Takeover != policy.Forbid {
				t.Errorf("saved %+v", a.Saved)
			}
		}
		if a.Kind == Publish && a.Record.Services[0].Terms != nil && a.Record.Services[0].Terms.Epoch == terms.Epoch {
			t.Error("acknowledged before it was on disk")
		}
	}
	s.a.Durable(s.now, number, true)
	s.step()
	check("db1", "db2", "db3")
	s.a.Heard(s.now, record("db2", func(st *policy.Standing) { st.Terms = &terms }))
	check("db1 db2", "", "db3")
	for what, f := range map[string]func() error{
		"no such service": func() error { _, err := s.a.SetTerms(s.now, "parts", policy.Allow, nil); return err },
		"no such node":    func() error { _, err := s.a.SetTerms(s.now, "orders", "", []string{"db9"}); return err },
		"the owner":       func() error { _, err := s.a.SetTerms(s.now, "orders", "", []string{"db1"}); return err },
	} {
		if f() == nil {
			t.Errorf("%s: accepted", what)
		}
	}
}

// An operator's setting outlives the owner's restart, and a change of the owner's file replaces it.
func TestOwnersFileReplacesWhatACommandSetOnlyWhenItChanges(t *testing.T) {
	t.Parallel()
	s := newStage(t, Options{Node: "db1"})
	if _, err := s.a.SetTerms(s.now, "orders", policy.Forbid, nil); err != nil {
		t.Fatal(err)
	}
	var saved Saved
	for _, a := range s.step() {
		if a.Kind == Save {
			saved = a.Saved
		}
	}
	again := newStage(t, Options{Node: "db1", Saved: saved})
	if got := again.a.services[0].terms; got.Takeover != policy.Forbid {
		t.Errorf("after a restart %+v", got)
	}
	changed := newStage(t, Options{Node: "db1", Saved: saved, Cluster: twoNodes(func(s *policy.Service) { s.Standbys = []string{"db3"} })})
	if got := changed.a.services[0].terms; got.Takeover != policy.Allow || len(got.Standbys) != 1 || got.Epoch <= saved.Terms["orders"].Epoch {
		t.Errorf("after a change of the file %+v", got)
	}
	// A lost disk: what the others know is newer than what a fresh start makes of the file.
	lost := newStage(t, Options{Node: "db1"})
	known := saved.Terms["orders"]
	lost.a.Heard(lost.now, record("db2", func(st *policy.Standing) { st.Terms = &known }))
	if got := lost.a.services[0].terms; got.Takeover != policy.Forbid {
		t.Errorf("after a lost disk %+v", got)
	}
}

func own(s *policy.Service) { s.ServeAt = policy.AtOwn }

func TestInstructionIsRepeatedAndTheNextIsAskedAfterARefusal(t *testing.T) {
	t.Parallel()
	s := newStage(t, Options{Cluster: twoNodes(own)})
	s.a.Loaded(s.now, 9, true, "busy")
	third := record("db3", nil)
	s.a.Heard(s.now, third)
	s.a.State(s.now, "orders", Active, true)
	s.step()
	s.want("instruct db3")
	epoch := s.acts[slices.IndexFunc(s.acts, func(a Action) bool { return a.Kind == Send })].Message.Epoch
	if why := s.a.Message(s.now, "db3", Message{Kind: Accepted, Service: "orders", Epoch: epoch}); why != "" {
		t.Error(why)
	}
	s.acts = nil
	s.pass(3*time.Second, third)
	if n := strings.Count(s.asked(), "instruct db3"); n < 3 {
		t.Errorf("repeated %d times in 3 s", n)
	}
	if why := s.a.Message(s.now, "db3", Message{Kind: Accepted, Service: "orders", Epoch: epoch - 1}); why == "" {
		t.Error("an answer to nothing was taken")
	}
	s.a.Message(s.now, "db3", Message{Kind: Refused, Service: "orders", Epoch: epoch, Reason: "no disk"})
	s.a.Loaded(s.now, 0, false, "")
	s.step()
	if s.told(Declined) != 1 || !strings.Contains(s.asked(), "start") { // itself is the next candidate
		t.Errorf("asked for %q", s.asked())
	}
}

func TestInstructedNodeStopsWhenTheLeaseRunsOutOrIsWithdrawn(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"lapses", "withdrawn"} {
		s := newStage(t, Options{Cluster: twoNodes(own)})
		s.a.Heard(s.now, record("db1", nil))
		s.a.State(s.now, "orders", Backup, false)
		s.step()
		order := Message{Kind: Instruct, Service: "orders", Epoch: 5, Lease: 4 * time.Second}
		s.a.Message(s.now, "db3", order)
		s.step()
		s.want("accepted db3, start")
		s.a.Message(s.now, "db3", order) // twice is once
		s.step()
		s.want("accepted db3")
		s.a.Started(s.now, "orders", "")
		s.a.Checked(s.now, "orders", true, true, "")
		s.acts = nil
		if how == "withdrawn" {
			s.a.Message(s.now, "db1", Message{Kind: Withdraw, Service: "orders", Epoch: 5})
			s.step()
			s.want("stop")
			s.a.Message(s.now, "db3", order) // one that was under way
			s.step()
			s.want("declined db3")
			continue
		}
		s.pass(5*time.Second, record("db1", nil))
		s.want("stop")
	}
}

func TestNodeThatMayNotDeclines(t *testing.T) {
	t.Parallel()
	s := newStage(t, Options{Cluster: twoNodes(own)})
	s.a.Loaded(s.now, 9, true, "busy")
	s.step()
	s.a.Message(s.now, "db3", Message{Kind: Instruct, Service: "orders", Epoch: 1, Lease: time.Second})
	s.step()
	s.want("declined db3")
	if r := s.acts[0].Message.Reason; !strings.Contains(r, "db2 is overloaded") {
		t.Errorf("declined because %q", r)
	}
	for _, m := range []Message{{Kind: Instruct, Service: "parts", Epoch: 1, Lease: 1}, {Kind: Accepted, Service: "orders", Epoch: 9}} {
		if s.a.Message(s.now, "db3", m) == "" {
			t.Errorf("%+v was taken", m)
		}
	}
	if s.a.Message(s.now, "db9", Message{Kind: Drain, Yes: true}) == "" || s.a.IsDrained() {
		t.Error("a stranger drains nodes")
	}
}

func TestDoubtsHoldBackOnceForAYes(t *testing.T) {
	t.Parallel()
	var d Doubts
	if d.Hears(Message{Kind: Reply, Service: "orders", Number: 1, Yes: true}) {
		t.Error("an answer that nobody asked for")
	}
	q := d.Suspect("orders")
	if d.Hears(Answer(q, false)) {
		t.Error("a no holds back")
	}
	if !d.Hears(Answer(q, true)) || d.Hears(Answer(q, true)) {
		t.Error("a yes holds back once")
	}
	old := d.Suspect("orders")
	d.Suspect("orders")
	if d.Hears(Answer(old, true)) {
		t.Error("an answer to an older question")
	}
	last := d.Suspect("orders")
	d.Settle("orders")
	if d.Hears(Answer(last, true)) {
		t.Error("an answer that came too late")
	}
}

func TestReloadKeepsWhatGoesOnAndStopsWhatIsGone(t *testing.T) {
	t.Parallel()
	s := newStage(t, Options{})
	s.a.State(s.now, "orders", Active, true)
	s.step()
	s.a.Started(s.now, "orders", "")
	s.a.Checked(s.now, "orders", true, true, "")
	s.step()
	s.a.Reload(s.now, Options{Node: "db2", Cluster: twoNodes(func(s *policy.Service) { s.Demand = 5 })})
	s.step()
	s.want("")
	none := twoNodes(nil)
	none.Services = nil
	s.a.Reload(s.now, Options{Node: "db2", Cluster: none})
	s.step()
	s.want("stop")
}

func TestMessagesThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{``, `{}`, `{"kind":"reign","service":"a"}`, `{"kind":"instruct","service":"a"}`, `{"kind":"instruct","lease":1}`,
		`{"kind":"instruct","service":"a","lease":-1}`, `{"kind":"instruct","service":"a","lease":3600000000000}`,
		`{"kind":"question","service":"` + strings.Repeat("a", 300) + `"}`, `{"kind":"drain","reason":"` + strings.Repeat("a", 2000) + `"}`} {
		if m, err := ParseMessage([]byte(text)); err == nil {
			t.Errorf("%s: taken as %+v", text, m)
		}
	}
	b, err := AppendMessage(nil, Message{Kind: Refused, Service: "a", Reason: strings.Repeat("é", 300)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseMessage(b); err != nil {
		t.Errorf("a long reason: %v", err)
	}
}

func FuzzParseMessage(f *testing.F) {
	f.Add([]byte(`{"kind":"instruct","service":"orders","epoch":3,"lease":4000000000}`))
	f.Add([]byte(`{"kind":"drain","yes":true}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseMessage(b)
		if err != nil {
			return
		}
		// Whatever is said, an agent goes on.
		a := New(time.Hour, Options{Node: "db2", Cluster: twoNodes(own)})
		a.Step(time.Hour, nil)
		a.Message(time.Hour, "db3", m)
		a.Step(time.Hour, nil)
		again, err := AppendMessage(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseMessage(again); err != nil && len(again) <= messageLimit {
			t.Errorf("what was taken is refused when it is sent on: %v\n%s", err, again)
		}
	})
}
