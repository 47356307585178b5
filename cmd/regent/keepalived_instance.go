// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"net"
	"path/filepath"
	"strconv"

	"github.com/regent-ha/regent/conf/keepalived"
	"github.com/regent-ha/regent/internal/keepalived/dump"
	"github.com/regent-ha/regent/internal/notify"
)

// instanceOf is what the file says about an instance. vmac is the name of its VMAC, if it has one.
func instanceOf(k keepalivedConf, v *keepalived.Instance, vmac string) dump.Instance {
	i := dump.Instance{
		Name: v.Name, Version: v.Version.V, IPv6: v.IPv6, VRID: v.VRID.V, Interface: v.Interface.V, FDIn: -1, FDOut: -1,
		DontTrackPrimary: v.DontTrackPrimary.V, Source: v.Source.V, SourceConfigured: v.Source.IsSet(), MasterDown: masterDown(v),
		SkipCheckAdverts: v.SkipCheckAdvAddr.V, Strict: v.Strict.V, GARP: garpOf(v.GARP), DownTimerAdverts: v.DownTimerAdverts.V,
		LowerPrioNoAdvert: v.LowerPrioNoAdvert.V, HigherPrioSendAdvert: v.HigherPrioSendAdvert.V,
		Priority: v.Priority.V, EffectivePriority: v.Priority.V, TotalPriority: v.Priority.V,
		AdvertInterval: v.Interval.V, MasterAdvertInterval: v.Interval.V, Accept: v.Accept.V, NoPreempt: v.NoPreempt.V, PreemptDelay: v.PreemptDelay.V,
		PromoteSecondaries: v.Promote.V, Password: v.Password.IsSet(), HMAC: v.HMAC != nil,
		TrackInterfaces: tracksOf(k, v.Tracks.Interfaces), TrackScripts: tracksOf(k, v.Tracks.Scripts), TrackFiles: tracksOf(k, v.Tracks.Files),
		TrackProcesses: tracksOf(k, v.Tracks.Processes), TrackBFDs: tracksOf(k, v.Tracks.BFDs),
		Mail: v.Notify.Mail.V, NotifyDeleted: len(v.Notify.Deleted.V.Args) > 0, PriorityChanges: v.Notify.PriorityChanges.V, Notify: notifyOf(k, &v.Notify),
	}
	if v.VMAC != nil {
		i.VMAC = &dump.VMAC{Name: vmac, TransmitBase: v.TransmitBase.V}
	}
	if v.Unicast {
		i.Unicast = &dump.Unicast{TTL: v.UnicastTTL.V, CheckSource: v.CheckSource.V, OldChecksum: v.OldChecksum.V == keepalived.UseOldChecksum}
		if i.Unicast.TTL < 0 {
			i.Unicast.TTL = 255
		}
		for _, p := range v.Peers {
			i.Unicast.Peers = append(i.Unicast.Peers, dump.Peer{Address: p.Addr, MinTTL: max(p.MinTTL, 0), MaxTTL: p.MaxTTL})
		}
	} else {
		i.Multicast = v.Group.V
	}
	for _, a := range v.Addresses {
		i.Addresses = append(i.Addresses, addressOf(v, a, vmac))
	}
	for _, a := range v.Excluded {
		i.Excluded = append(i.Excluded, addressOf(v, a, vmac))
	}
	for _, r := range v.Routes {
		i.Routes = append(i.Routes, dump.Item{Text: routeText(r)})
	}
	for _, r := range v.Rules {
		i.Rules = append(i.Rules, dump.Item{Text: ruleText(r)})
	}
	return i
}

func garpOf(g keepalived.GARP) dump.GARP {
	return dump.GARP{Delay: g.Delay.V, Refresh: g.Refresh.V, LowerPrioDelay: g.LowerPrioDelay.V, Repeat: g.Repeat.V, RefreshRepeat: g.RefreshRepeat.V,
		LowerPrioRepeat: g.LowerPrioRepeat.V}
}

func addressOf(v *keepalived.Instance, a keepalived.Address, vmac string) dump.Address {
	out := dump.Address{Prefix: a.Prefix, Peer: a.Peer, Broadcast: a.Broadcast, Label: a.Label, Device: cmp.Or(a.Dev, v.Interface.V), Scope: scopeName(a.Scope), NoTrack: a.NoTrack}
	for _, f := range []struct {
		name string
		set  bool
	}{{"home", a.Home}, {"-nodad", a.DAD}, {"mngtmpaddr", a.ManageTemp}, {"noprefixroute", a.NoPrefix}, {"autojoin", a.AutoJoin}} {
		if f.set {
			out.Flags = append(out.Flags, f.name)
		}
	}
	if v.VMAC != nil && a.OnInstance(v) {
		out.Device = vmac + "@" + v.Interface.V
	}
	if a.Preferred != keepalived.Forever {
		out.Lifetime = strconv.FormatUint(uint64(a.Preferred), 10)
	}
	return out
}

