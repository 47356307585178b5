// SPDX-License-Identifier: Apache-2.0

package netlab

import (
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// States of a bridge port, linux/if_bridge.h.
const (
	portDisabled   = 0
	portForwarding = 3
)

// setPortState changes what the bridge does with a port, as "bridge link set dev … state"
// does. A disabled port neither takes nor gives frames; its peer keeps the carrier.
// The caller's thread is in the bridge's namespace.
func setPortState(index int, state byte) error {
	request := nl.NewNetlinkRequest(unix.RTM_SETLINK, unix.NLM_F_ACK)
	message := nl.NewIfInfomsg(unix.AF_BRIDGE)
	message.Index = int32(index)
	request.AddData(message)
	port := nl.NewRtAttr(unix.IFLA_PROTINFO|unix.NLA_F_NESTED, nil)
	port.AddRtAttr(nl.IFLA_BRPORT_STATE, []byte{state})
	request.AddData(port)
	_, err := request.Execute(unix.NETLINK_ROUTE, 0)
	return err
}

// setQuerier makes a bridge send membership queries. The caller's thread is in
// its namespace.
func setQuerier(index int) error {
	// The bridge relies on its own queries once answers must have come: a second
	// instead of the usual ten, and a second instead of 31 between the first two.
	// The kernel looks at these when the querier is turned on.
	const second = 100 // USER_HZ
	if err := setBridge(index, func(data *nl.RtAttr) {
		data.AddRtAttr(nl.IFLA_BR_MCAST_QUERY_RESPONSE_INTVL, nl.Uint64Attr(second))
		data.AddRtAttr(nl.IFLA_BR_MCAST_STARTUP_QUERY_INTVL, nl.Uint64Attr(second))
	}); err != nil {
		return err
	}
	return setBridge(index, func(data *nl.RtAttr) { data.AddRtAttr(nl.IFLA_BR_MCAST_QUERIER, []byte{1}) })
}

// setBridge changes options of a bridge.
func setBridge(index int, options func(data *nl.RtAttr)) error {
	request := nl.NewNetlinkRequest(unix.RTM_NEWLINK, unix.NLM_F_ACK)
	message := nl.NewIfInfomsg(unix.AF_UNSPEC)
	message.Index = int32(index)
	request.AddData(message)
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated("bridge"))
	options(info.AddRtAttr(nl.IFLA_INFO_DATA, nil))
	request.AddData(info)
	_, err := request.Execute(unix.NETLINK_ROUTE, 0)
	return err
}
