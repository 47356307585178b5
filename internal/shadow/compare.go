// SPDX-License-Identifier: Apache-2.0

package shadow

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/regent-ha/regent/vrrp"
)

// Router is one virtual router that both daemons have.
type Router struct {
	ID     vrrp.ID
	Name   string
	Config vrrp.Config
	Link   vrrp.Link
}

// Kind says what a finding is about.
type Kind string

// Kinds of finding.
const (
	State  Kind = "state"  // one is Active, the other is not
	Agreed Kind = "agreed" // that has ended
	Advert Kind = "advert" // what the other sends is not what Regent would send
)

// Finding is a difference, or the end of one.
type Finding struct {
	Name   string
	Family vrrp.Family
	Kind   Kind
	Text   string
}

// Line is how one virtual router stands.
type Line struct {
	Name         string
	Family       vrrp.Family
	Theirs, Ours vrrp.State
	Differs      bool          // for longer than elections take
	For          time.Duration // how long it does
	Adverts      uint64        // of the other daemon that were compared
	Findings     int
}

// Comparison compares. One goroutine uses it.
type Comparison struct {
	router  *vrrp.Router
	all     []*one
	actions []vrrp.Action
	wall    time.Time
}

// one is a virtual router with what is known of the other daemon's.
type one struct {
	Router
	began    vrrp.Time
	said     vrrp.Time // its last advert, 0 before the first and after a release
	every    time.Duration
	differ   vrrp.Time // since; 0: they agree
	told     bool
	texts    map[string]bool // differences of adverts that were told
	adverts  uint64
	findings int
	message  []byte
}

// New begins a comparison: every virtual router starts in Backup, as after a restart.
func New(now vrrp.Time, rs []Router) (*Comparison, error) {
	c := &Comparison{router: vrrp.NewRouter()}
	for _, r := range rs {
		if err := c.router.Add(r.ID, r.Config); err != nil {
			return nil, fmt.Errorf("%s: %w", r.Name, err)
		}
		c.actions = c.router.Up(now, r.ID, r.Link, c.actions[:0])
		c.all = append(c.all, &one{Router: r, began: now, every: r.Config.Interval, texts: map[string]bool{}})
	}
	return c, nil
}

// SetPriority tells of the priority that Regent would have after its checks.
func (c *Comparison) SetPriority(now vrrp.Time, name string, p vrrp.Priority) {
	for _, o := range c.all {
		if o.Name == name && o.Config.Priority != p {
			o.Config.Priority = p
			c.actions = c.router.SetPriority(now, o.ID, p, c.actions[:0])
		}
	}
}

// SetPart tells whether Regent would take part in elections after its checks.
func (c *Comparison) SetPart(now vrrp.Time, name string, takes bool) {
	for _, o := range c.all {
		st, _ := c.router.Status(o.ID)
		switch in := st.State != vrrp.Initialize; {
		case o.Name != name || in == takes:
		case takes:
			c.actions = c.router.Up(now, o.ID, o.Link, c.actions[:0])
		default:
			c.actions = c.router.Down(now, o.ID, vrrp.ReasonLink, c.actions[:0])
		}
	}
}

// SetWall tells what the wall clock shows at an instant: trailers of adverts are judged by it.
func (c *Comparison) SetWall(now vrrp.Time, wall time.Time) {
	c.wall = wall
	c.router.SetWall(now, wall)
}

// Heard takes in what somebody else said.
func (c *Comparison) Heard(now vrrp.Time, p vrrp.Packet, out []Finding) []Finding {
	c.actions = c.router.Receive(now, p, c.actions[:0])
	return c.compare(now, out)
}

// Said takes in what the daemon of this host said.
func (c *Comparison) Said(now vrrp.Time, p vrrp.Packet, out []Finding) []Finding {
	var a vrrp.Advert
	advert, trailer := vrrp.SplitTrailer(p.Family, p.Message)
	if why := a.Parse(p.Family, advert); why != vrrp.DiscardNone {
		return c.compare(now, out)
	}
	for _, o := range c.all {
		if o.Link.Interface != p.Interface || o.Config.Family != p.Family || o.Config.VRID != a.VRID {
			continue
		}
		if a.Priority == vrrp.Release {
			o.said = 0
			break
		}
		o.said, o.every = now, max(a.Interval, o.Config.Interval)
		o.adverts++
		for _, text := range o.inspect(&a, p, advert, trailer, c.wall) {
			if !o.texts[text] {
				o.texts[text] = true
				out = o.find(Advert, text, out)
			}
		}
	}
	return c.compare(now, out)
}

