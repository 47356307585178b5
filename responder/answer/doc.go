// SPDX-License-Identifier: Apache-2.0

// Package answer says "not here, not now" in the words of a protocol. It is pure: bytes of a client in, bytes for it
// out. Who listens, and with which limits, is package responder.
package answer
