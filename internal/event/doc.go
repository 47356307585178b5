// SPDX-License-Identifier: Apache-2.0

// Package event is the catalogue of what Regent reports, and the way of a report to its readers: every transition,
// decision and fault is one log record with a fixed id, a fixed name and a fixed meaning.
//
// An id never changes its meaning and is never used again; a test holds the table against a committed copy. Scripts
// and alert rules may rely on the attributes event, name and alert of a record:
//
//	time=… level=INFO msg="orders is active: no advert from the active node" event=RG1101 name=active alert=false service=orders …
//
// A record with alert=true asks for a person. Its way:
//
//	Reporter ─▶ slog.Logger ─▶ Sinks ─▶ Queue ─▶ text, JSON or Journal
//	                             ├────▶ exec     ┐
//	                             ├────▶ webhook  ├ alerts only, a queue and a goroutine each
//	                             └────▶ smtp     ┘
//
// None of the handlers waits for anybody. [Queue] stands before the log, so that a slow one delays no packet; [Sinks]
// stands before it, so that alerts leave even when the log hangs. They are closed in that order: the sinks, which
// report what they could not deliver ([AlertLost], which is no alert), then the queue, which writes it.
//
// [Journal] speaks the journal's own protocol, with a field for each attribute and a MESSAGE_ID for each event
// ([ID.MessageID]). docs/events.md describes all of it for operators; its tables are made from the catalogue.
package event
