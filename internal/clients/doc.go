// SPDX-License-Identifier: Apache-2.0

// Package clients finds out what clients do when the address that they know first answers with an error: a client of each
// protocol, as its users have it, meets an inherited address, once with a reset (the default answer) and once with words
// of its protocol, and knows a second address at which it is served. "make clients" runs all of them and writes the table
// docs/clients.md; the common ones run with the tests.
//
// Clients in Go are a module of its own, in the folder goclients.
package clients
