// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/responder/answer"
	"github.com/regent-ha/regent/takeover"
)

// confOptions are how configurations are read here: what package conf cannot judge, the packages judge that will run it.
func confOptions(node string) conf.Options {
	return conf.Options{Node: node, Template: answer.CheckTemplate, Alerts: checkAlerts, Lacking: notYet, Address: checkAddress}
}

// notYet are keys that are read, and converted from keepalived.conf, but that the daemon cannot do in this version.
var notYet = []string{
	"vmac", "accept", "ttl", "multicast_group", "unicast_checksum", "hmac", "use_vmac", "routes", "rules",
	"static_addresses", "static_routes", "static_rules", "garp",
}

// checkAddress judges an address with its options.
func checkAddress(line string) error {
	_, err := takeover.ParseAddress(line, "")
	return err
}
