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
	Global   Global    `json:"global"`
}

// Service is one virtual router: a service with both families has two.
type Service struct {
	Name              string    `json:"name"`
	Family            string    `json:"family"` // ipv4 | ipv6
	Interface         string    `json:"interface"`
	VirtualRouterID   int       `json:"virtual_router_id"`
	Addresses         []string  `json:"addresses"`
	State             string    `json:"state"` // initialize | backup | active
	Duty              string    `json:"duty"`  // none | refuse | serve
	Priority          int       `json:"priority"`
	EffectivePriority int       `json:"effective_priority"`
	ActiveAddress     string    `json:"active_address"` // of the node that was last heard as Active; own one if Active
	Since             time.Time `json:"since"`
	Reason            string    `json:"reason"`
	Protected         bool      `json:"protected"`
	ForbiddenBy       string    `json:"forbidden_by"` // operator | forecast | ""
	Phase             string    `json:"phase"`        // of performing it here: idle | kept | waiting | leasing | starting | proving | serving | stopping
	DutyReason        string    `json:"duty_reason"`  // why the duty is what it is
	Mechanism         string    `json:"mechanism"`    // nftables | sk_lookup | kernel
	Counters          Counters  `json:"counters"`
	Answered          Answered  `json:"answered"`
	Checks            []Check   `json:"checks"`
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

// Global are the statistics that RFC 8347 keeps for the whole node, and those of the loop.
type Global struct {
	ChecksumErrors uint64 `json:"checksum-errors"`
	VersionErrors  uint64 `json:"version-errors"`
	VRIDErrors     uint64 `json:"vrid-errors"`
	TTLErrors      uint64 `json:"ip-ttl-errors"`
	LengthErrors   uint64 `json:"packet-length-errors"` // of adverts too short to name a virtual router
	KernelDrops    uint64 `json:"kernel-drops"`         // adverts lost before they could be read
	SendErrors     uint64 `json:"send-errors"`
}

// Check is the last result of one check of a service.
type Check struct {
	Name   string    `json:"name"`
	OK     bool      `json:"ok"`
	Since  time.Time `json:"since"`
	Detail string    `json:"detail"`
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