// inspect says in what an advert differs from Regent's.
func (o *one) inspect(a *vrrp.Advert, p vrrp.Packet, advert, trailer []byte, wall time.Time) (texts []string) {
	ours := &o.Config
	differ := func(what string, theirs, ours any) {
		texts = append(texts, fmt.Sprintf("its adverts have %s %v, Regent's %v", what, theirs, ours))
	}
	if a.Version != ours.Version {
		differ("version", a.Version, ours.Version)
	}
	if a.Priority != ours.Priority {
		differ("priority", a.Priority, ours.Priority)
	}
	if a.Interval != ours.Interval {
		differ("interval", a.Interval, ours.Interval)
	}
	if !slices.Equal(a.Addresses, ours.Addresses) {
		differ("addresses", list(a.Addresses), list(ours.Addresses))
	}
	if a.Version == 2 && a.Auth != ours.Auth { // its data is a secret
		texts = append(texts, "its adverts have another authentication than Regent's")
	}
	sends := ours.HMAC != nil && ours.HMAC.Mode != vrrp.HMACReceiveOnly
	switch {
	case trailer != nil && ours.HMAC == nil:
		texts = append(texts, "its adverts have an authentication trailer, Regent's have none, and it would discard them")
	case trailer != nil && !sends:
		texts = append(texts, "its adverts have an authentication trailer, Regent's have none")
	case trailer == nil && sends:
		texts = append(texts, "its adverts have no authentication trailer, Regent's have one")
	case trailer != nil:
		if why := ours.HMAC.Verify(&p, advert, trailer, wall); why != vrrp.DiscardNone {
			texts = append(texts, "Regent would discard its adverts: "+why.String())
		}
	}
	if p.Source != o.Link.Source {
		differ("source", p.Source, o.Link.Source)
	}
	if len(texts) > 0 {
		return texts
	}
	o.message = vrrp.AppendMessage(o.message[:0], ours, a.Priority, p.Source, p.Destination)
	what := "checksum"
	if trailer != nil {
		what = "checksum or key"
		o.message = vrrp.AppendTrailer(o.message, ours.HMAC, p.Family, p.Source, p.Destination, binary.BigEndian.Uint64(trailer[4:]))
	}
	if !slices.Equal(o.message, p.Message) {
		texts = append(texts, "its adverts have another "+what+", or more bytes, than Regent's")
	}
	return texts
}

func list(as []netip.Addr) string {
	out := make([]string, len(as))
	for i, a := range as {
		out[i] = a.String()
	}
	return strings.Join(out, " ")
}

// Deadline is when [Comparison.Expire] is due.
func (c *Comparison) Deadline() vrrp.Time {
	d := c.router.Deadline()
	for _, o := range c.all {
		if o.said != 0 {
			d = min(d, o.said.Add(o.silence()))
		}
		if o.differ != 0 && !o.told {
			d = min(d, max(o.differ, o.settled()).Add(o.grace()))
		}
	}
	return d
}

// Expire does what is due.
func (c *Comparison) Expire(now vrrp.Time, out []Finding) []Finding {
	c.actions = c.router.Expire(now, c.actions[:0])
	return c.compare(now, out)
}

// silence is how long an Active says nothing before it counts as one no more.
func (o *one) silence() time.Duration { return 3*o.every + o.every/2 }

// grace is how long a difference may last: as long as an election.
func (o *one) grace() time.Duration { return 4 * o.every }

// settled is when both have had time for the first election.
func (o *one) settled() vrrp.Time { return o.began.Add(4 * o.every) }

// theirs is the other daemon's state, as far as it can be seen.
func (o *one) theirs(now vrrp.Time) vrrp.State {
	if o.said != 0 && now >= o.said.Add(o.silence()) {
		o.said = 0
	}
	if o.said != 0 {
		return vrrp.Active
	}
	return vrrp.Backup
}

// compare looks at the states of both.
func (c *Comparison) compare(now vrrp.Time, out []Finding) []Finding {
	for _, o := range c.all {
		st, _ := c.router.Status(o.ID)
		theirs := o.theirs(now)
		switch {
		case (st.State == vrrp.Active) == (theirs == vrrp.Active):
			if o.told {
				out = o.find(Agreed, fmt.Sprintf("both are %s again", theirs), out)
			}
			o.differ, o.told = 0, false
		case o.differ == 0:
			o.differ = now
		case !o.told && now >= max(o.differ, o.settled()).Add(o.grace()):
			o.told = true
			text := fmt.Sprintf("it is %s, Regent would be %s (priority %d)", theirs, st.State, o.Config.Priority)
			if st.State == vrrp.Backup && st.ActiveAddress.IsValid() {
				text += fmt.Sprintf(" behind %s", st.ActiveAddress)
			}
			out = o.find(State, text, out)
		}
	}
	return out
}

func (o *one) find(k Kind, text string, out []Finding) []Finding {
	if k != Agreed {
		o.findings++
	}
	return append(out, Finding{Name: o.Name, Family: o.Config.Family, Kind: k, Text: text})
}

// Lines tell how each virtual router stands.
func (c *Comparison) Lines(now vrrp.Time) []Line {
	out := make([]Line, len(c.all))
	for i, o := range c.all {
		st, _ := c.router.Status(o.ID)
		out[i] = Line{Name: o.Name, Family: o.Config.Family, Theirs: o.theirs(now), Ours: st.State, Differs: o.told, Adverts: o.adverts, Findings: o.findings}
		if o.told {
			out[i].For = now.Sub(o.differ)
		}
	}
	return out
}
