// SPDX-License-Identifier: Apache-2.0

// Package flow knows which connections a service has.
package flow
