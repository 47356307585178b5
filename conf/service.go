// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"fmt"
	"net/netip"
	"time"
)

// Service is one VRID on one interface: its addresses, how they are advertised, and what is to become of them.
type Service struct {
	Name      string
	Interface string // on this node
	VRID      uint8

	Addresses     []netip.Prefix // as the file lists them
	IPv4          []netip.Prefix // as IPv4 adverts list them
	IPv6          []netip.Prefix // as IPv6 adverts list them: the link-local address first, if there is one
	LinkLocalMode LinkLocalMode
	LinkLocal     netip.Addr // the link-local address in IPv6; invalid when there is none
	Ports         []Port     // nil: the whole address

	Version        uint8
	AdvertInterval time.Duration
	Checksum       string // "pseudo-header" or "rfc9568"
	AcceptChecksum string // "pseudo-header", "rfc9568" or "either"
	Source         netip.Addr
	UnicastPeers   []netip.Addr // without this node's own address; nil: multicast
	Group          netip.Addr   // that adverts go to; invalid: the standard one
	VMAC           bool
	VMACName       string // "": vrrp.VRID
	VMACAddress    string // "": that of RFC 9568
	VMACBase       bool   // adverts leave from the interface below
	Auth           Authentication
	HMAC           *HMAC // nil: none
	GARP           GARP

	AddressOptions map[netip.Addr]string // iproute2's words after an address of the list; nil: none
	Advertised     []netip.Addr          // what adverts list; nil: Addresses
	Excluded       []AddressLine         // addresses that move with the others and are not advertised
	Routes         []string              // likewise, in iproute2's words
	Rules          []string
	Unicast        Unicast
	Election       Election
	TrackInterface bool // without its interface the service is in fault
	Accept         bool // the addresses take packets
	Mail           bool // changes of state are mailed

	// Raw is the form of the service: with a priority by hand (the next four), or by policy (those after).
	Raw          bool
	Priority     uint8
	Preempt      bool
	PreemptDelay time.Duration
	Refuse       bool
	OnFault      OnFault

	Owner            string
	Standbys         []string
	Inheritors       []string // nil: every node
	Takeover         Takeover
	ServeAt          ServeAt
	Demand           int // 0: takes nothing of a node's capacity
	AntiAffinity     []string
	Failback         Failback
	FailbackDelay    time.Duration
	FailureThreshold int
	FailureWindow    time.Duration
	OnNoCandidate    NoCandidate

	Checks  []HealthCheck
	Control *Control  // nil: Regent neither starts nor stops the service
	Respond []Answer  // ports that are not listed are reset
	Notify  *Programs // nil: none
}

// AddressLine is an address with what iproute2 would be told beside it.
type AddressLine struct {
	Prefix  netip.Prefix
	Options string // such as "dev eth1 label eth1:1"
}

// Unicast is what is special about adverts to peers.
type Unicast struct {
	TTL         uint8 // sent
	MinTTL      uint8 // accepted
	MaxTTL      uint8
	CheckSource bool   // only peers are heard
	Checksum    string // auto, never, old: whether the checksum of version 3 is computed over the group's address, as old peers do
}

// Election is what changes the election of RFC 9568.
type Election struct {
	StartActive        bool // the first election is a short one
	DownTimerAdverts   int  // that may be missed
	LowerPrioNoAdvert  bool // an Active does not answer adverts of lower priority
	OwnerIgnoreAdverts bool
	CheckAddresses     bool // version 2 adverts with other addresses are discarded
}

// OnFault is what a service by hand does in a fault.
type OnFault string

// The ways.
const (
	FaultRefuse  OnFault = "refuse"  // the address is kept if nobody else has it, and refuses
	FaultRelease OnFault = "release" // the address is given up
)

// HMAC is the keyed trailer of adverts.
type HMAC struct {
	Keys       map[uint8]Password
	Active     uint8
	Window     time.Duration
	AntiReplay string // time, monotonic
	Mode       string // enforce, permissive, receive-only
}

