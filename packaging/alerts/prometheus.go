// SPDX-License-Identifier: Apache-2.0

package alerts

import (
	"fmt"
	"slices"
	"strings"

	"github.com/regent-ha/regent/internal/event"
)

// Rule is an alert rule about metrics.
type Rule struct {
	Name     string
	Expr     string
	For      string // how long it must hold
	Severity string // critical: now; warning: today
	Summary  string // one sentence, with Prometheus's templates
	Meaning  string // what to do; empty: that of the first event
	Events   []event.ID
}

// Rules returns the rules for Prometheus. Where a rule is about a service, it is about the whole cluster.
func Rules() []Rule {
	return []Rule{
		{"RegentDown", `up{job="regent"} == 0`, "30s", "critical", "Regent on {{ $labels.instance }} does not answer.",
			"The daemon does not run, or its status listener is not reached. Its addresses are with another node, if there is one: see RegentNobodyActive.", nil},
		{"RegentNobodyActive", `sum by (service, family) (regent_state{state="active"}) == 0`, "10s", "critical", "Nobody answers for {{ $labels.service }} ({{ $labels.family }}).",
			"No node that is scraped is active: clients get no answer at all. Look at regent status on the nodes; regent doctor says what stands in the way.", nil},
		{"RegentTwoActive", `sum by (service, family) (regent_state{state="active"}) > 1`, "30s", "critical", "{{ $value }} nodes answer for {{ $labels.service }} ({{ $labels.family }}).",
			"The nodes do not hear each other's adverts: protocol 112 is filtered, multicast is not forwarded, or the network is split.", []event.ID{event.SplitHealed}},
		{"RegentServiceRefused", `max by (service) (max_over_time(regent_duty{duty="serve"}[1h])) == 1 unless on (service) max by (service) (regent_duty{duty="serve"}) == 1`, "30s", "critical",
			"{{ $labels.service }} was served within the last hour, and is not now: clients are refused.", "", []event.ID{event.NoCandidate, event.StartFailed, event.LeaseDenied}},
		{"RegentServiceUnprotected", `min by (service) (regent_service_protected) == 0`, "1m", "warning", "No other node has room for {{ $labels.service }}.", "", []event.ID{event.Unprotected}},
		{"RegentInterfaceDown", `max by (instance, service, interface) (regent_state{state="initialize"}) == 1`, "1m", "warning",
			"{{ $labels.service }} does not take part on {{ $labels.instance }}: interface {{ $labels.interface }}.", "", []event.ID{event.LinkLost, event.Initialize}},
		{"RegentCheckFails", `min by (instance, service, check) (regent_check_ok) == 0`, "1m", "warning", "Check {{ $labels.check }} of {{ $labels.service }} fails on {{ $labels.instance }}.", "", []event.ID{event.CheckFailed}},
		{"RegentFlapping", `sum by (service, family) (increase(regent_transitions_to_active_total[15m])) > 4`, "0s", "warning", "{{ $labels.service }} moved {{ $value | humanize }} times in 15 minutes.",
			"A node that comes and goes takes its service along each time: failback_delay, preempt_delay or fall of its checks are too short, or its network is broken.", []event.ID{event.Active}},
		{"RegentRestarting", `changes(regent_start_time_seconds[15m]) > 2`, "0s", "warning", "Regent on {{ $labels.instance }} was started {{ $value }} times in 15 minutes.", "", []event.ID{event.WorkerDied}},
		{"RegentSendErrors", `increase(regent_host_send_errors_total[5m]) > 0`, "1m", "warning", "{{ $labels.instance }} cannot send adverts.", "", []event.ID{event.SendFailed}},
		{"RegentAdvertsRefused", `sum by (instance, service, reason) (rate(regent_adverts_refused_total[5m])) > 0`, "5m", "warning",
			"{{ $labels.instance }} discards adverts for {{ $labels.service }}: {{ $labels.reason }}.", "", []event.ID{event.AdvertDiscarded}},
		// Numbers of virtual routers that belong to others on the segment are ordinary.
		{"RegentPacketsRefused", `sum by (instance, reason) (rate(regent_host_adverts_refused_total{reason!="vrid"}[5m])) > 0`, "5m", "warning",
			"{{ $labels.instance }} discards VRRP packets: {{ $labels.reason }}.", "", []event.ID{event.AdvertDiscarded}},
		{"RegentNodeDead", `count by (node) (regent_node_alive == 0) > 0`, "30s", "warning", "{{ $value }} nodes do not hear {{ $labels.node }} over the cluster channel.", "", []event.ID{event.NodeDead}},
		{"RegentNodeOverloaded", `max by (node) (regent_node_overloaded) == 1`, "15m", "warning", "{{ $labels.node }} has been overloaded for 15 minutes.", "", []event.ID{event.Overloaded}},
		{"RegentNodeDrained", `max by (node) (regent_node_drained) == 1`, "1d", "warning", "{{ $labels.node }} has been drained for a day.",
			"It takes no service over. If the work on it is done: regent undrain, or maintenance = false.", []event.ID{event.Drained}},
	}
}

// Prometheus returns a file of rules for Prometheus.
func Prometheus() string {
	rules := Rules()
	var unseen []string
	for _, e := range grave() {
		if !slices.ContainsFunc(rules, func(r Rule) bool { return slices.Contains(r.Events, e.ID) }) {
			unseen = append(unseen, e.ID.String()+" "+e.Name)
		}
	}
	var b strings.Builder
	b.WriteString(heading("Alert rules for Prometheus, about the nodes of one cluster, which are scraped as job \"regent\".",
		"Metrics do not tell all that the log does. These alerts reach you from the log only:"))
	for _, u := range unseen {
		b.WriteString("#   " + u + "\n")
	}
	b.WriteString("groups:\n  - name: regent\n    rules:\n")
	for _, r := range rules {
		meaning := r.Meaning
		var ids []string
		for _, id := range r.Events {
			ids = append(ids, id.String())
			if meaning == "" {
				meaning = id.Info().Meaning
			}
		}
		fmt.Fprintf(&b, "      - alert: %s\n        expr: %s\n        for: %s\n        labels:\n          severity: %s\n        annotations:\n          summary: %s\n          description: %s\n",
			r.Name, quote(r.Expr), r.For, r.Severity, quote(r.Summary), quote(meaning))
		if len(ids) > 0 {
			fmt.Fprintf(&b, "          events: %s\n", quote(strings.Join(ids, " ")))
		}
	}
	return b.String()
}
