// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/regent-ha/regent/internal/status"
)

// Family is a metric: its name, what it says, and how it is read from a snapshot.
type Family struct {
	Name   string
	Help   string
	Labels []string
	Type   prometheus.ValueType
	read   func(s *status.Snapshot, emit func(value float64, labels ...string))
}

// Histogram is a metric that counts by how much.
type Histogram struct {
	Name string
	Help string
	read func(s *status.Snapshot) status.Lateness
}

// Histograms are all histograms of Regent's own.
func Histograms() []Histogram {
	return []Histogram{{"regent_advert_lateness_seconds", "How late the loop acted on the deadlines of adverts, and of waiting for them.",
		func(s *status.Snapshot) status.Lateness { return s.Global.Lateness }}}
}

// router are the labels of a virtual router.
var router = []string{"service", "family", "interface", "vrid"}

func labels(v *status.Service, more ...string) []string {
	return append([]string{v.Name, v.Family, v.Interface, strconv.Itoa(v.VirtualRouterID)}, more...)
}

func bit(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// each makes a family with one figure a virtual router.
func each(name, help string, kind prometheus.ValueType, figure func(v *status.Service) float64) Family {
	return Family{name, help, router, kind, func(s *status.Snapshot, emit func(float64, ...string)) {
		for i := range s.Services {
			emit(figure(&s.Services[i]), labels(&s.Services[i])...)
		}
	}}
}

// oneOf makes a family of 0 and 1 with a label that has one of some values.
func oneOf(name, help, label string, values []string, is func(v *status.Service) string) Family {
	return Family{name, help, append(append([]string{}, router...), label), prometheus.GaugeValue, func(s *status.Snapshot, emit func(float64, ...string)) {
		for i := range s.Services {
			v := &s.Services[i]
			for _, value := range values {
				emit(bit(is(v) == value), labels(v, value)...)
			}
		}
	}}
}

// kinds makes a family of counters that differ by a label.
func kinds(name, help, label string, values func(v *status.Service) map[string]uint64) Family {
	return Family{name, help, append(append([]string{}, router...), label), prometheus.CounterValue, func(s *status.Snapshot, emit func(float64, ...string)) {
		for i := range s.Services {
			v := &s.Services[i]
			for value, n := range values(v) {
				emit(float64(n), labels(v, value)...)
			}
		}
	}}
}

// nodes makes a family with one figure a node.
func nodes(name, help string, figure func(n *status.Node) float64) Family {
	return Family{name, help, []string{"node"}, prometheus.GaugeValue, func(s *status.Snapshot, emit func(float64, ...string)) {
		for i := range s.Nodes {
			emit(figure(&s.Nodes[i]), s.Nodes[i].Name)
		}
	}}
}

func sessions(name, help string, kind prometheus.ValueType, figure func(v *status.Session) float64) Family {
	return Family{name, help, []string{"session"}, kind, func(s *status.Snapshot, emit func(float64, ...string)) {
		for i := range s.Sessions {
			emit(figure(&s.Sessions[i]), s.Sessions[i].Path)
		}
	}}
}

// Families are all metrics of Regent's own, sorted by name.
func Families() []Family {
	const gauge, counter = prometheus.GaugeValue, prometheus.CounterValue
	all := []Family{
		each("regent_adverts_received_total", "Adverts that were received and accepted.", counter, func(v *status.Service) float64 { return float64(v.Counters.AdvertisementRcvd) }),
		each("regent_adverts_sent_total", "Adverts that were sent.", counter, func(v *status.Service) float64 { return float64(v.Counters.AdvertisementSent) }),
		kinds("regent_adverts_refused_total", "Adverts that were discarded or odd, by what was wrong with them (RFC 8347).", "reason", func(v *status.Service) map[string]uint64 {
			c := &v.Counters
			return map[string]uint64{
				"interval": c.IntervalErrors, "type": c.InvalidTypePktsRcvd, "addresses": c.AddressListErrors, "length": c.PacketLengthErrors,
				"authentication": c.AuthenticationErrors, "source": c.SourceErrors, "destination": c.DestinationErrors,
			}
		}),
		kinds("regent_clients_answered_total", "What clients of the service's addresses got instead of the service.", "answer", func(v *status.Service) map[string]uint64 {
			return map[string]uint64{"reset": v.Answered.Resets, "unreachable": v.Answered.Unreachables, "words": v.Answered.Answers, "tickle": v.Answered.Tickles}
		}),
		sessions("regent_bfd_detection_seconds", "How long a silence of the neighbor ends a session of bidirectional forwarding detection; 0 while it is not heard.", gauge, func(v *status.Session) float64 { return v.DetectionTime }),
		sessions("regent_bfd_downs_total", "How often a session of bidirectional forwarding detection went down.", counter, func(v *status.Session) float64 { return float64(v.Downs) }),
		sessions("regent_bfd_received_total", "Packets of a session of bidirectional forwarding detection that were received and taken.", counter, func(v *status.Session) float64 { return float64(v.Received) }),
		sessions("regent_bfd_sent_total", "Packets of a session of bidirectional forwarding detection that were sent.", counter, func(v *status.Session) float64 { return float64(v.Sent) }),
		sessions("regent_bfd_up", "Whether a session of bidirectional forwarding detection is up (1) or not (0).", gauge, func(v *status.Session) float64 { return bit(v.State == "up") }),
		{"regent_check_ok", "Whether a check passes (1) or fails (0).", []string{"service", "check"}, gauge, func(s *status.Snapshot, emit func(float64, ...string)) {
			seen := map[[2]string]bool{} // both families of a service have the same checks
			for i := range s.Services {
				for _, c := range s.Services[i].Checks {
					if key := [2]string{s.Services[i].Name, c.Name}; !seen[key] {
						seen[key] = true
						emit(bit(c.OK), key[0], key[1])
					}
				}
			}
		}},
		oneOf("regent_duty", "What this node does with the address: 1 for the duty that it has.", "duty", []string{"none", "refuse", "serve"}, func(v *status.Service) string { return v.Duty }),
		each("regent_effective_priority", "The priority that is in force.", gauge, func(v *status.Service) float64 { return float64(v.EffectivePriority) }),
		{"regent_host_adverts_refused_total", "Packets that could not be given to any virtual router (RFC 8347), and those that were lost before.", []string{"reason"}, counter, func(s *status.Snapshot, emit func(float64, ...string)) {
			g := &s.Global
			for reason, n := range map[string]uint64{"checksum": g.ChecksumErrors, "version": g.VersionErrors, "vrid": g.VRIDErrors, "ttl": g.TTLErrors, "length": g.LengthErrors, "lost": g.KernelDrops} {
				emit(float64(n), reason)
			}
		}},
		{"regent_host_send_errors_total", "Adverts that the kernel did not take.", nil, counter, func(s *status.Snapshot, emit func(float64, ...string)) { emit(float64(s.Global.SendErrors)) }},
		nodes("regent_node_alive", "Whether a node is heard over the cluster channel.", func(n *status.Node) float64 { return bit(n.Alive) }),
		nodes("regent_node_capacity", "The capacity that a node has by the file; 0 is no limit.", func(n *status.Node) float64 { return float64(n.Capacity) }),
		nodes("regent_node_drained", "Whether a node is drained or in maintenance.", func(n *status.Node) float64 { return bit(n.Drained) }),
		nodes("regent_node_load", "The load that a node tells of itself.", func(n *status.Node) float64 { return n.Load }),
		nodes("regent_node_overloaded", "Whether a node says that it is overloaded.", func(n *status.Node) float64 { return bit(n.Overloaded) }),
		nodes("regent_node_services", "How many services a node performs.", func(n *status.Node) float64 { return float64(len(n.Performs)) }),
		each("regent_priority", "The priority by policy, or by hand.", gauge, func(v *status.Service) float64 { return float64(v.Priority) }),
		{"regent_service_protected", "Whether another node could take the service over if its performer died. Services with a priority by hand have none.", []string{"service"}, gauge, func(s *status.Snapshot, emit func(float64, ...string)) {
			seen := map[string]bool{}
			for i := range s.Services {
				if v := &s.Services[i]; v.Phase != "" && !seen[v.Name] {
					seen[v.Name] = true
					emit(bit(v.Protected && v.ForbiddenBy == ""), v.Name)
				}
			}
		}},
		{"regent_start_time_seconds", "When the daemon started, since the epoch.", []string{"node"}, gauge, func(s *status.Snapshot, emit func(float64, ...string)) {
			emit(float64(s.Started.UnixMilli())/1000, s.Node)
		}},
		oneOf("regent_state", "The state of a virtual router: 1 for the one that it is in.", "state", []string{"initialize", "backup", "active"}, func(v *status.Service) string { return v.State }),
		each("regent_state_since_seconds", "When the state began, since the epoch.", gauge, func(v *status.Service) float64 {
			if v.Since.IsZero() {
				return 0
			}
			return float64(v.Since.UnixMilli()) / 1000
		}),
		each("regent_transitions_to_active_total", "How often the virtual router became Active.", counter, func(v *status.Service) float64 { return float64(v.Counters.MasterTransitions) }),
	}
	slices.SortFunc(all, func(a, b Family) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// compat are the metrics of keepalived-exporter that a snapshot can fill.
func compat() []Family {
	const gauge, counter = prometheus.GaugeValue, prometheus.CounterValue
	names := []string{"iname", "intf", "vrid"}
	of := func(v *status.Service) []string {
		return []string{v.Name, v.Interface, strconv.Itoa(v.VirtualRouterID)}
	}
	count := func(name, help string, figure func(c *status.Counters) uint64) Family {
		return Family{name, help, names, counter, func(s *status.Snapshot, emit func(float64, ...string)) {
			for i := range s.Services {
				if v := &s.Services[i]; first(s, i) {
					emit(float64(figure(&v.Counters)), of(v)...)
				}
			}
		}}
	}
	return []Family{
		count("keepalived_address_list_errors_total", "Address list errors.", func(c *status.Counters) uint64 { return c.AddressListErrors }),
		count("keepalived_advertisements_interval_errors_total", "Advertisement interval errors.", func(c *status.Counters) uint64 { return c.IntervalErrors }),
		count("keepalived_advertisements_received_total", "Advertisements received.", func(c *status.Counters) uint64 { return c.AdvertisementRcvd }),
		count("keepalived_advertisements_sent_total", "Advertisements sent.", func(c *status.Counters) uint64 { return c.AdvertisementSent }),
		count("keepalived_become_master_total", "Times that it became master.", func(c *status.Counters) uint64 { return c.MasterTransitions }),
		count("keepalived_invalid_type_received_total", "Packets of an invalid type.", func(c *status.Counters) uint64 { return c.InvalidTypePktsRcvd }),
		count("keepalived_packet_length_errors_total", "Packets of a wrong length.", func(c *status.Counters) uint64 { return c.PacketLengthErrors }),
		count("keepalived_priority_zero_received_total", "Packets with priority 0 received.", func(c *status.Counters) uint64 { return c.PriorityZeroPktsRcvd }),
		count("keepalived_priority_zero_sent_total", "Packets with priority 0 sent.", func(c *status.Counters) uint64 { return c.PriorityZeroPktsSent }),
		{"keepalived_up", "Whether the daemon answers.", nil, gauge, func(_ *status.Snapshot, emit func(float64, ...string)) { emit(1) }},
		{"keepalived_vrrp_state", "State of an address: 0 INIT, 1 BACKUP, 2 MASTER, 3 FAULT.", append(names, "ip_address"), gauge, func(s *status.Snapshot, emit func(float64, ...string)) {
			for i := range s.Services {
				v := &s.Services[i]
				state := map[string]float64{"initialize": 3, "backup": 1, "active": 2}[v.State]
				for _, a := range v.Addresses {
					emit(state, append(of(v), a)...)
				}
			}
		}},
	}
}

// first says whether a virtual router is the first of its service: the exporter's labels have no family.
func first(s *status.Snapshot, i int) bool {
	for j := range i {
		if s.Services[j].Name == s.Services[i].Name {
			return false
		}
	}
	return true
}
