// SPDX-License-Identifier: Apache-2.0

package flags

import (
	"fmt"
	"strconv"
	"strings"
)

// Signal numbers beside those that every system has: the real-time ones count from 34, and 64 is the last.
const (
	SignalReload     = 1
	SignalData       = 10
	SignalStats      = 12
	SignalStop       = 15
	SignalJSON       = 36
	SignalStatsClear = 63
)

// SignalNumber is the number of the signal that has keepalived do something: the answer of --signum.
func SignalNumber(function string) (int, bool) {
	n, ok := map[string]int{
		"STOP": SignalStop, "RELOAD": SignalReload, "DATA": SignalData, "STATS": SignalStats,
		"STATS_CLEAR": SignalStatsClear, "JSON": SignalJSON,
	}[function]
	return n, ok
}

// Facilities of syslog (RFC 5424 section 6.2.1).
const (
	userFacility   = 1
	daemonFacility = 3
	localFacility  = 16
)

func facility(o *Options, v string) {
	switch n := strings.TrimPrefix(v, "local"); {
	case v == "user":
		o.Facility = userFacility
	case v == "daemon":
		o.Facility = daemonFacility
	case len(n) == 1 && '0' <= n[0] && n[0] <= '7':
		o.Facility = localFacility + int(n[0]-'0')
	default:
		o.Warnings = append(o.Warnings, fmt.Sprintf("Invalid log facility '%s'", v))
	}
}

// umask reads a number as C writes it, or the names of mode bits as stat(2) has them, joined by |.
func umask(o *Options, v string) {
	mask, ok := parseUmask(v)
	if !ok {
		o.Warnings = append(o.Warnings, "Invalid --umask option "+v)
		return
	}
	o.Umask, o.UmaskSet = mask, true
}

func parseUmask(v string) (uint32, bool) {
	if v != "" && '0' <= v[0] && v[0] <= '9' {
		if strings.ContainsAny(v, "_bBoO") { // Go knows more ways to write a number than C
			return 0, false
		}
		n, err := strconv.ParseUint(v, 0, 32)
		return uint32(n), err == nil && n <= 0o777
	}
	var mask uint32
	for name := range strings.SplitSeq(v, "|") {
		bits, ok := modeBits(strings.TrimPrefix(strings.TrimSpace(name), "S_"))
		if !ok {
			return 0, false
		}
		mask |= bits
	}
	return mask, true
}

// modeBits knows IRUSR, IWGRP, IRWXO and their like.
func modeBits(name string) (uint32, bool) {
	verb, who := "", ""
	switch {
	case strings.HasPrefix(name, "IRWX"):
		verb, who = "RWX", name[4:]
	case len(name) == 5 && name[0] == 'I':
		verb, who = name[1:2], name[2:]
	}
	bits := map[string]uint32{"R": 4, "W": 2, "X": 1, "RWX": 7}[verb]
	long := verb != "RWX"
	switch {
	case bits == 0:
		return 0, false
	case who == "USR" && long, who == "U" && !long:
		return bits << 6, true
	case who == "GRP" && long, who == "G" && !long:
		return bits << 3, true
	case who == "OTH" && long, who == "O" && !long:
		return bits, true
	}
	return 0, false
}
