// SPDX-License-Identifier: Apache-2.0

package status

import "time"

// SchemaVersion is the version of the JSON document. Fields are added without a new version; a field that changes its
// meaning or goes away gets one.
const SchemaVersion = 1

// Snapshot is the state of one daemon at one instant: the document of `regent status --json`.
type Snapshot struct {
	Version  int       `json:"version"`
	Node     string    `json:"node"`
	Started  time.Time `json:"started"`
	Services []Service `json:"services"`
	Nodes    []Node    `json:"nodes"`
	Sessions []Session `json:"bfd"`
	Global   Global    `json:"global"`
}

// Service is one virtual router: a service with both families has two.
type Service struct {
	Name              string     `json:"name"`
	Family            string     `json:"family"` // ipv4 | ipv6
	Interface         string     `json:"interface"`
	VirtualRouterID   int        `json:"virtual_router_id"`
	VMACInterface     string     `json:"vmac_interface,omitempty"` // with the virtual MAC; it is there while the service is configured
	Addresses         []string   `json:"addresses"`
	State             string     `json:"state"` // initialize | backup | active
	Duty              string     `json:"duty"`  // none | refuse | serve
	Priority          int        `json:"priority"`
	EffectivePriority int        `json:"effective_priority"`
	ActiveAddress     string     `json:"active_address"`       // of the node that was last heard as Active; own one if Active
	ActivePriority    int        `json:"active_priority"`      // of the same node
	ActiveInterval    float64    `json:"active_interval"`      // of its adverts, in seconds
	ActiveDown        float64    `json:"active_down_interval"` // after which this node takes over, in seconds
	Since             time.Time  `json:"since"`
	Reason            string     `json:"reason"`
	Protected         bool       `json:"protected"`
	ForbiddenBy       string     `json:"forbidden_by"` // operator | forecast | ""
	Phase             string     `json:"phase"`        // of performing it here: idle | kept | waiting | leasing | starting | proving | serving | stopping
	DutyReason        string     `json:"duty_reason"`  // why the duty is what it is
	Mechanism         string     `json:"mechanism"`    // nftables | sk_lookup | kernel
	Counters          Counters   `json:"counters"`
	Statistics        Statistics `json:"statistics"`
	Answered          Answered   `json:"answered"`
	Checks            []Check    `json:"checks"`
}

// Answered is what clients of the service's addresses got instead of it, since this daemon started.
type Answered struct {
	Resets       uint64 `json:"resets"`       // TCP
	Unreachables uint64 `json:"unreachables"` // UDP and other protocols; the kernel's rate limit may have held some back
	Answers      uint64 `json:"answers"`      // in the protocol's own words
	Tickles      uint64 `json:"tickles"`      // segments to clients that had connections with the former holder
}

// Counters are the statistics of one virtual router under their RFC 8347 names; the last four are Regent's own.
type Counters struct {
	MasterTransitions     uint64 `json:"master-transitions"`
	AdvertisementRcvd     uint64 `json:"advertisement-rcvd"`
	AdvertisementSent     uint64 `json:"advertisement-sent"`
	IntervalErrors        uint64 `json:"interval-errors"`
	PriorityZeroPktsRcvd  uint64 `json:"priority-zero-pkts-rcvd"`
	PriorityZeroPktsSent  uint64 `json:"priority-zero-pkts-sent"`
	InvalidTypePktsRcvd   uint64 `json:"invalid-type-pkts-rcvd"`
	AddressListErrors     uint64 `json:"address-list-errors"`
	PacketLengthErrors    uint64 `json:"packet-length-errors"`
	AuthenticationErrors  uint64 `json:"authentication-errors"`
	SourceErrors          uint64 `json:"source-errors"`
	DestinationErrors     uint64 `json:"destination-errors"`
	AdvertisementDeferred uint64 `json:"advertisement-send-errors"`
}

// Statistics are the counters of one virtual router under keepalived's names, as keepalived counts.
type Statistics struct {
	AdvertRcvd         uint64 `json:"advert_rcvd"`
	AdvertSent         uint64 `json:"advert_sent"`
	BecomeMaster       uint64 `json:"become_master"`
	ReleaseMaster      uint64 `json:"release_master"`
	PacketLenErr       uint64 `json:"packet_len_err"`
	AdvertIntervalErr  uint64 `json:"advert_interval_err"`
	IPTTLErr           uint64 `json:"ip_ttl_err"`
	InvalidTypeRcvd    uint64 `json:"invalid_type_rcvd"`
	AddrListErr        uint64 `json:"addr_list_err"`
	InvalidAuthType    uint64 `json:"invalid_authtype"`
	AuthTypeMismatch   uint64 `json:"authtype_mismatch"`
	AuthFailure        uint64 `json:"auth_failure"`
	AuthExtMissing     uint64 `json:"auth_ext_missing"`
	AuthExtMalformed   uint64 `json:"auth_ext_malformed"`
	AuthExtUnknownKey  uint64 `json:"auth_ext_unknown_key"`
	AuthExtInvalidHMAC uint64 `json:"auth_ext_invalid_hmac"`
	AuthExtStale       uint64 `json:"auth_ext_stale"`
	AuthExtReplay      uint64 `json:"auth_ext_replay"`
	PriZeroRcvd        uint64 `json:"pri_zero_rcvd"`
	PriZeroSent        uint64 `json:"pri_zero_sent"`
	MasterPriority     uint64 `json:"master_priority"`
}

// Global are the statistics that RFC 8347 keeps for the whole node, and those of the loop.
type Global struct {
	ChecksumErrors uint64 `json:"checksum-errors"`
	VersionErrors  uint64 `json:"version-errors"`
	VRIDErrors     uint64 `json:"vrid-errors"`
	TTLErrors      uint64 `json:"ip-ttl-errors"`
	LengthErrors   uint64 `json:"packet-length-errors"` // of adverts too short to name a virtual router
	KernelDrops    uint64 `json:"kernel-drops"`         // adverts lost before they could be read
	SendErrors     uint64 `json:"send-errors"`

	Lateness Lateness `json:"advert-lateness"` // from the deadline of an advert, or of the wait for one, until it was acted on
}

// Lateness is a histogram of how late something was, in seconds.
type Lateness struct {
	Bounds []float64 `json:"bounds"` // upper ones; there is one count more than bounds
	Counts []uint64  `json:"counts"` // not cumulative
	Sum    float64   `json:"sum"`
	Worst  float64   `json:"worst"`
}

// Check is the last result of one check of a service.
type Check struct {
	Name   string    `json:"name"`
	OK     bool      `json:"ok"`
	Since  time.Time `json:"since"`
	Detail string    `json:"detail"`
	Value  float64   `json:"value"` // of a file or number; how many processes there are
}

// Node is what is known of one node of the cluster.
type Node struct {
	Name       string            `json:"name"`
	Alive      bool              `json:"alive"`
	Presence   string            `json:"presence"` // alive | dead | unknown
	Load       float64           `json:"load"`
	Overloaded bool              `json:"overloaded"`
	Drained    bool              `json:"drained"` // by an operator, or in maintenance by the file
	Capacity   int               `json:"capacity"`
	Performs   []string          `json:"performs"`
	Duties     map[string]string `json:"duties"` // by service: none | refuse | serve, as the node says
}
