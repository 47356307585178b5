// SPDX-License-Identifier: Apache-2.0

// Package metrics shows the snapshot of package status to Prometheus.
//
//	mux.Handle("GET /metrics", metrics.Handler(log, daemon.Snapshot, compat))
//
// Nothing is counted here: each scrape takes one snapshot, so the figures of a page are of one instant. States are gauges of 0
// and 1 with the state as a label, one for each state that there is, so that a series never appears or vanishes with a
// transition. docs/metrics.md is made from the table in families.go.
//
// With compat, the names of keepalived-exporter are served too, with its numbers for states (0 INIT, 1 BACKUP, 2 MASTER, 3
// FAULT), so that dashboards and rules made for it live on.
package metrics