// scopeName is as iproute2 names scopes (rtnetlink(7)).
func scopeName(n uint8) string {
	switch n {
	case 0:
		return "global"
	case 200:
		return "site"
	case 253:
		return "link"
	case 254:
		return "host"
	case 255:
		return "nowhere"
	}
	return strconv.Itoa(int(n))
}

func tracksOf(k keepalivedConf, ts []keepalived.Track) []dump.Track {
	var out []dump.Track
	for _, t := range ts {
		d := dump.Track{Name: t.Name, Weight: t.Weight.V.N, Reverse: t.Weight.V.Reverse}
		for _, s := range k.model.Scripts {
			if s.Name == t.Name {
				if d.Command = resolved(k, s.Script.V.Args); s.Readable.V != "" {
					d.Command = []string{"<" + s.Readable.V}
				}
			}
		}
		out = append(out, d)
	}
	return out
}

func commandOf(k keepalivedConf, c keepalived.Command) *dump.Command {
	uid, gid := idsOf(k, c.User)
	return &dump.Command{Args: resolved(k, c.Args), UID: uid, GID: gid}
}

// resolved is a command whose program is named without links, as keepalived has it unless use_symlink_paths is set.
func resolved(k keepalivedConf, args []string) []string {
	if len(args) == 0 || k.model.Global.SymlinkPaths.V {
		return args
	}
	path, err := notify.Find(args[0])
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err != nil {
		return args
	}
	return append([]string{path}, args[1:]...)
}

func notifyOf(k keepalivedConf, n *keepalived.Notify) dump.Notify {
	of := func(c keepalived.Value[keepalived.Command]) *dump.Command {
		if len(c.V.Args) == 0 {
			return nil
		}
		return commandOf(k, c.V)
	}
	return dump.Notify{Backup: of(n.Backup), Master: of(n.Master), Fault: of(n.Fault), Stop: of(n.Stop), Deleted: of(n.Deleted), Any: of(n.Any),
		LowerPriority: of(n.LowerPriority)}
}

// text puts words together, with those that have a value.
type text struct{ words []string }

func (t *text) add(word string) {
	if word != "" {
		t.words = append(t.words, word)
	}
}

func (t *text) pair(name, value string) {
	if value != "" {
		t.words = append(t.words, name, value)
	}
}

// keepalivedGlobal is what the file says about the whole.
func keepalivedGlobal(k keepalivedConf) dump.Global {
	c := k.model
	g, d := &c.Global, &c.Daemon
	out := dump.Global{
		Namespace: d.Namespace.V, Instance: d.Name.V, RouterID: g.RouterID.V, ReloadCheck: d.ReloadCheck.V,
		DynamicInterfaces: g.DynamicInterfaces.V, DefaultInterface: g.DefaultInterface.V, DisableLocalIGMP: g.DisableLocalIGMP.V,
		FIFO: fifoText(k, g.FIFO), VRRPFIFO: fifoText(k, g.VRRPFIFO), StatesOnReload: g.StatesOnReload.V, PriorityChanges: g.PriorityChanges.V,
		Group4: g.Group4.V, Group6: g.Group6.V, GARP: garpOf(g.GARP), DownTimerAdverts: g.DownTimerAdverts.V, LowerPrioNoAdvert: g.LowerPrioNoAdvert.V,
		HigherPrioSendAdvert: g.HigherPrioSendAdvert.V, GARPInterval: g.GARPInterval.V, GNAInterval: g.GNAInterval.V, Version: g.Version.V,
		CheckUnicastSource: g.CheckUnicastSrc.V, SkipCheckAdverts: g.SkipCheckAdvAddr.V, Strict: g.Strict.V, Nice: d.Nice.V,
		RealtimePriority: d.RealtimePriority.V, NoSwap: d.NoSwap.V, ScriptSecurity: g.ScriptSecurity.V, Umask: d.Umask.V,
	}
	out.ScriptUID, out.ScriptGID = idsOf(k, keepalived.User{})
	for value, flag := range map[**bool]keepalived.Flag{&out.MailDefault: g.Mail.Alert, &out.MailVRRP: g.Mail.VRRP} {
		if flag.IsSet() {
			*value = &flag.V
		}
	}
	if host, port, err := net.SplitHostPort(g.Mail.Server.V); err == nil {
		out.Mail = &dump.Mail{Server: host, Port: number(port), Helo: g.Mail.Helo.V, Timeout: g.Mail.Timeout.V, From: g.Mail.From.V}
		for _, to := range g.Mail.To {
			out.Mail.To = append(out.Mail.To, to.V)
		}
	}
	return out
}

func fifoText(k keepalivedConf, f keepalived.FIFO) string {
	if f.Path.V == "" {
		return ""
	}
	uid, gid := idsOf(k, f.User)
	return fmt.Sprintf("%s, uid:gid %d:%d", f.Path.V, uid, gid)
}
