// SPDX-License-Identifier: Apache-2.0

// Package tablewatch tells when somebody else changes a table of nftables: firewalls are reloaded with a flush of all rules, which takes
// the tables of others with it.
//
//	w, err := tablewatch.Watch(tablewatch.Table{Family: unix.NFPROTO_INET, Name: "regent"}, port, func(w *tablewatch.Watcher) {
//		restore()
//	})
//	err = w.Close()
//
// What is told is a hint: who hears it looks for himself. Two that fight over a table must not take the machine with them, so a restorer
// takes a rest now and then: see [Watcher.Pause].
package tablewatch
