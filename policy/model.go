// SPDX-License-Identifier: Apache-2.0

package policy

import "time"

// Takeover is the owner's setting whether another node may perform the service.
type Takeover string

// The settings.
const (
	Allow  Takeover = "allow"
	Forbid Takeover = "forbid"
)

// ServeAt is the address at which a standby performs the service.
type ServeAt string

// The addresses.
const (
	AtInherited ServeAt = "inherited" // the inherited one
	AtOwn       ServeAt = "own"       // the standby's own; the inherited one refuses
)

// Failback is when a returning owner takes its service back.
type Failback string

// The ways of failback.
const (
	FailbackAutomatic Failback = "automatic" // as soon as it is ready
	FailbackManual    Failback = "manual"    // when an operator says so
	FailbackDelayed   Failback = "delay"     // when it has been ready for Service.FailbackDelay
)

// Duty is what an Active node does with the address; other nodes have none.
type Duty string

// The duties.
const (
	None   Duty = "none"
	Refuse Duty = "refuse"
	Serve  Duty = "serve"
)

// Origin is who forbids that a service be taken over.
type Origin string

// The origins. Free means that nobody does.
const (
	Free       Origin = ""
	ByOperator Origin = "operator" // the file, or an operator's command: only an operator undoes it
	ByForecast Origin = "forecast" // no other node has room: undone when one has
)

// Cluster is what the file says, the same on every node.
type Cluster struct {
	Nodes    []Node    // by name, ascending
	Services []Service // by name, ascending; those with an owner only
	MostFree bool      // standbys by free capacity rather than as listed
	Tolerate int       // failures_to_tolerate: how many nodes may fail at once; 0: no forecast
	Channel  bool      // nodes tell each other about themselves
}

// Node is a host.
type Node struct {
	Name        string
	Capacity    int // in the unit of Service.Demand; 0: no limit
	MaxServices int // 0: no limit
	Maintenance bool
}

// Service is a service with an owner.
type Service struct {
	Name             string
	Owner            string
	Standbys         []string // in the owner's order
	Inheritors       []string // who takes part besides the owner; nil: every node
	Takeover         Takeover
	ServeAt          ServeAt
	Demand           int      // of a node's capacity
	AntiAffinity     []string // services that must not be performed by the same node
	Failback         Failback
	FailbackDelay    time.Duration
	FailureThreshold int // that many failed starts within FailureWindow make a node ineligible; 0: none do
	FailureWindow    time.Duration
	Silent           bool // on_no_candidate = "silent": nobody answers rather than refuses
	Control          bool // performing it means starting it
}

// Presence is what is known of another node by the cluster channel.
type Presence uint8

// Presences. Unknown is a node that was never heard, whose record is stale, or of which there is no channel to hear.
const (
	Unknown Presence = iota
	Alive
	Dead
)

// View is what one node knows at an instant. The same view gives the same answers on every node. Whoever changes it after
// it was asked calls [View.Changed]. It is not for several goroutines.
type View struct {
	Cluster *Cluster
	Sights  []Sight // of Cluster.Nodes, in their order

	cache *cache
}

// cache is what many questions about a view need.
type cache struct {
	held  [][]int // services that each node performs, by index; of Alive nodes
	terms []Terms // in force
	marks []*Mark // in force
	falls map[int]*Fall
}

// Changed forgets what was computed from the view as it was.
func (v *View) Changed() { v.cache = nil }

func (v *View) cached() *cache {
	if v.cache != nil {
		return v.cache
	}
	c := &cache{held: make([][]int, len(v.Sights)), terms: make([]Terms, len(v.Cluster.Services)), marks: make([]*Mark, len(v.Cluster.Services))}
	for s := range v.Cluster.Services {
		c.terms[s], c.marks[s] = InForce(v, s)
	}
	for i := range v.Sights {
		if v.Sights[i].Presence != Alive {
			continue
		}
		for s := range v.Cluster.Services {
			if st := standing(v, i, s); st != nil && st.Performs {
				c.held[i] = append(c.held[i], s)
			}
		}
	}
	v.cache = c
	return c
}

