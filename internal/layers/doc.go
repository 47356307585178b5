// SPDX-License-Identifier: Apache-2.0

// Package layers holds the direction of imports: they point down only, and siblings do not meet.
//
//	cmd → internal/daemon → {vrrp, vrrp/transport, takeover, policy, responder, conf, internal/…}
//
// Its test reads the imports of every package and names each that breaks a rule.
package layers
