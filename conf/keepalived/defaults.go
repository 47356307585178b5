// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"net/netip"
	"time"
)

// fill gives a value what it is without a line in the file.
func fill[T any](v *Value[T], to T) {
	if !v.IsSet() {
		v.V = to
	}
}

// defaults are those of keepalived that no other value decides.
func (p *parser) defaults() {
	d, g := &p.cfg.Daemon, &p.cfg.Global
	fill(&d.ChildWait, 5*time.Second)
	fill(&d.Umask, 0o177)
	fill(&d.MinAutoDelay, time.Second)
	fill(&d.RealtimeLimit, 10*time.Millisecond)
	fill(&d.ReceiveMultiplier, 3)
	fill(&d.JSONVersion, 1)
	fill(&d.ReloadCheckLog, "/dev/null")
	host := p.Host
	if host == "" {
		host = "localhost"
	}
	fill(&g.RouterID, host)
	fill(&g.Mail.From, "keepalived@"+host)
	fill(&g.Mail.Helo, host)
	fill(&g.Mail.Timeout, 30*time.Second)
	fill(&g.StartupTimeout, 10*time.Second)
	fill(&g.ShutdownTimeout, 10*time.Second)
	fill(&g.Version, 2)
	fill(&g.Group4, netip.AddrFrom4([4]byte{224, 0, 0, 18}))
	fill(&g.Group6, netip.MustParseAddr("ff02::12"))
	fill(&g.DefaultInterface, "eth0")
	fill(&g.DownTimerAdverts, 3)
	fill(&g.VMACPrefix, "vrrp")
	fill(&g.NFTables, "keepalived")
	fill(&g.NFTablesPriority, -1)
}

// settleGlobal fills what one global value gives another.
func (p *parser) settleGlobal() {
	g := &p.cfg.Global
	a := &g.GARP
	delay, repeat, again := 5*time.Second, 5, 1
	if g.MinGARP.V {
		delay, repeat, again = 0, 1, 0
	}
	fill(&a.Delay, delay)
	fill(&a.Repeat, repeat)
	fill(&a.RefreshRepeat, again)
	fill(&a.LowerPrioDelay, a.Delay.V)
	fill(&a.LowerPrioRepeat, a.Repeat.V)
	fill(&g.VMACAddrPrefix, g.VMACPrefix.V)
	fill(&g.Mail.VRRP, g.Mail.Alert.V)
	if g.StatesOnReload.V && !g.FIFO.Path.IsSet() && !g.VRRPFIFO.Path.IsSet() {
		p.note(g.StatesOnReload.At, "fifo_write_vrrp_states_on_reload has nothing to write to: there is no notify_fifo")
	}
	for _, f := range []*FIFO{&g.FIFO, &g.VRRPFIFO} {
		if f.Script.IsSet() && !f.Path.IsSet() {
			p.warn(f.Script.At, "there is a script to read the FIFO, but no FIFO: it does not run")
		}
	}
	if g.VRRPFIFO.Path.IsSet() && g.FIFO.Path.V == g.VRRPFIFO.Path.V {
		p.warn(g.VRRPFIFO.Path.At, "notify_fifo and vrrp_notify_fifo are the same: the second is not used")
		g.VRRPFIFO = FIFO{}
	}
	if mail := g.Mail; !mail.Server.IsSet() && len(mail.To) > 0 {
		p.note(mail.To[0].At, "no mail is sent without smtp_server")
	}
}

// inherit gives an instance the global values where it has none of its own.
func (p *parser) inherit(i *Instance) {
	g := &p.cfg.Global
	a, b := &i.GARP, &g.GARP
	fill(&a.Delay, b.Delay.V)
	fill(&a.Repeat, b.Repeat.V)
	fill(&a.Refresh, b.Refresh.V)
	fill(&a.RefreshRepeat, b.RefreshRepeat.V)
	fill(&a.LowerPrioDelay, b.LowerPrioDelay.V)
	fill(&a.LowerPrioRepeat, b.LowerPrioRepeat.V)
	if !a.ExtraInterval.IsSet() {
		a.ExtraInterval.V, a.ExtraAll = b.ExtraInterval.V, b.ExtraAll
	}
	fill(&i.DownTimerAdverts, g.DownTimerAdverts.V)
	fill(&i.SkipCheckAdvAddr, g.SkipCheckAdvAddr.V)
	fill(&i.CheckSource, g.CheckUnicastSrc.V)
	fill(&i.Strict, g.Strict.V)
	fill(&i.LowerPrioNoAdvert, g.LowerPrioNoAdvert.V)
	fill(&i.HigherPrioSendAdvert, g.HigherPrioSendAdvert.V)
	fill(&i.OwnerIgnoreAdverts, g.OwnerIgnoreAdverts.V)
	fill(&i.V3ChecksumAsV2, g.V3ChecksumAsV2.V)
	fill(&i.Notify.PriorityChanges, g.PriorityChanges.V)
	fill(&i.Notify.Mail, g.Mail.VRRP.V)
	fill(&i.Interval, time.Second)
	if i.IPv6 {
		fill(&i.Group, g.Group6.V)
	} else {
		fill(&i.Group, g.Group4.V)
	}
}
