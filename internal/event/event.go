// SPDX-License-Identifier: Apache-2.0

package event

import (
	"context"
	"fmt"
	"log/slog"
)

// ID is the number of an event; it is written RG1101.
type ID uint16

// The catalogue. 10xx the daemon, 11xx elections, 12xx addresses, 13xx policy, 14xx refusing, 15xx links,
// 16xx adverts, 17xx supervision.
const (
	Started         ID = 1001
	Stopped         ID = 1002
	Reloaded        ID = 1003
	ReloadRefused   ID = 1004
	Stopping        ID = 1005
	Active          ID = 1101
	Backup          ID = 1102
	Initialize      ID = 1103
	SplitHealed     ID = 1104
	HandedOver      ID = 1105
	AddressRestored ID = 1201
	AddressFailed   ID = 1202
	LeftoverRemoved ID = 1203
	AddressYielded  ID = 1204
	RefusalRestored ID = 1401
	WildcardFound   ID = 1402
	WildcardGone    ID = 1403
	RefusalFailed   ID = 1404
	RefusalKernel   ID = 1405
	LinkLost        ID = 1501
	LinkReady       ID = 1502
	SendFailed      ID = 1503
	SendRecovered   ID = 1504
	AdvertDiscarded ID = 1601
	WorkerDied      ID = 1701
	AfterCrash      ID = 1702
)

// Info is what the catalogue says of an event.
type Info struct {
	ID      ID
	Name    string
	Level   slog.Level
	Alert   bool
	Meaning string // for the documentation: what happened and what to do
}

// Catalogue returns all events in the order of their ids.
func Catalogue() []Info {
	return []Info{
		{Started, "started", slog.LevelInfo, false, "The daemon reads packets and takes part in elections."},
		{Stopped, "stopped", slog.LevelInfo, false, "The daemon gave all addresses back and ends."},
		{Reloaded, "reloaded", slog.LevelInfo, false, "A new configuration is in force."},
		{ReloadRefused, "reload_refused", slog.LevelError, true, "The new configuration has errors; the old one stays in force. Correct it and reload again."},
		{Stopping, "stopping", slog.LevelInfo, false, "A planned stop began: addresses are released and answered for until an heir is heard."},
		{Active, "active", slog.LevelWarn, false, "This node answers for the service's address now; reason says why."},
		{Backup, "backup", slog.LevelInfo, false, "Another node answers for the address, or may; this one stands by."},
		{Initialize, "initialize", slog.LevelWarn, false, "The virtual router does not take part: its interface is down, has no address, or it was stopped."},
		{SplitHealed, "split_healed", slog.LevelWarn, false, "A second active node was heard and lost the election; the addresses were announced again."},
		{HandedOver, "handed_over", slog.LevelInfo, false, "After a planned release another node was heard, or nobody for an Active_Down_Interval; the address was removed."},
		{AddressRestored, "address_restored", slog.LevelWarn, false, "Somebody removed a virtual address from the interface; it was put back."},
		{AddressFailed, "address_failed", slog.LevelError, true, "The kernel refused a virtual address; the record holds its words."},
		{LeftoverRemoved, "leftover_removed", slog.LevelWarn, false, "An address that an earlier run had left behind was removed at start-up."},
		{AddressYielded, "address_yielded", slog.LevelWarn, false, "An address vanished while the daemon had slept; the node stepped back to Backup."},
		{RefusalRestored, "refusal_restored", slog.LevelWarn, false, "Somebody removed the nftables table that refuses; it was restored at once."},
		{WildcardFound, "wildcard_listener", slog.LevelError, true, "Without nftables a process that listens on every address would answer in place of a refused service. Bind it to its own address, or load nf_tables."},
		{WildcardGone, "wildcard_listener_gone", slog.LevelInfo, false, "The wildcard listener that was reported is gone."},
		{RefusalFailed, "refusal_failed", slog.LevelError, true, "The kernel did not take a change of the refusing rules; the record holds its words."},
		{RefusalKernel, "refusal_by_kernel", slog.LevelWarn, false, "nftables cannot be used; refused addresses rely on the kernel's own answers."},
		{LinkLost, "link_lost", slog.LevelWarn, false, "The interface is down, gone, or has no usable address; its virtual routers stop."},
		{LinkReady, "link_ready", slog.LevelInfo, false, "The interface can be used; its virtual routers start."},
		{SendFailed, "send_failed", slog.LevelError, true, "Adverts cannot be sent on an interface; the record holds the kernel's words."},
		{SendRecovered, "send_recovered", slog.LevelInfo, false, "Adverts leave again on the interface."},
		{AdvertDiscarded, "advert_discarded", slog.LevelWarn, false, "An advert was discarded or is odd; reported once a reason, the counters hold the rest."},
		{WorkerDied, "worker_died", slog.LevelError, true, "The working process died or hung; its last will was carried out and it is started again."},
		{AfterCrash, "after_crash", slog.LevelWarn, false, "The working process was started again after a crash; it pre-empts nobody for a minute."},
	}
}

// String returns the id as it is logged, RG1101.
func (id ID) String() string { return fmt.Sprintf("RG%04d", uint16(id)) }

// Info returns the catalogue's entry; an unknown id has a name that says so.
func (id ID) Info() Info {
	for _, e := range Catalogue() {
		if e.ID == id {
			return e
		}
	}
	return Info{ID: id, Name: "unknown", Level: slog.LevelError}
}

// Reporter writes events to a logger.
type Reporter struct {
	log   *slog.Logger
	known map[ID]Info
}

// NewReporter returns a Reporter; node is a field of every record.
func NewReporter(log *slog.Logger, node string) *Reporter {
	r := &Reporter{log: log.With("node", node), known: map[ID]Info{}}
	for _, e := range Catalogue() {
		r.known[e.ID] = e
	}
	return r
}

// Report writes one record: the sentence text, the event's fixed attributes, then fields as key-value pairs.
func (r *Reporter) Report(id ID, text string, fields ...any) {
	e, ok := r.known[id]
	if !ok {
		e = id.Info()
	}
	attrs := append([]any{"event", id.String(), "name", e.Name, "alert", e.Alert}, fields...)
	r.log.Log(context.Background(), e.Level, text, attrs...)
}
