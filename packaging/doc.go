// SPDX-License-Identifier: Apache-2.0

// Package packaging holds what Regent is installed and watched with; it has no code but its tests.
//
//	systemd/    regent.service, drop-ins for what needs more rights, sysusers, tmpfiles, keepalived.service
//	deb/        make deb: the packages regent and regent-keepalived
//	container/  Containerfile
//	ansible/    an example
//	alerts/     rules for Prometheus, Loki, rsyslog and the journal, made from the catalogue of events
//	grafana/    a dashboard
//	sbom/       make sbom: what the binary consists of, and the licences of its parts
//
// The tests hold all of it against the program: units against systemd's own judgement, packages against dpkg, names of metrics and
// events against the tables that the daemon uses.
package packaging
