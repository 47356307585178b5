// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/conf/keepalived"
)

// What is converted is a regent.toml without an error, but for what the conversion refuses itself, and means the same.
func TestTheTextIsARegentConfiguration(t *testing.T) {
	t.Parallel()
	for name, dir := range inputs(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, ps := read(t, dir, name)
			refused := ps.Err() != nil
			o := conf.Options{HostName: "lb1", Secret: func(string) ([]byte, error) { return []byte(strings.Repeat("k", 32)), nil }}
			cfg, diags := o.Parse("regent.toml", r.TOML)
			if cfg != nil {
				alike(t, parse(dir, name), cfg)
			}
			for _, d := range diags {
				if refused && (strings.Contains(d.Text, "addresses is missing") || strings.Contains(d.Text, "multicast_group")) {
					continue // of an instance without an address, which is why
				}
				if d.Severity == conf.Error {
					t.Errorf("%s\nfrom %s: %s", d, r.Place(d.Line), strings.Split(string(r.TOML), "\n")[d.Line-1])
				} else {
					t.Log(d)
				}
			}
		})
	}
}

// router is what makes a virtual router, however it was configured.
type router struct {
	Name, Interface         string
	VRID, Priority, Version int
	Interval, PreemptDelay  string
	Preempt, Active, Accept bool
	Peers, Addresses, Also  string
	Checks, Routes, Rules   int
	Password, Mail, Release bool
}

// alike holds what conf makes of the text against the model of the keepalived.conf.
func alike(t *testing.T, c *keepalived.Config, cfg *conf.Config) {
	t.Helper()
	var want, got []router
	for _, i := range c.Instances {
		r := router{Name: i.Name, Interface: i.Interface.V, VRID: i.VRID.V, Priority: i.Priority.V, Version: i.Version.V, Interval: i.Interval.V.String(),
			PreemptDelay: i.PreemptDelay.V.String(), Preempt: !i.NoPreempt.V, Accept: i.Accept.V,
			Checks: len(i.Tracks.Interfaces) + len(i.Tracks.Scripts) + len(i.Tracks.Files) + len(i.Tracks.Processes) + len(i.Tracks.BFDs),
			Routes: len(i.Routes), Rules: len(i.Rules), Password: !i.Password.V.IsZero(), Release: true,
			Mail: i.Notify.Mail.V && c.Global.Mail.Server.IsSet() && len(c.Global.Mail.To) > 0}
		for _, p := range i.Peers {
			r.Peers += p.Addr.String() + " "
		}
		for _, a := range i.Addresses {
			if text := a.Prefix.String() + " "; !strings.Contains(r.Addresses, text) { // a sample has one twice
				r.Addresses += text
			}
		}
		for _, a := range i.Excluded {
			r.Also += a.Prefix.String() + " "
		}
		want = append(want, r)
	}
	for _, s := range cfg.Services {
		r := router{Name: s.Name, Interface: s.Interface, VRID: int(s.VRID), Priority: int(s.Priority), Version: int(s.Version), Interval: s.AdvertInterval.String(),
			PreemptDelay: s.PreemptDelay.String(), Preempt: s.Preempt, Active: s.Election.StartActive, Accept: s.Accept, Checks: len(s.Checks),
			Routes: len(s.Routes), Rules: len(s.Rules), Password: s.Auth.Type == conf.AuthPass, Mail: s.Mail, Release: s.OnFault == conf.FaultRelease}
		for _, a := range s.UnicastPeers {
			r.Peers += a.String() + " "
		}
		for _, a := range slices.Concat(s.IPv4, s.IPv6) { // as adverts list them
			r.Addresses += a.String() + " "
		}
		for _, a := range s.Excluded {
			r.Also += a.Prefix.String() + " "
		}
		got = append(got, r)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the routers (-keepalived.conf +regent.toml):\n%s", diff)
	}
	if len(c.SyncGroups) != len(cfg.SyncGroups) {
		t.Errorf("%d sync groups, want %d", len(cfg.SyncGroups), len(c.SyncGroups))
	}
}
