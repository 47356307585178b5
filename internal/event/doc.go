// SPDX-License-Identifier: Apache-2.0

// Package event is the catalogue of what Regent reports: every transition, decision and fault is one log record with
// a fixed id, a fixed name and a fixed meaning.
//
// An id never changes its meaning and is never used again; a test holds the table against a committed copy. Scripts
// and alert rules may rely on the attributes event, name and alert of a record:
//
//	time=… level=INFO msg="orders is active: no advert from the active node" event=RG1101 name=active alert=false service=orders …
//
// A record with alert=true asks for a person.
package event
