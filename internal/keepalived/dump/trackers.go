// SPDX-License-Identifier: Apache-2.0

package dump

// trackers lists what is tracked, a section each, if there is any.
func (p *printer) trackers(s *Snapshot) {
	if len(s.Scripts) > 0 {
		p.line("------< VRRP Scripts >------")
	}
	for i := range s.Scripts {
		p.script(&s.Scripts[i])
	}
	if len(s.Files) > 0 {
		p.line("------< VRRP Track files >------")
	}
	for _, f := range s.Files {
		p.line(" Track file = %s", f.Name)
		p.line("   File = %s", f.Path)
		p.line("   Status = %d", f.Status)
		p.line("   Weight = %d", f.Weight)
		p.tracking(f.Tracking)
	}
	if len(s.Processes) > 0 {
		p.line("------< VRRP Track processes >------")
	}
	for i := range s.Processes {
		p.process(&s.Processes[i])
	}
	if len(s.BFDs) > 0 {
		p.line("------< VRRP Track BFDs >------")
	}
	for _, b := range s.BFDs {
		p.line(" VRRP Track BFD = %s", b.Name)
		p.line("   Weight = %d%s", b.Weight, reversed(b.Reverse))
		p.line("   Bfd is %s", map[bool]string{false: "down", true: "up"}[b.Up])
		p.line("   Tracking VRRP instances :")
		p.tracking(b.Tracking)
	}
}

func (p *printer) tracking(ts []Track) { p.listed("Tracking instances", ts, ", ") }

func reversed(r bool) string {
	if r {
		return " reverse"
	}
	return ""
}

func (p *printer) script(s *Script) {
	p.line(" VRRP Script = %s", s.Name)
	p.line("   Command = %s", Quote(s.Args))
	p.line("   Interval = %s sec", number(s.Interval.Seconds()))
	p.line("   Timeout = %s sec", number(s.Timeout.Seconds()))
	p.line("   Weight = %d%s", s.Weight, reversed(s.Reverse))
	p.line("   Rise = %d", s.Rise)
	p.line("   Fall = %d", s.Fall)
	p.line("   Result = %d", s.Result)
	p.line("   Insecure = %s", yesNo(s.Insecure))
	p.line("   Init state = %s", map[bool]string{false: "unknown", true: "failed"}[s.InitFailed])
	p.line("   Status = %s", map[bool]string{false: "BAD", true: "GOOD"}[s.Good])
	p.line("   Script uid:gid = %d:%d", s.UID, s.GID)
	p.line("   VRRP instances :")
	p.tracking(s.Tracking)
	p.line("   State = %s", map[bool]string{false: "idle", true: "running"}[s.Running])
}

func (p *printer) process(t *Process) {
	p.line(" VRRP Track process = %s", t.Name)
	p.line("   Process = %s", t.Command)
	if t.Parameters != "" {
		p.line("   Parameters = %s", t.Parameters)
	}
	if t.Match != "" {
		p.line("   Param match = %s", t.Match)
	}
	p.line("   Min processes = %d", t.Min)
	if t.Max > 0 {
		p.line("   Max processes = %d", t.Max)
	}
	p.line("   Current processes = %d", t.Current)
	p.line("   Have quorum = %t", t.Quorum)
	p.line("   Weight = %d%s", t.Weight, reversed(t.Reverse))
	p.line("   Terminate delay = %s", whole(t.TerminateDelay))
	p.line("   Fork delay = %s", whole(t.ForkDelay))
	p.line("   Fork delay timer %srunning", not(!t.ForkTimerRunning))
	p.line("   Terminate delay timer %srunning", not(!t.TerminateTimerRuns))
	p.line("   Full command = %t", t.FullCommand)
	p.tracking(t.Tracking)
}

func not(b bool) string {
	if b {
		return "not "
	}
	return ""
}

func (p *printer) netif(n *Interface) {
	p.line(" Name = %s", n.Name)
	p.line("   index = %d", n.Index)
	for family, a := range ordered("IPv4", addr(n.IPv4), "IPv6", addr(n.IPv6)) {
		p.line("   %s address = %s", family, a)
	}
	if n.MAC != "" && !n.Loopback {
		p.line("   MAC = %s", n.MAC)
		p.line("   MAC broadcast = %s", n.Broadcast)
	}
	state := map[bool]string{false: "not UP", true: "UP"}[n.Up] + map[bool]string{false: ", not RUNNING", true: ", RUNNING"}[n.Running]
	if n.Loopback {
		state += ", no broadcast, loopback"
	}
	if !n.Multicast {
		state += ", no multicast"
	}
	p.line("   State = %s", state)
	p.line("   MTU = %d", n.MTU)
	p.line("   HW Type = %s", map[bool]string{false: "ETHERNET", true: "LOOPBACK"}[n.Loopback])
	p.listed("Tracking VRRP instances", n.Tracking, ", ")
}

func addr(a interface {
	IsValid() bool
	String() string
}) string {
	if a.IsValid() {
		return a.String()
	}
	return "(none)"
}
