// SPDX-License-Identifier: Apache-2.0

package vrrp

import (
	"fmt"
	"math"
	"net/netip"
	"time"
)

// Time is an instant in nanoseconds on a clock that never goes back and counts suspend (CLOCK_BOOTTIME).
// Nothing in this package reads a clock: every instant comes in as an argument.
type Time int64

// Never is later than every instant: the deadline of a machine that waits for nothing.
const Never Time = math.MaxInt64

// Add returns the instant d later.
func (t Time) Add(d time.Duration) Time { return t + Time(d) }

// Sub returns how much later t is than u.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t - u) }

// Family is the IP version of a virtual router.
type Family uint8

// The two families.
const (
	IPv4 Family = 4
	IPv6 Family = 6
)

// String returns "ipv4" or "ipv6".
func (f Family) String() string {
	switch f {
	case IPv4:
		return "ipv4"
	case IPv6:
		return "ipv6"
	}
	return fmt.Sprintf("family(%d)", uint8(f))
}

// Group is the multicast group of the family: 224.0.0.18 or ff02::12 (RFC 9568 §5.1).
func (f Family) Group() netip.Addr {
	if f == IPv6 {
		return netip.AddrFrom16([16]byte{0: 0xff, 1: 0x02, 15: 0x12})
	}
	return netip.AddrFrom4([4]byte{224, 0, 0, 18})
}

// VRID is a virtual router identifier, 1 to 255.
type VRID uint8

// Priority is a VRRP priority: 0 releases, 1 to 254 for backups, 255 for the address owner (RFC 9568 §5.2.4).
type Priority uint8

// Priorities with a meaning of their own.
const (
	Release Priority = 0
	Owner   Priority = 255
)

// State is a state of RFC 9568 §6.4.
type State uint8

// The three states.
const (
	Initialize State = iota
	Backup
	Active
)

// String returns the state in lower case, as status and logs write it.
func (s State) String() string {
	switch s {
	case Initialize:
		return "initialize"
	case Backup:
		return "backup"
	case Active:
		return "active"
	}
	return fmt.Sprintf("state(%d)", uint8(s))
}

// ID names one virtual router within a [Router]. The caller chooses it; it must be non-zero and unique.
type ID uint32

// Checksum says what the checksum of a version 3 advert over IPv4 covers.
type Checksum uint8

// Coverage of the checksum. The zero value is what keepalived and FRR speak by default.
const (
	PseudoHeader Checksum = iota // message and IPv4 pseudo-header (the common reading of RFC 5798)
	MessageOnly                  // message alone (RFC 9568 §5.2.8)
	Either                       // on receipt: accept both
)

// AuthType is the authentication type of a version 2 advert (RFC 2338 §5.3.6).
type AuthType uint8

// Authentication types that are spoken here.
const (
	AuthNone AuthType = 0
	AuthPass AuthType = 1
)

// Auth is the authentication of a version 2 virtual router. Its Data never appears in logs or status.
type Auth struct {
	Type AuthType
	Data [8]byte // the password of AuthPass, zero padded
}

// Packet is one received datagram with a VRRP message.
type Packet struct {
	Interface   int        // index of the interface it arrived on
	Family      Family     // of its IP header
	Source      netip.Addr // without zone
	Destination netip.Addr // without zone
	TTL         uint8      // or hop limit
	Message     []byte     // the IP payload; only valid during the call
}

// Link is where a virtual router lives at the moment.
type Link struct {
	Interface int        // index
	Source    netip.Addr // primary IPv4 address, or IPv6 link-local address, that adverts are sent from
}

// ActionKind says what a [Machine] wants done.
type ActionKind uint8

// Kinds of action.
const (
	// SendAdvert: send the message of [Router.Message] with Priority to the peers or the group, now.
	SendAdvert ActionKind = iota + 1
	// Enter: the state changed From to To because of Reason.
	Enter
	// Announce: still Active; announce the addresses again (GARP, NA), because of Reason.
	Announce
	// Inherited: after a planned release: another node was heard as Active (ReasonHeir), or nobody within an
	// Active_Down_Interval (ReasonTimeout). The addresses can go now.
	Inherited
	// Discarded: an advert was discarded or is odd; Discard says why. At most one a reason and ten seconds.
	Discarded
	// Suspect: two adverts of the Active (Peer, PeerPriority; none was heard yet after a start) were missed, in this silence;
	// the Active_Down_Timer goes on.
	Suspect
	// Rival: an Active heard an advert that loses against its own, of Peer with PeerPriority; one for each advert, at most four in
	// an interval, only with [Config.Rivals]. Keepalived calls it MASTER_RX_LOWER_PRI.
	Rival
)

// Action is one thing a machine wants done. It holds no pointers into packets.
type Action struct {
	ID           ID
	Kind         ActionKind
	Priority     Priority // SendAdvert: of the advert to send
	From, To     State    // Enter
	Reason       Reason   // Enter, Announce, Inherited, Rival
	Discard      Discard  // Discarded
	Peer         netip.Addr
	PeerPriority Priority
	Before       time.Duration // Discarded, NoteInterval: what was in force
	Interval     time.Duration // Discarded: what is now; NotePreemptDelay: how long it waits
}
