// SPDX-License-Identifier: Apache-2.0

package daemon

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/internal/cluster"
	"github.com/regent-ha/regent/internal/event"
	"github.com/regent-ha/regent/policy"
	"github.com/regent-ha/regent/policy/agent"
	"github.com/regent-ha/regent/vrrp"
)

// channelOptions is the cluster channel of a configuration.
func channelOptions(cfg *conf.Config) cluster.Options {
	o := cluster.Options{Name: cfg.Cluster.Name, Node: cfg.Node, Keys: channelKeys(cfg), Address: cfg.Nodes[cfg.Node].Address,
		Port: cfg.Cluster.BindPort, Peers: channelPeers(cfg)}
	return o
}

func channelKeys(cfg *conf.Config) [][]byte {
	var keys [][]byte
	for _, k := range cfg.Cluster.Keys {
		keys = append(keys, []byte(k.Reveal()))
	}
	return keys
}

func channelPeers(cfg *conf.Config) map[string]netip.AddrPort {
	peers := map[string]netip.AddrPort{}
	for name, n := range cfg.Nodes {
		if name != cfg.Node && n.Address.IsValid() {
			peers[name] = netip.AddrPortFrom(n.Address, cfg.Cluster.BindPort)
		}
	}
	return peers
}

// openChannel joins the other nodes. A channel that cannot be opened is reported and done without: addresses fail over
// by VRRP alone, and policy goes by the file.
func (d *Daemon) openChannel() {
	if !hasChannel(d.cfg) {
		return
	}
	o := channelOptions(d.cfg)
	o.Incarnation, o.Logger = d.store.incarnation, d.o.Log
	c, err := cluster.Open(o)
	if err != nil {
		d.report.Report(event.ChannelFailed, fmt.Sprintf("cluster channel on %s: %v", netip.AddrPortFrom(o.Address, o.Port), err))
		return
	}
	d.channel = c
	d.refused = cluster.Stats{}
}

// hear carries what the channel says to the actor.
func (d *Daemon) hear(ctx context.Context) {
	for {
		select {
		case e, open := <-d.channel.Events():
			if !open {
				return
			}
			d.post(func() { d.heard(e) })
		case <-ctx.Done():
			return
		}
	}
}

// heard takes in what the channel says.
func (d *Daemon) heard(e any) {
	now := clock()
	switch e := e.(type) {
	case cluster.Presence:
		d.mind.Present(now, e.Node, e.Alive)
		if e.Alive {
			d.census.renew(e.Node)
		}
	case cluster.Heard:
		r, err := policy.ParseRecord(e.Payload)
		if err == nil && r.Node != e.Node {
			err = fmt.Errorf("it is about %q", r.Node)
		}
		if err != nil {
			d.misheard("record", e.Node, err.Error())
			return
		}
		d.mind.Heard(now, r)
	case cluster.Message:
		if len(e.Payload) > 0 && e.Payload[0] != '{' { // which every message of the agent begins with
			d.census.hear(e.From, e.Payload)
			return
		}
		m, err := agent.ParseMessage(e.Payload)
		if err != nil {
			d.misheard("message", e.From, err.Error())
			return
		}
		d.message(e.From, m)
	}
}

func (d *Daemon) message(from string, m agent.Message) {
	switch m.Kind {
	case agent.Question:
		d.send(from, agent.Answer(m, d.activeAndServing(m.Service)))
	case agent.Reply:
		if d.doubts.Hears(m) {
			d.holdBack(m.Service, from)
		}
	case agent.Instruct, agent.Withdraw, agent.Accepted, agent.Refused, agent.Drain:
		if why := d.mind.Message(clock(), from, m); why != "" {
			d.o.Log.Debug("a message of another node was left aside", "from", from, "kind", string(m.Kind), "service", m.Service, "reason", why)
		}
	}
}

// misheard notes that a node with the right key says what makes no sense: another version, or worse.
func (d *Daemon) misheard(what, from, why string) {
	d.nonsense++
	d.o.Log.Debug("a "+what+" of another node makes no sense", "from", from, "error", why)
}

// publish tells the other nodes this node's record.
func (d *Daemon) publish(r *policy.Record) {
	if d.channel == nil {
		return
	}
	b, err := policy.AppendRecord(nil, r)
	if err != nil {
		d.o.Log.Error("record for the other nodes", "error", err)
		return
	}
	d.channel.Publish(b)
}

// send tells one node something.
func (d *Daemon) send(to string, m agent.Message) {
	if d.channel == nil {
		return
	}
	b, err := agent.AppendMessage(nil, m)
	if err == nil {
		err = d.channel.Send(to, b)
	}
	if err != nil {
		d.o.Log.Debug("message to another node", "to", to, "kind", string(m.Kind), "error", err)
	}
}

// suspect asks the other nodes about an Active whose adverts stay away.
func (d *Daemon) suspect(service string) {
	if d.channel == nil || d.stopping {
		return
	}
	q := d.doubts.Suspect(service)
	v := d.mind.View()
	for i := range v.Sights {
		if i != d.mind.Me() && v.Sights[i].Presence == policy.Alive {
			d.send(v.Cluster.Nodes[i].Name, q)
		}
	}
}

// holdBack puts the takeover of a service off once.
func (d *Daemon) holdBack(service, by string) {
	held := false
	err := d.loop.Do(func(now vrrp.Time, v *vrrp.Router, out []vrrp.Action) []vrrp.Action {
		for _, r := range d.routersOf(service) {
			var did bool
			out, did = v.Hold(now, r.id, out)
			held = held || did
		}
		return out
	})
	if err == nil && held {
		d.report.Report(event.TakeoverHeld, fmt.Sprintf("%s: adverts of %s stay away, but it says that it is active and serving; taking over is put off once (is protocol 112 filtered?)",
			service, by), "service", service, "peer_node", by)
	}
}

// foreign reports what the channel refused since the last time.
func (d *Daemon) foreign() {
	if d.channel == nil {
		return
	}
	s := d.channel.Stats()
	if s == d.refused {
		return
	}
	d.refused = s
	d.report.Report(event.ChannelRefused, "traffic on the cluster channel was refused", "counts", fmt.Sprintf("%+v", s))
}
