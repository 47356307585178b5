// SPDX-License-Identifier: Apache-2.0

package differential

// fast is an instance with adverts each 100 ms.
const fast = `
global_defs {
 vrrp_version 3
 vrrp_garp_master_delay 0
}
vrrp_instance VI_1 {
 interface eth0
 virtual_router_id 51
 priority $P
 advert_int 0.1
 virtual_ipaddress {
  10.99.0.100/24
 }
 notify /run/bin/any
 notify_master "/run/bin/master VI_1"
 notify_backup "/run/bin/backup VI_1"
 notify_fault "/run/bin/fault VI_1"
 notify_stop "/run/bin/stop VI_1"
}
`

var recorders = []string{"any", "master", "backup", "fault", "stop"}

func cases() []Case {
	return []Case{{
		Name:  "start and stop",
		Nodes: []Node{{Conf: conf(fast, 1, 150), Programs: recorders}},
		Steps: []Step{
			{"start", Start("a"), Until{"a VI_1 MASTER", "a called any 2"}},
			{"stop", Stop("a"), Until{"a ended"}},
		},
	}}
}
