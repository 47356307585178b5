// SPDX-License-Identifier: Apache-2.0

package event

import "log/slog"

// The catalogue. 10xx the daemon, 11xx elections, 12xx addresses, 13xx policy, 14xx refusing, 15xx links,
// 16xx adverts, 17xx supervision, 18xx the cluster channel, 19xx alerts.
const (
	Started         ID = 1001
	Stopped         ID = 1002
	Reloaded        ID = 1003
	ReloadRefused   ID = 1004
	Stopping        ID = 1005
	NotifyRefused   ID = 1006
	WindowFailed    ID = 1007
	Active          ID = 1101
	Backup          ID = 1102
	Initialize      ID = 1103
	SplitHealed     ID = 1104
	HandedOver      ID = 1105
	Priority        ID = 1106
	GroupMoved      ID = 1107
	AddressRestored ID = 1201
	AddressFailed   ID = 1202
	LeftoverRemoved ID = 1203
	AddressYielded  ID = 1204
	RouteRestored   ID = 1205
	RouteFailed     ID = 1206
	HoldingsChanged ID = 1207
	Unprotected     ID = 1301
	Protected       ID = 1302
	DutyChanged     ID = 1303
	StartFailed     ID = 1304
	StopFailed      ID = 1305
	NoCandidate     ID = 1306
	TermsChanged    ID = 1307
	Drained         ID = 1308
	Undrained       ID = 1309
	Overloaded      ID = 1310
	Relieved        ID = 1311
	Instructed      ID = 1312
	Declined        ID = 1313
	LeaseDenied     ID = 1314
	LeaseGranted    ID = 1315
	TakeoverHeld    ID = 1316
	CheckFailed     ID = 1317
	CheckPassed     ID = 1318
	Candidate       ID = 1319
	FailbackDue     ID = 1320
	CheckKept       ID = 1321
	RefusalRestored ID = 1401
	WildcardFound   ID = 1402
	WildcardGone    ID = 1403
	RefusalFailed   ID = 1404
	RefusalKernel   ID = 1405
	AnswersMissing  ID = 1406
	Tickled         ID = 1407
	FilterFailed    ID = 1408
	FilterRestored  ID = 1409
	LinkLost        ID = 1501
	LinkReady       ID = 1502
	SendFailed      ID = 1503
	SendRecovered   ID = 1504
	SessionDown     ID = 1505
	SessionUp       ID = 1506
	VirtualMAC      ID = 1507
	VMACRestored    ID = 1508
	AdvertDiscarded ID = 1601
	PreemptPending  ID = 1602
	ActiveReleases  ID = 1603
	WorkerDied      ID = 1701
	AfterCrash      ID = 1702
	NodeAlive       ID = 1801
	NodeDead        ID = 1802
	ConfigDiffers   ID = 1803
	ConfigAgrees    ID = 1804
	ChannelRefused  ID = 1805
	ChannelFailed   ID = 1806
	StateFailed     ID = 1807
	AlertLost       ID = 1901
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
		{NotifyRefused, "notify_refused", slog.LevelError, true, "A program or FIFO that should be told of changes of state is not; the record holds the reason, mostly who else could change the program."},
		{WindowFailed, "status_listener_failed", slog.LevelError, true, "Status and metrics cannot be served on the address that the file gives; the record holds the reason."},
		{Active, "active", slog.LevelWarn, false, "This node answers for the service's address now; reason says why."},
		{Backup, "backup", slog.LevelInfo, false, "Another node answers for the address, or may; this one stands by."},
		{Initialize, "initialize", slog.LevelWarn, false, "The virtual router does not take part: its interface is down, has no address, or it was stopped."},
		{SplitHealed, "split_healed", slog.LevelWarn, false, "A second active node was heard and lost the election; the addresses were announced again."},
		{HandedOver, "handed_over", slog.LevelInfo, false, "After a planned release another node was heard, or nobody for an Active_Down_Interval; the address was removed."},
		{Priority, "priority", slog.LevelInfo, false, "The priority of a service by hand changed, because of its checks; reason says which."},
		{GroupMoved, "sync_group", slog.LevelInfo, false, "All services of a sync group are in another state together."},
		{AddressRestored, "address_restored", slog.LevelWarn, false, "Somebody removed a virtual address from the interface; it was put back."},
		{AddressFailed, "address_failed", slog.LevelError, true, "The kernel refused a virtual address; the record holds its words."},
		{LeftoverRemoved, "leftover_removed", slog.LevelWarn, false, "An address, route or policy rule that an earlier run had left behind was removed at start-up."},
		{AddressYielded, "address_yielded", slog.LevelWarn, false, "An address vanished while the daemon had slept; the node stepped back to Backup."},
		{RouteRestored, "route_restored", slog.LevelWarn, false, "Somebody removed a route or policy rule of a service, or a static one; it was put back."},
		{RouteFailed, "route_failed", slog.LevelError, true, "The kernel refused a route or policy rule; the record holds its words. It is tried again when an interface changes. The service goes on without it."},
		{HoldingsChanged, "holdings_changed", slog.LevelInfo, false, "A reload changed the addresses, routes or rules of a service that is active here; what stays was not touched."},
		{Unprotected, "service_unprotected", slog.LevelError, true, "If the node that performs the service failed, no other one has room for it; it is configured as not to be taken over. Add capacity, or bring a standby back."},
		{Protected, "service_protected", slog.LevelInfo, false, "Another node has room for the service again; it may be taken over."},
		{DutyChanged, "duty", slog.LevelInfo, false, "What this node does with the service's address changed: none, refuse or serve; reason says why."},
		{StartFailed, "start_failed", slog.LevelError, true, "The service could not be started or kept alive on this node; it was stopped and counted, and another candidate is tried."},
		{StopFailed, "stop_failed", slog.LevelError, true, "The service could not be stopped on this node; until it is, no other node performs it. Stop it by hand."},
		{NoCandidate, "no_candidate", slog.LevelError, true, "The address is refused because no node may perform the service; reason says why."},
		{TermsChanged, "terms", slog.LevelInfo, false, "The takeover setting or the standbys of a service were changed, by the owner's file or by an operator."},
		{Drained, "drained", slog.LevelWarn, false, "An operator drained this node: it gives its services away and takes none."},
		{Undrained, "undrained", slog.LevelInfo, false, "An operator ended the draining of this node."},
		{Overloaded, "overloaded", slog.LevelWarn, false, "This node is at its high mark and takes over no further service."},
		{Relieved, "relieved", slog.LevelInfo, false, "This node is below its low marks again."},
		{Instructed, "instructed", slog.LevelInfo, false, "A standby was instructed to perform the service at its own address."},
		{Declined, "declined", slog.LevelWarn, false, "A standby declined to perform the service, failed, or did not answer; the next one is asked."},
		{LeaseDenied, "lease_denied", slog.LevelError, true, "The arbiter did not grant the lease, or it ran out; the service is refused here until it is held."},
		{LeaseGranted, "lease_granted", slog.LevelInfo, false, "The arbiter granted the lease; the service may be performed here."},
		{TakeoverHeld, "takeover_held", slog.LevelError, true, "Adverts stay away, but over the cluster channel the node says that it is active and serving; taking over is put off once. See whether protocol 112 is filtered."},
		{CheckFailed, "check_failed", slog.LevelWarn, false, "A check of the service failed as often as fall says; reason holds the last result."},
		{CheckPassed, "check_passed", slog.LevelInfo, false, "A check of the service passed as often as rise says."},
		{Candidate, "candidate", slog.LevelInfo, false, "A node may perform the service again that had none."},
		{FailbackDue, "failback", slog.LevelInfo, false, "The owner has been ready long enough and takes its service back."},
		{CheckKept, "check_kept", slog.LevelInfo, false, "After a reload a check, or what checks of a service come to, is as it was before."},
		{RefusalRestored, "refusal_restored", slog.LevelWarn, false, "Somebody removed the nftables table that refuses; it was restored at once."},
		{WildcardFound, "wildcard_listener", slog.LevelError, true, "Without nftables a process that listens on every address would answer in place of a refused service. Bind it to its own address, or load nf_tables."},
		{WildcardGone, "wildcard_listener_gone", slog.LevelInfo, false, "The wildcard listener that was reported is gone."},
		{RefusalFailed, "refusal_failed", slog.LevelError, true, "The kernel did not take a change of the refusing rules; the record holds its words."},
		{RefusalKernel, "refusal_by_kernel", slog.LevelWarn, false, "nftables cannot be used; refused addresses rely on the kernel's own answers."},
		{AnswersMissing, "answers_missing", slog.LevelWarn, false, "Ports that the file gives an answer of their own are reset instead; the record holds the reason."},
		{Tickled, "clients_tickled", slog.LevelInfo, false, "Clients that had connections with the former holder of an address were told, so that they need not find out by a timeout."},
		{FilterFailed, "filter_failed", slog.LevelError, true, "Addresses with accept = false take packets, since nftables did not take a change; the record holds its words. It is tried again."},
		{FilterRestored, "filter_restored", slog.LevelWarn, false, "Somebody changed the nftables table of addresses with accept = false; it was restored at once."},
		{LinkLost, "link_lost", slog.LevelWarn, false, "The interface is down, gone, or has no usable address; its virtual routers stop."},
		{LinkReady, "link_ready", slog.LevelInfo, false, "The interface can be used; its virtual routers start."},
		{SendFailed, "send_failed", slog.LevelError, true, "Adverts cannot be sent on an interface; the record holds the kernel's words."},
		{SendRecovered, "send_recovered", slog.LevelInfo, false, "Adverts leave again on the interface."},
		{SessionDown, "bfd_down", slog.LevelWarn, false, "A session of bidirectional forwarding detection went down; diagnostic and remote_diagnostic say why. Checks on it fail."},
		{SessionUp, "bfd_up", slog.LevelInfo, false, "A session of bidirectional forwarding detection came up."},
		{VirtualMAC, "vmac_failed", slog.LevelError, true, "There is no interface with the virtual MAC of a service; its addresses are on the service's interface, and hosts learn that one's MAC."},
		{VMACRestored, "vmac_restored", slog.LevelWarn, false, "Somebody changed the nftables table of virtual MACs, or flushed all rules; it is restored at once."},
		{AdvertDiscarded, "advert_discarded", slog.LevelWarn, false, "An advert was discarded or is odd; reported once a reason, the counters hold the rest."},
		{PreemptPending, "preempt_pending", slog.LevelInfo, false, "A Backup hears an Active of lower priority and will pre-empt it, after the field delay if there is one; at most one in ten seconds."},
		{ActiveReleases, "active_releases", slog.LevelInfo, false, "A Backup heard priority 0: the Active releases its addresses, and the best Backup takes over within Skew_Time."},
		{WorkerDied, "worker_died", slog.LevelError, true, "The working process died or hung; its last will was carried out and it is started again."},
		{AfterCrash, "after_crash", slog.LevelWarn, false, "The working process was started again after a crash; it pre-empts nobody for a minute."},
		{NodeAlive, "node_alive", slog.LevelInfo, false, "Another node is heard over the cluster channel."},
		{NodeDead, "node_dead", slog.LevelWarn, false, "Another node left the cluster channel or died. Addresses are not decided by this."},
		{ConfigDiffers, "config_differs", slog.LevelError, true, "Another node runs with a configuration that differs in what should be the same everywhere."},
		{ConfigAgrees, "config_agrees", slog.LevelInfo, false, "Another node's configuration is the same again."},
		{ChannelRefused, "channel_refused", slog.LevelWarn, false, "Traffic on the cluster channel was refused: a wrong key, garbage, a repetition, or a node that the file does not name."},
		{ChannelFailed, "channel_failed", slog.LevelError, true, "The cluster channel cannot be opened; addresses fail over, policy goes by the file alone."},
		{StateFailed, "state_failed", slog.LevelError, true, "Runtime policy cannot be written to the state directory; it would be lost with the process, and is not acknowledged to other nodes."},
		{AlertLost, "alert_lost", slog.LevelError, false, "An alert could not be delivered to a sink after all retries, or its queue was full; the record holds the reason."},
	}
}
