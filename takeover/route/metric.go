// SPDX-License-Identifier: Apache-2.0

package route

import "strconv"

// Kind is the kernel's number of a [Metric] (RTAX_*).
type Kind uint16

// The metrics. The times are in milliseconds times 8 (RTT), times 4 (RTTVar), and times 1 (RTOMin).
const (
	MTU              Kind = 2
	Window           Kind = 3
	RTT              Kind = 4
	RTTVar           Kind = 5
	SSThresh         Kind = 6
	CWnd             Kind = 7
	AdvMSS           Kind = 8
	Reordering       Kind = 9
	HopLimit         Kind = 10
	InitCWnd         Kind = 11
	Features         Kind = 12 // a set of bits
	RTOMin           Kind = 13 // always locked: otherwise the kernel does not heed it
	InitRWnd         Kind = 14
	QuickAck         Kind = 15
	Congestion       Kind = 16 // congctl, a text
	FastOpenNoCookie Kind = 17
)

var kindNames = [...]string{"", "", "mtu", "window", "rtt", "rttvar", "ssthresh", "cwnd", "advmss", "reordering", "hoplimit",
	"initcwnd", "features", "rto_min", "initrwnd", "quickack", "congctl", "fastopen_no_cookie"}

// String returns the word of ip(8).
func (k Kind) String() string {
	if k >= MTU && int(k) < len(kindNames) {
		return kindNames[k]
	}
	return strconv.Itoa(int(k))
}

// kindOf finds a metric by its word; 0 if it is none.
func kindOf(word string) Kind {
	for k := MTU; int(k) < len(kindNames); k++ {
		if kindNames[k] == word {
			return k
		}
	}
	return 0
}

// unit is how many of the kernel's units are a millisecond; 0 for what is no time.
func (k Kind) unit() uint32 {
	switch k {
	case RTT:
		return 8
	case RTTVar:
		return 4
	case RTOMin:
		return 1
	}
	return 0
}

// most is the greatest value of a metric.
func (k Kind) most() uint64 {
	switch k {
	case HopLimit:
		return 255
	case QuickAck, FastOpenNoCookie:
		return 1
	}
	return 1<<32 - 1
}

// feature is a bit of [Features].
type feature struct {
	name string
	bit  uint32
}

func features() []feature { return []feature{{"ecn", 1}, {"tcp_usec_ts", 1 << 4}} }
