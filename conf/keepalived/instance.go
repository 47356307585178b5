// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/regent-ha/regent/conf"
)

// State is what an instance wants to be when it starts.
type State uint8

// The states.
const (
	Backup State = iota
	Master
)

// String returns BACKUP or MASTER.
func (s State) String() string {
	if s == Master {
		return "MASTER"
	}
	return "BACKUP"
}

// Instance is a vrrp_instance. Where a keyword has a global one of the same meaning, the field holds what counts for the
// instance.
type Instance struct {
	Name      string
	At        Place
	Comment   string // that stands directly above, without # and !
	State     Value[State]
	Interface Value[string]
	VRID      Value[int]
	Priority  Value[int]
	Version   Value[int]
	IPv6      bool                 // the family of the advertised addresses
	Interval  Value[time.Duration] // advert_int, rounded to what the version can say

	Addresses   []Address // virtual_ipaddress, one family
	Excluded    []Address // virtual_ipaddress_excluded, and what does not fit above
	NoAddresses Flag      // no_virtual_ipaddress
	Routes      []Route
	Rules       []Rule
	Promote     Flag // promote_secondaries

	Password Value[conf.Password] // authentication PASS, at most 8 bytes
	HMAC     *HMAC

	NoPreempt    Flag
	PreemptDelay Value[time.Duration]
	Accept       Flag // packets to the addresses are taken by one who is not the owner

	Unicast        bool // adverts go to Peers
	Peers          []Peer
	Source         Value[netip.Addr] // unicast_src_ip or mcast_src_ip
	Group          Value[netip.Addr] // mcast_dst_ip
	UnicastTTL     Value[int]        // -1 for the kernel's
	FaultNoPeer    Flag              // unicast_fault_no_peer
	CheckSource    Flag              // check_unicast_src
	OldChecksum    Value[OldChecksum]
	V3ChecksumAsV2 Flag
	TrackSource    Flag // track_src_ip
	VRF            Value[string]
	VMAC           *VMAC
	VMACAddresses  Flag // use_vmac_addr
	TransmitBase   Flag // vmac_xmit_base
	ReceiveBuffer  Value[int]

	Tracks           Tracks
	DontTrackPrimary Flag

	GARP                 GARP
	DownTimerAdverts     Value[int]
	TimerExpiredBackup   Value[int] // the other's priority; -1: off, 0: one of less than ours
	SkipCheckAdvAddr     Flag
	Strict               Flag
	LowerPrioNoAdvert    Flag
	HigherPrioSendAdvert Flag
	OwnerIgnoreAdverts   Flag
	Linkbeat             Flag // linkbeat_use_polling

	Notify Notify
}

// OldChecksum is what a version 3 unicast instance does about the checksum of keepalived before 1.3.7.
type OldChecksum uint8

// The ways.
const (
	DetectOldChecksum OldChecksum = iota // use it when the peer does
	UseOldChecksum
	NeverOldChecksum
)

// Peer is one unicast peer. Adverts with a TTL out of the range are dropped.
type Peer struct {
	Addr           netip.Addr
	MinTTL, MaxTTL int
	At             Place
}

// VMAC is use_vmac.
type VMAC struct {
	Name  string // of the interface; empty: vrrp.VRID
	MAC   [6]byte
	Own   bool // MAC is given
	Group int  // netdev group, -1 for the parent's
	Tell  bool // netlink_notify_msg
	At    Place
}

// ReplayMode is what proves an advert's freshness.
type ReplayMode uint8

// The modes.
const (
	ReplayTime      ReplayMode = iota // its time, within the window, and a sequence that grows
	ReplayMonotonic                   // the sequence alone
)

// HMACMode is what happens without a trailer.
type HMACMode uint8

// The modes.
const (
	HMACEnforce     HMACMode = iota // dropped
	HMACPermissive                  // taken
	HMACReceiveOnly                 // taken, and none is sent
)

// HMAC is auth_hmac.
type HMAC struct {
	At     Place
	Keys   []HMACKey
	Active Value[int] // key id
	Window Value[time.Duration]
	Replay Value[ReplayMode]
	Mode   Value[HMACMode]
}

// HMACKey is a key, or the file that holds it.
type HMACKey struct {
	ID   int
	Key  conf.Password // its bytes; none with a File
	File string
	At   Place
}

