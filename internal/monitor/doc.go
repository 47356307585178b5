// SPDX-License-Identifier: Apache-2.0

// Package monitor finds out whether services are alive on this node, and how busy the node is.
//
// A [Monitor] runs the checks of each service in goroutines of its own, at jittered intervals, a bounded number at once,
// and never two runs of the same check: one that hangs delays nobody else. It tells of what changed: the first verdict of
// a check, then every turn after as many results in a row as its rise or fall says, and every new value of a file. A reader
// that is slow gets the newest result of each check and holds nothing up.
//
// Kinds of check:
//
//	tcp        a connection to host:port is accepted
//	http       a URL answers with the wanted status, and a body that matches; redirects are answers, not followed
//	exec       a command ends with code 0; the last line that it prints is the detail
//	process    a process of this name runs
//	unit       a systemd unit is active
//	file       a file holds a number, which is the value
//	interface  a network interface is up and has a carrier
//	readable   a user may read a file
//	number     a file holds an integer, as keepalived's track_file has it
//
// # At once
//
// Some things need not be asked for, as the kernel tells of them; the interval is then what finds the rest. Processes that begin
// and end are told by the process connector (CN_PROC), which needs CAP_NET_ADMIN and is there in the first network and pid namespace alone:
// elsewhere /proc is looked through at each interval, and that is logged once. Where it is, /proc is looked through from time to time, and
// after events were lost. Files that are made, written, replaced and deleted are told by inotify on their directories, or on the nearest
// ones above that there are.
//
// Details are sentences that name place and reason: "connect 127.0.0.1:5432: connection refused".
package monitor
