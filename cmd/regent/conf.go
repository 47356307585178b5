// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"

	"github.com/regent-ha/regent/conf"
	"github.com/regent-ha/regent/responder/answer"
	"github.com/regent-ha/regent/takeover"
	"github.com/regent-ha/regent/takeover/route"
)

// confOptions are how configurations are read here: what package conf cannot judge, the packages judge that will run it.
func confOptions(node string) conf.Options {
	return conf.Options{Node: node, Template: answer.CheckTemplate, Alerts: checkAlerts, Address: checkAddress, Route: checkRoute, Rule: checkRule}
}

// checkAddress judges an address with its options.
func checkAddress(line string) error {
	_, err := takeover.ParseAddress(line, "")
	return err
}

// checkRoute judges a route; dev is its interface if it names none.
func checkRoute(line, dev string) error {
	_, err := route.Options{Files: os.DirFS("/"), Dev: dev}.Parse(line)
	return err
}

// checkRule judges a policy rule.
func checkRule(line string) error {
	_, err := route.Options{Files: os.DirFS("/")}.ParseRule(line)
	return err
}