// Address is one line of an address block.
type Address struct {
	At          Place
	Prefix      netip.Prefix // the address with its length
	Peer        netip.Prefix // point to point
	Dev         string       // empty: the instance's interface, or default_interface
	Label       string
	Broadcast   netip.Addr
	Scope       uint8
	Home        bool
	ManageTemp  bool // mngtmpaddr
	NoPrefix    bool // noprefixroute
	AutoJoin    bool
	DAD         bool
	Preferred   uint32 // lifetime in seconds, Forever for no end
	NoTrack     bool
	VMAC        bool   // use_vmac
	TrackGroup  string // static addresses only
	ImpliedDev  bool   // Dev was filled in
	PlainLength bool   // no length was written
}

// Forever is a lifetime without end.
const Forever = ^uint32(0)

// Metric is a number that a route carries, locked or not.
type Metric struct {
	Name string // as iproute2 spells it: mtu, advmss, …
	N    uint32
	Lock bool
}

// NextHop is one of several ways of a route.
type NextHop struct {
	Via    netip.Addr
	Dev    string
	Weight int // 1 to 256
	OnLink bool
	Encap  []string // words after encap
	Realms string
}

// Route is one line of a route block.
type Route struct {
	At         Place
	Type       string // unicast unless it says blackhole, unreachable, prohibit, …
	Mode       string // add, append or prepend; empty: keepalived's choice
	IPv6       bool
	To         netip.Prefix
	Via        netip.Addr
	Dev        string
	Table      string // number or name; empty: main
	Source     netip.Addr
	Metric     Value[uint32]
	Scope      string // number or name; empty: what fits
	TOS        string
	Protocol   string // empty: keepalived's own
	Metrics    []Metric
	Congestion string // congctl
	CongLock   bool
	ECN        bool // features ecn
	Realms     string
	Preference string // pref: low, medium or high
	Expires    Value[uint32]
	Propagate  Value[bool] // ttl-propagate
	OnLink     bool
	VRF        string
	As         netip.Addr
	Encap      []string // words after encap
	Hops       []NextHop
	NoTrack    bool
	TrackGroup string // static routes only
}

// Rule is one line of a rule block.
type Rule struct {
	At         Place
	Not        bool
	IPv6       bool
	From, To   netip.Prefix // not valid: any
	Action     string       // table, goto, nop, blackhole, unreachable or prohibit
	Table      string       // number or name
	Goto       uint32
	In, Out    string // interfaces
	TOS        string
	Mark, Mask Value[uint32]
	Preference Value[uint32] // counted down from 16384 where none is given
	Realms     string
	UIDs       [2]uint32
	HasUIDs    bool
	L3MDev     bool
	Protocol   string
	IPProto    string
	Sport      [2]uint16
	Dport      [2]uint16
	SupPrefix  Value[int] // suppress_prefixlength
	SupGroup   Value[int]
	TunnelID   Value[uint64]
	NoTrack    bool
	TrackGroup string // static rules only
}

// OnInstance reports whether an address is on what the instance's own addresses are on: its interface or VMAC. That interface by name
// is the VMAC for addresses of the instance's family alone.
func (a Address) OnInstance(i *Instance) bool {
	return a.ImpliedDev || a.Dev == i.Interface.V && (i.VMAC == nil || a.Prefix.Addr().Is6() == i.IPv6)
}

// VMACNames are the names of the interfaces of instances with use_vmac, unless somebody else's interface has one of them. As keepalived
// chooses them, in the order of the file: vrrp.VRID, and where that is taken vrrp6.VRID for IPv6, then vrrp1.VRID and so on.
func (c *Config) VMACNames() map[*Instance]string {
	names, taken := map[*Instance]string{}, map[string]bool{}
	for _, i := range c.Instances {
		if i.VMAC != nil && i.VMAC.Name != "" {
			names[i], taken[i.VMAC.Name] = i.VMAC.Name, true
		}
	}
	for _, i := range c.Instances {
		if i.VMAC == nil || i.VMAC.Name != "" {
			continue
		}
		infixes := []string{""}
		if i.IPv6 {
			infixes = append(infixes, "6")
		}
		for n := 1; n < len(c.Instances)+6; n++ {
			if n != 6 { // that would be an IPv6 instance's
				infixes = append(infixes, strconv.Itoa(n))
			}
		}
		for _, x := range infixes {
			if name := fmt.Sprintf("%s%s.%d", c.Global.VMACPrefix.V, x, i.VRID.V); !taken[name] {
				names[i], taken[name] = name, true
				break
			}
		}
	}
	return names
}
