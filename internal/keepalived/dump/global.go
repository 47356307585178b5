// SPDX-License-Identifier: Apache-2.0

package dump

import (
	"net/netip"
	"time"
)

// Global are the settings of the whole daemon.
type Global struct {
	Namespace, Instance string
	RouterID            string
	Mail                *Mail

	MailDefault, MailVRRP *bool // smtp_alert, smtp_alert_vrrp; nil: not set

	ReloadCheck       bool
	DynamicInterfaces bool
	DefaultInterface  string
	DisableLocalIGMP  bool
	FIFO, VRRPFIFO    string
	StatesOnReload    bool
	PriorityChanges   bool
	Group4, Group6    netip.Addr

	GARP                      GARP
	DownTimerAdverts          int
	LowerPrioNoAdvert         bool
	HigherPrioSendAdvert      bool
	GARPInterval, GNAInterval time.Duration
	Version                   int
	CheckUnicastSource        bool
	SkipCheckAdverts, Strict  bool
	Nice, RealtimePriority    int
	NoSwap                    bool
	ScriptSecurity            bool
	ScriptUID, ScriptGID      int
	Umask                     uint32
}

// Mail is where mails go.
type Mail struct {
	Server  string
	Port    int
	Helo    string
	Timeout time.Duration
	From    string
	To      []string
}

func (p *printer) global(g *Global) {
	p.line("------< Global definitions >------")
	p.line(" Network namespace = %s", orElse(g.Namespace, "(default)"))
	if g.Instance != "" {
		p.line(" Instance name = %s", g.Instance)
	}
	p.line(" Router ID = %s", g.RouterID)
	if m := g.Mail; m != nil {
		p.line(" Smtp server = %s", m.Server)
		p.line(" Smtp server port = %d", m.Port)
		p.line(" Smtp HELO name = %s", m.Helo)
		p.line(" Smtp server connection timeout = %d", int(m.Timeout.Seconds()))
		p.line(" Email notification from = %s", m.From)
		if len(m.To) > 0 {
			p.line(" Email notification to:")
		}
		for _, to := range m.To {
			p.line("   %s", to)
		}
	}
	p.line(" Default smtp_alert = %s", onOff(g.MailDefault))
	p.line(" Default smtp_alert_vrrp = %s", onOff(g.MailVRRP))
	if g.ReloadCheck {
		p.line(" Test config before reload")
	} else {
		p.line(" No test config before reload")
	}
	p.line(" Dynamic interfaces = %t", g.DynamicInterfaces)
	if g.DefaultInterface != "" {
		p.line(" Default interface = %s", g.DefaultInterface)
	}
	p.line(" Disable local IGMP = %s", yesNo(g.DisableLocalIGMP))
	for name, path := range ordered("Global", g.FIFO, "VRRP", g.VRRPFIFO) {
		if path != "" {
			p.line(" %s notify fifo = %s", name, path)
		}
	}
	p.line(" FIFO write vrrp states on reload = %t", g.StatesOnReload)
	p.line(" VRRP notify priority changes = %t", g.PriorityChanges)
	p.line(" VRRP IPv4 mcast group = %s", g.Group4)
	p.line(" VRRP IPv6 mcast group = %s", g.Group6)
	p.line(" Gratuitous ARP delay = %d", seconds(g.GARP.Delay))
	p.line(" Gratuitous ARP repeat = %d", g.GARP.Repeat)
	p.line(" Gratuitous ARP refresh timer = %d", seconds(g.GARP.Refresh))
	p.line(" Gratuitous ARP refresh repeat = %d", g.GARP.RefreshRepeat)
	p.line(" Gratuitous ARP lower priority delay = %d", seconds(g.GARP.LowerPrioDelay))
	p.line(" Gratuitous ARP lower priority repeat = %d", g.GARP.LowerPrioRepeat)
	p.line(" Num adverts before down = %d", g.DownTimerAdverts)
	p.line(" Send advert after receive lower priority advert = %t", !g.LowerPrioNoAdvert)
	p.line(" Send advert after receive higher priority advert = %t", g.HigherPrioSendAdvert)
	p.line(" Gratuitous ARP interval = %.6f", g.GARPInterval.Seconds())
	p.line(" Gratuitous NA interval = %.6f", g.GNAInterval.Seconds())
	p.line(" VRRP default protocol version = %d", g.Version)
	p.line(" VRRP check unicast_src = %t", g.CheckUnicastSource)
	p.line(" VRRP skip check advert addresses = %t", g.SkipCheckAdverts)
	p.line(" VRRP strict mode = %t", g.Strict)
	p.line(" VRRP process priority = %d", g.Nice)
	p.line(" VRRP don't swap = %t", g.NoSwap)
	p.line(" VRRP realtime priority = %d", g.RealtimePriority)
	if g.ScriptSecurity {
		p.line(" Script security enabled")
	} else {
		p.line(" Script security disabled")
	}
	p.line(" Default script uid:gid %d:%d", g.ScriptUID, g.ScriptGID)
	p.line(" umask = 0%o", g.Umask)
}
