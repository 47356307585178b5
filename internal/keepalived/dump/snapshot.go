// SPDX-License-Identifier: Apache-2.0

package dump

import (
	"net/netip"
	"time"
)

// Snapshot is everything at one instant.
type Snapshot struct {
	Global     Global
	Instances  []Instance
	Groups     []Group
	Scripts    []Script
	Files      []File
	Processes  []Process
	BFDs       []BFD
	Interfaces []Interface
}

// State is keepalived's number for a state.
type State int

// The states.
const (
	Init   State = 0
	Backup State = 1
	Master State = 2
	Fault  State = 3
)

// String returns the state as keepalived writes it.
func (s State) String() string {
	switch s {
	case Backup:
		return "BACKUP"
	case Master:
		return "MASTER"
	case Fault:
		return "FAULT"
	case Init:
	}
	return "INIT"
}

// Instance is one virtual router.
type Instance struct {
	Name      string
	SyncGroup string // its name, or none
	Version   int    // 2 or 3
	IPv6      bool
	VRID      int

	State, Wanted  State
	Master         netip.Addr // the last one heard from, if there is one
	MasterPriority int        // 0 if there is none
	LastTransition time.Time
	ReadTimeout    time.Time     // when the next timer ends; zero: none runs
	MasterDown     time.Duration // Active_Down_Interval

	ConfigFaults, Faults, ScriptsInit int // why it is in FAULT, or not out of INIT

	Interface        string // the configured one
	VMAC             *VMAC
	DontTrackPrimary bool
	Source           netip.Addr
	SourceConfigured bool
	Multicast        netip.Addr // none with Unicast
	MulticastIndex   int        // of IPv6
	Unicast          *Unicast
	FDIn, FDOut      int // -1: not told

	SkipCheckAdverts, Strict                bool
	GARP                                    GARP
	DownTimerAdverts                        int
	LowerPrioNoAdvert, HigherPrioSendAdvert bool

	Priority, EffectivePriority, TotalPriority int // the total is not bounded
	AdvertInterval, MasterAdvertInterval       time.Duration
	Accept, NoPreempt, PromoteSecondaries      bool
	PreemptDelay                               time.Duration
	Password                                   bool // authentication by password, which is not shown
	HMAC                                       bool // by trailer (2.4)

	AddressesSet        bool
	Addresses, Excluded []Address
	Routes, Rules       []Item

	TrackInterfaces, TrackScripts, TrackFiles, TrackProcesses, TrackBFDs []Track

	Mail            bool
	NotifyDeleted   bool
	PriorityChanges bool // notify_priority_changes
	Notify          Notify
	Counters        Counters
}

// VMAC is an interface of its own with the virtual router's MAC.
type VMAC struct {
	Name             string
	Up, TransmitBase bool
}

// Unicast is what an instance that does not multicast has.
type Unicast struct {
	TTL         int
	CheckSource bool
	OldChecksum bool
	Peers       []Peer
}

// Peer is one unicast peer.
type Peer struct {
	Address        netip.Addr
	MinTTL, MaxTTL int
}

// GARP is how addresses are announced.
type GARP struct {
	Delay, Refresh, LowerPrioDelay         time.Duration
	Repeat, RefreshRepeat, LowerPrioRepeat int
}

// Address is one address line.
type Address struct {
	Prefix    netip.Prefix
	Peer      netip.Prefix // of a point-to-point address
	Broadcast netip.Addr   // if there is one
	Device    string
	Scope     string // "global" if empty
	Label     string
	Flags     []string // "home", "noprefixroute" and so on, as they are written in the file
	Lifetime  string   // preferred_lft of IPv6: "forever" if empty, or seconds
	NoTrack   bool
	Set       bool
	Silent    bool // it takes no packets
}

// Item is a route or a rule in the words of iproute2.
type Item struct {
	Text string
	Set  bool
}

// Track is something that is tracked.
type Track struct {
	Name    string
	Command []string // of a script; of one that reads a file, that file behind <
	Weight  int
	Reverse bool
}

