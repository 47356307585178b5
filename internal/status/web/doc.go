// SPDX-License-Identifier: Apache-2.0

// Package web shows the snapshot of package status, and the latest events, as a page for people.
//
//	mux.Handle("GET /{$}", web.Page(source))
//	mux.Handle("GET /live", web.Live(source))
//
// The page is whole without scripts: what it shows is of the moment in which it was asked for. With them it is kept up to date by
// server-sent events, each of which is the changed part of the page as HTML. It needs nothing from elsewhere, changes nothing, and
// escapes everything that comes from files and peers.
//
// The timeline draws what each service was on this node over the last quarter of an hour, from the events of its transitions.
package web
