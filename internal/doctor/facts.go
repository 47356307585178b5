// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"net/netip"
	"time"

	"github.com/regent-ha/regent/internal/status"
)

// Question is what the configuration wants of the node.
type Question struct {
	Realtime bool
	Services []Service
	Programs []Program
	Channel  bool // nodes talk to each other
	Timed    bool // adverts carry the time
	StateDir string
	RunDir   string
	// Snapshot is the status of the running daemon; nil: none runs.
	Snapshot *status.Snapshot
}

// Service is what a service needs.
type Service struct {
	Name      string
	Interface string
	VRID      int
	IPv4      bool
	IPv6      bool
	Unicast   bool
	VMAC      bool
	Refuses   bool // it may refuse, which needs nftables
	Interval  time.Duration
	Source    netip.Addr // invalid: any
}

// Program is a program that is run, and the user who runs it.
type Program struct {
	Path string
	User string // "": the daemon's own
	For  string // what it is for, such as: service "orders", notify
}

// Facts are what was found on the node. A fact that could not be found is missing from its map, or has an error.
type Facts struct {
	Capabilities uint64 // effective, of this process
	UID          int
	Kernel       string // release
	Interfaces   map[string]Interface
	Sysctls      map[string]string // by name, such as net.ipv4.conf.eth0.rp_filter
	NFTables     error             // nil: it can be used
	Drops        []string          // base chains of others on input that drop by default, such as "inet filter input"
	Programs     map[Program]error // why one may not be run
	Clock        ClockState
	Directories  map[string]error // why one cannot be written to
	Others       []string         // VRRP daemons of others that run here, such as "keepalived (pid 812)"
	CPUs         int
}

// Interface is a network interface.
type Interface struct {
	Up        bool // and it has carrier
	Multicast bool
	Addresses []netip.Prefix // without Regent's own
	Tentative int            // addresses that are not usable yet
	Snooping  bool           // a bridge that forwards multicast only to those who asked
	Querier   bool           // and asks them
	Manager   string         // who else configures it: systemd-networkd, NetworkManager; "": nobody known
}

// ClockState is how far the wall clock can be trusted.
type ClockState struct {
	Known        bool
	Synchronised bool
}

// Level says how bad a finding is.
type Level string

// The levels.
const (
	OK   Level = "ok"   // as it should be
	Note Level = "note" // worth knowing
	Warn Level = "warn" // will hurt one day
	Bad  Level = "bad"  // hurts now
)

// Finding is one thing that was found.
type Finding struct {
	Level  Level  `json:"level"`
	Topic  string `json:"topic"` // rights, kernel, interface, firewall, peers, programs, clock, timing, directories
	Text   string `json:"text"`
	Remedy string `json:"remedy,omitempty"` // what to do
}