func (v *View) inForce(service int) Terms { return v.cached().terms[service] }

// Sight is what is known of one node.
type Sight struct {
	Presence Presence
	Record   Record // the last one; zero if none was heard. Only that of an Alive node tells of now
}

// Record is what a node tells of itself. Others never change it.
type Record struct {
	Node       string     `json:"node"`
	Load       float64    `json:"load"` // for people
	Overloaded bool       `json:"overloaded,omitempty"`
	Drained    bool       `json:"drained,omitempty"` // by an operator
	Stopping   bool       `json:"stopping,omitempty"`
	Digest     string     `json:"digest,omitempty"`   // of the configuration that is meant to be the same everywhere
	Services   []Standing `json:"services,omitempty"` // by name, ascending
}

// Standing is how a node stands to a service.
type Standing struct {
	Service  string `json:"service"`
	State    string `json:"state"` // of the virtual router: initialize, backup, active
	Duty     Duty   `json:"duty"`
	Performs bool   `json:"performs,omitempty"` // from before it starts the service until after it has stopped it
	Ready    bool   `json:"ready,omitempty"`    // could perform it now: checks good, or with Control a start is possible
	Failures int    `json:"failures,omitempty"` // failed starts within the window
	Terms    *Terms `json:"terms,omitempty"`    // the newest that this node knows and has on disk
	Mark     *Mark  `json:"mark,omitempty"`     // likewise
	Ward     *Ward  `json:"ward,omitempty"`     // the instruction that this node follows (ServeAt own)
}

// Terms are a service's policy as its owner or an operator last set it. The highest epoch wins, then the higher node name.
type Terms struct {
	Epoch    uint64   `json:"epoch"`
	Node     string   `json:"node"` // who set them
	Takeover Takeover `json:"takeover"`
	Standbys []string `json:"standbys"`
	File     string   `json:"file"` // digest of the owner's file that they build upon
}

// Mark is a forbid, or the lifting of one, by forecast. The highest epoch wins, then the higher node name.
type Mark struct {
	Epoch  uint64 `json:"epoch"`
	Node   string `json:"node"` // the writer: Active for the address
	Forbid bool   `json:"forbid"`
	Group  string `json:"group,omitempty"` // the node whose failure there was no room for
}

// Ward is an instruction to perform a service at one's own address.
type Ward struct {
	Epoch uint64 `json:"epoch"`
	By    string `json:"by"` // the inheritor that gives it
}

// Node returns the index of a node in the cluster, -1 if it has none of this name.
func (c *Cluster) Node(name string) int {
	return index(c.Nodes, name, func(n *Node) string { return n.Name })
}

// Service returns the index of a service in the cluster, -1 if it has none of this name.
func (c *Cluster) Service(name string) int {
	return index(c.Services, name, func(s *Service) string { return s.Name })
}

// Standing returns how the node stands to a service; nil if its record does not tell.
func (r *Record) Standing(service string) *Standing {
	i := index(r.Services, service, func(s *Standing) string { return s.Service })
	if i < 0 {
		return nil
	}
	return &r.Services[i]
}

// index searches a slice that is sorted by name.
func index[T any](list []T, name string, of func(*T) string) int {
	low, high := 0, len(list)
	for low < high {
		mid := (low + high) / 2
		if of(&list[mid]) < name {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low < len(list) && of(&list[low]) == name {
		return low
	}
	return -1
}

// NewerTerms returns the terms that are in force of two; either may be nil.
func NewerTerms(a, b *Terms) *Terms {
	switch {
	case a == nil:
		return b
	case b == nil || a.Epoch > b.Epoch || a.Epoch == b.Epoch && a.Node >= b.Node:
		return a
	}
	return b
}

// NewerMark returns the mark that is in force of two; either may be nil.
func NewerMark(a, b *Mark) *Mark {
	switch {
	case a == nil:
		return b
	case b == nil || a.Epoch > b.Epoch || a.Epoch == b.Epoch && a.Node >= b.Node:
		return a
	}
	return b
}
