// SPDX-License-Identifier: Apache-2.0

// Package manual makes manual pages: one for each command from its own help, and one for the configuration from its reference.
//
//	pages := manual.Commands(root, manual.Edition{Version: "1.2.0", Date: "2026-03-01"})
//	file, err := manual.Reference("regent.toml", conf.Reference, edition)
//
// The pages are in the macros of man(7), which every reader of manual pages knows.
package manual
