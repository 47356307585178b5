// SPDX-License-Identifier: Apache-2.0

// Package demo shows Regent's main job on this machine, with real processes and real packets in network namespaces:
// three nodes that run `regent run`, each with a TCP service on the wildcard address, and a client that knows two
// addresses.
//
//	client 10.77.0.50        db1 10.77.0.11     db2 10.77.0.12     db3 10.77.0.13
//	   |                        |                  |                  |
//	---+------------------------+------------------+------------------+---
//	                         owns .101          owns .102
//
// db1 is lost in three ways: cut off the network, its working process killed, and stopped as planned. Each time the
// steps of [StepNames] have to be observed: on the wire, by the client's own attempts, and by a connection that the
// client holds without sending. The demo fails if one of them is not.
package demo