// Prefixes returns the addresses of one family as its adverts list them.
func (s *Service) Prefixes(ipv6 bool) []netip.Prefix {
	if ipv6 {
		return s.IPv6
	}
	return s.IPv4
}

// LinkLocalMode is where the link-local address of an IPv6 service comes from.
type LinkLocalMode string

// The modes.
const (
	LinkLocalAuto  LinkLocalMode = "auto"    // from the list, else derived from the VRID
	LinkLocalNone  LinkLocalMode = "none"    // the list is advertised as it is
	LinkLocalGiven LinkLocalMode = "address" // link_local is an address
)

// Protocols of a Port, as numbered by IANA.
const (
	TCP uint8 = 6
	UDP uint8 = 17
)

// Port is a port of a service.
type Port struct {
	Proto  uint8
	Number uint16
}

// String returns the port as the file has it: tcp/5432.
func (p Port) String() string {
	name := "tcp"
	if p.Proto == UDP {
		name = "udp"
	}
	return fmt.Sprintf("%s/%d", name, p.Number)
}

// AuthType is the authentication of version 2 adverts.
type AuthType string

// The types of authentication.
const (
	AuthNone AuthType = "none"
	AuthPass AuthType = "PASS"
)

// Authentication is what version 2 adverts carry.
type Authentication struct {
	Type     AuthType
	Password Password // at most 8 bytes
}

// GARP says how a new Active announces its addresses, by gratuitous ARP and by unsolicited neighbour advertisements.
type GARP struct {
	Repeat   int           // how often, at once
	Delay    time.Duration // until the same again; 0: not again
	Refresh  time.Duration // between later ones; 0: none later
	Interval time.Duration // between two packets on an interface; 0: no pacing

	RefreshRepeat   int
	LowerPrioDelay  time.Duration // the same as Delay and Repeat after an advert of lower priority
	LowerPrioRepeat int
	NAInterval      time.Duration // like Interval, of neighbour advertisements
	Extra           time.Duration // between announcements on other interfaces with addresses; 0: none
	ExtraAll        bool          // on all, not only on VMACs
}

// Takeover is the owner's setting whether another node may perform the service.
type Takeover string

// The settings.
const (
	TakeoverAllow  Takeover = "allow"
	TakeoverForbid Takeover = "forbid"
)

// ServeAt is the address at which a standby performs the service.
type ServeAt string

// The addresses.
const (
	ServeInherited ServeAt = "inherited"
	ServeOwn       ServeAt = "own"
)

// Failback is when a returning owner takes its service back.
type Failback string

// The ways of failback.
const (
	FailbackAutomatic Failback = "automatic"
	FailbackManual    Failback = "manual"
	FailbackDelayed   Failback = "delay"
)

// NoCandidate is what becomes of an address that no node may serve.
type NoCandidate string

// The outcomes.
const (
	NoCandidateRefuse NoCandidate = "refuse"
	NoCandidateSilent NoCandidate = "silent"
)

// CheckKind is what a check looks at.
type CheckKind string

// The kinds of check.
const (
	CheckTCP       CheckKind = "tcp"
	CheckHTTP      CheckKind = "http"
	CheckExec      CheckKind = "exec"
	CheckProcess   CheckKind = "process"
	CheckUnit      CheckKind = "unit"
	CheckFile      CheckKind = "file"
	CheckInterface CheckKind = "interface"
	CheckReadable  CheckKind = "readable"
	CheckNumber    CheckKind = "number"
	CheckBFD       CheckKind = "bfd"
)

// HealthCheck says whether the service is alive on this node.
type HealthCheck struct {
	Kind     CheckKind
	Target   string   // host:port, URL, process, unit, path or interface
	Command  []string // of CheckExec
	Interval time.Duration
	Timeout  time.Duration
	Rise     int // results in a row that make it good
	Fall     int // results in a row that make it bad
	Weight   int // added to a raw priority: positive while good, negative while bad; 0: failing is a fault

	Status int    // of CheckHTTP: the status wanted; 0: any from 200 to 399
	Body   string // of CheckHTTP: a regular expression that must match; empty: any
	CAFile string // of CheckHTTP: instead of the system's authorities
	Verify bool   // of CheckHTTP: the server's certificate

	Name     string // for people and logs; "": what is checked
	User     string // who runs the command, USER or USER:GROUP; "": Notify.User
	Reverse  bool   // good counts as bad
	StartBad bool   // bad until Rise results were good

	Process *ProcessCheck // of CheckProcess
	BFD     *BFD          // of CheckBFD
}

