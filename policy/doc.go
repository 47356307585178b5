// SPDX-License-Identifier: Apache-2.0

// Package policy decides who may perform a service, who must not, and what follows from that.
package policy