// Command is a script.
type Command struct {
	Args     []string
	UID, GID int
}

// Notify are the scripts that run at changes; nil ones do not.
type Notify struct{ Backup, Master, Fault, Stop, Deleted, Any, LowerPriority *Command }

// Counters are what an instance has counted since it began, or since they were cleared.
type Counters struct {
	AdvertsReceived, AdvertsSent, BecameMaster, ReleasedMaster       uint64
	LengthErrors, TTLErrors, TypeErrors, IntervalErrors, ListErrors  uint64
	AuthTypeErrors, AuthMismatches, AuthFailures                     uint64
	HMACMissing, HMACMalformed, HMACUnknownKey, HMACInvalid, HMACOld uint64
	HMACReplayed                                                     uint64
	ZeroReceived, ZeroSent                                           uint64 // priority zero
}

// Sub returns what was counted since then.
func (c Counters) Sub(then Counters) Counters {
	for i, f := range c.fields() {
		if t := *then.fields()[i]; *f >= t {
			*f -= t
		}
	}
	return c
}

// Add returns the sum of both.
func (c Counters) Add(more Counters) Counters {
	for i, f := range c.fields() {
		*f += *more.fields()[i]
	}
	return c
}

func (c *Counters) fields() []*uint64 {
	return []*uint64{
		&c.AdvertsReceived, &c.AdvertsSent, &c.BecameMaster, &c.ReleasedMaster,
		&c.LengthErrors, &c.TTLErrors, &c.TypeErrors, &c.IntervalErrors, &c.ListErrors,
		&c.AuthTypeErrors, &c.AuthMismatches, &c.AuthFailures,
		&c.HMACMissing, &c.HMACMalformed, &c.HMACUnknownKey, &c.HMACInvalid, &c.HMACOld, &c.HMACReplayed,
		&c.ZeroReceived, &c.ZeroSent,
	}
}

// Group is a sync group.
type Group struct {
	Name         string
	State        State
	Fault, Init  int // members
	Members      []string
	Weights      bool // sync_group_tracking_weight
	Mail         bool
	Notify       Notify
	TrackScripts []Track
}

// Script is a vrrp_script.
type Script struct {
	Command
	Name              string
	Interval, Timeout time.Duration
	Weight            int
	Reverse           bool
	Rise, Fall        int
	Result            int // keepalived's counter: at Rise and above the script is good
	Insecure          bool
	InitFailed        bool
	Good              bool
	Running           bool
	Tracking          []Track // instances
}

// File is a track_file.
type File struct {
	Name, Path string
	Status     int
	Weight     int
	Tracking   []Track
}

// Process is a vrrp_track_process.
type Process struct {
	Name, Command                        string
	Parameters                           string // with Match
	Match                                string // "", exact, partial, initial
	Min, Max, Current                    int    // Max 0: none
	Quorum                               bool
	Weight                               int
	Reverse                              bool
	TerminateDelay, ForkDelay            time.Duration
	ForkTimerRunning, TerminateTimerRuns bool
	FullCommand                          bool
	Tracking                             []Track
}

// BFD is a bfd_instance.
type BFD struct {
	Name     string
	Weight   int
	Reverse  bool
	Up       bool
	Tracking []Track
	Session  Session
}

// Session is the session of a bfd_instance.
type Session struct {
	Neighbor, Source                   netip.Addr // the source may be absent
	MinRX, MinTX, IdleTX               time.Duration
	Multiplier, TTL, MaxHops           int
	Passive                            bool
	State, RemoteState                 string // as RFC 5880 writes them, in lower case
	Diagnostic, RemoteDiagnostic       string // likewise
	Discriminator, RemoteDiscriminator uint32
	Interval, DetectionTime            time.Duration
}

// Interface is a network interface.
type Interface struct {
	Name                             string
	Index, MTU                       int
	IPv4, IPv6                       netip.Addr // the first of each
	MAC, Broadcast                   string
	Up, Running, Loopback, Multicast bool
	Tracking                         []Track
}