// ProcessCheck is which processes count, and how many are wanted.
type ProcessCheck struct {
	Arguments      []string
	Match          string // "": arguments do not count; exact, partial, initial
	FullCommand    bool   // the target is argv[0], not the short name
	Quorum         int
	QuorumMax      int // 0: no limit
	ForkDelay      time.Duration
	TerminateDelay time.Duration
}

// BFD is a session of bidirectional forwarding detection (RFC 5880) with Target.
type BFD struct {
	Source               netip.Addr // invalid: the kernel chooses
	MinRX, MinTX, IdleTX time.Duration
	Multiplier           int
	Passive              bool
	TTL                  int
	MaxHops              int
	Multihop             bool
}

// Control is how Regent starts and stops the service.
type Control struct {
	Unit         string // of systemd; empty: by commands
	Start, Stop  []string
	StartTimeout time.Duration
	StopTimeout  time.Duration
}

// AnswerKind is the form of an error that a refused port gives.
type AnswerKind string

// The forms of answer.
const (
	AnswerReset      AnswerKind = "reset" // TCP reset, or ICMP port unreachable
	AnswerPostgreSQL AnswerKind = "postgresql"
	AnswerMySQL      AnswerKind = "mysql"
	AnswerHTTP       AnswerKind = "http"
	AnswerDNS        AnswerKind = "dns"
	AnswerSMTP       AnswerKind = "smtp"
	AnswerMQTT       AnswerKind = "mqtt"
	AnswerTNS        AnswerKind = "tns"
	AnswerQUIC       AnswerKind = "quic"
	AnswerSIP        AnswerKind = "sip"
	AnswerCQL        AnswerKind = "cql"
	AnswerLiteral    AnswerKind = "literal"
)

// Programs are run when the service changes its state on this node. Each is a command with its arguments; nil: none.
type Programs struct {
	Active, Backup, Fault, Stop []string
	Any                         []string // gets four more arguments: INSTANCE, the service's name, the state, the priority
	User                        string   // "": Notify.User

	Deleted         []string          // the service was taken out of the file
	LowerPriority   []string          // an Active heard an advert of lower priority
	PriorityChanges bool              // see Notify.PriorityChanges
	Users           map[string]string // by key of the program; of those that User does not run
}

// Presets are the answers whose words are fixed.
var Presets = []AnswerKind{"redis", "ftp", "imap", "pop3", "nntp", "ldap", "memcached", "amqp", "tls-alert", "ssh"}

// Answer is what a port answers while it refuses. Kind may also be one of Presets.
type Answer struct {
	Port       Port
	Kind       AnswerKind
	Message    string        // of AnswerPostgreSQL and AnswerMySQL: for people; "": one about the service
	Next       string        // host:port of the client's next address, for answers that can tell; "": not said
	Status     int           // of AnswerHTTP: 503, or a redirection to Location
	RetryAfter time.Duration // of AnswerHTTP, AnswerSIP and templates; 0: not said
	Location   string        // of AnswerHTTP
	OnRequest  bool          // of AnswerLiteral: after the client's first bytes rather than on its connecting
	Steps      []Step        // of AnswerLiteral: what to say to what; a single send is one step
	Reset      bool          // of AnswerLiteral: end with a reset rather than a FIN
}

// Step is one thing to say in a literal answer.
type Step struct {
	Match    []byte // that the client must have said; nil: anything, or nothing
	Offset   int    // where Match begins
	Send     []byte
	Template bool // Send has places for facts in it
	Continue bool // go on hearing, rather than end
}
