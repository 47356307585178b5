// SPDX-License-Identifier: Apache-2.0

// Package alerts makes rules that call a person, for what watches the metrics and the log. The rules for the log come from the
// catalogue of events, those for Prometheus are about metrics and quote it:
//
//	prometheus.rules.yml   Prometheus, from the metrics; prometheus.test.yml holds what promtool proves of them
//	loki.rules.yml         Loki's ruler: records as text, as JSON, and as the journal's fields
//	rsyslog.conf           rsyslog: a file of alerts with their meaning
//	journald.matches       arguments for journalctl
//	regent.catalog         texts for journalctl -x
//
// All but the first's test are written by
//
//	go run ./packaging/alerts/gen
//
// and a test fails when they are stale.
package alerts
