// SPDX-License-Identifier: Apache-2.0

// Package status is one snapshot of a running daemon and the faces it is shown by: the JSON document that scripts
// read, and the table that people read.
//
// The daemon fills a [Snapshot]; nothing here asks the kernel or a clock.
package status
