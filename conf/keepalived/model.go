// SPDX-License-Identifier: Apache-2.0

package keepalived

import (
	"net/netip"
	"time"
)

// Config is what the files say, with keepalived's defaults where they say nothing. Of what refers to something by name,
// what does not exist has been dropped with a word about it.
type Config struct {
	Files  []string // read, in order
	Daemon Daemon
	Global Global

	Instances      []*Instance
	SyncGroups     []*SyncGroup
	Scripts        []*Script
	TrackFiles     []*TrackFile
	TrackProcesses []*TrackProcess
	BFDs           []*BFD

	StaticAddresses []Address
	StaticRoutes    []Route
	StaticRules     []Rule
	TrackGroups     []*TrackGroup
	GARPGroups      []*GARPGroup
	Linkbeats       []Linkbeat
	InterfaceDelays []InterfaceDelay

	LVS []LVS // what is keepalived's to do: virtual servers and their like
}

// Daemon is what the file says about the process.
type Daemon struct {
	Namespace         Value[string] // net_namespace
	Name              Value[string] // instance: the suffix of pid files and log names
	UsePIDDir         Flag
	ChildWait         Value[time.Duration] // child_wait_time
	LinkbeatPolling   Flag                 // linkbeat_use_polling for every interface
	NamespaceIPsets   Flag                 // namespace_with_ipsets
	NamespaceOfIPVS   Value[string]        // net_namespace_ipvs
	TemporaryConfig   Value[string]        // tmp_config_directory
	SavedConfig       Value[string]        // config_save_dir
	IPRouteUser       Value[string]        // iproute_usr_dir
	IPRouteEtc        Value[string]        // iproute_etc_dir
	Umask             Value[uint32]
	ProcessNames      Flag
	ReloadCheck       Flag          // reload_check_config
	ReloadCheckLog    Value[string] // its file, /dev/null
	ReloadTimeFile    Value[string]
	ReloadRepeat      Flag
	ReloadFile        Value[string] // "" with the flag set: the default path
	DumpWithInstance  Flag          // data_use_instance
	StateDump         Value[string] // state_dump_file
	StatsDump         Value[string]
	JSONDump          Value[string]
	JSONVersion       Value[int]
	RealtimePriority  Value[int] // vrrp_rt_priority, 0 for none
	Nice              Value[int] // vrrp_priority
	NoSwap            Flag       // vrrp_no_swap
	CPUs              []Value[int]
	MaxAutoPriority   Value[int]
	MinAutoDelay      Value[time.Duration]
	RealtimeLimit     Value[time.Duration] // vrrp_rlimit_rttime
	ReceiveBuffer     Value[string]        // vrrp_rx_bufs_policy: MTU, ADVERT or bytes
	ReceiveMultiplier Value[int]
	CommandBuffer     Value[int] // vrrp_netlink_cmd_rcv_bufs, bytes, 0 for the kernel's
	MonitorBuffer     Value[int]
	ProcessBuffer     Value[int] // process_monitor_rcv_bufs
}

// Global is global_defs without what concerns the process alone.
type Global struct {
	RouterID Value[string] // the host name by default
	Mail     Mail

	ScriptUser           Value[User]
	ScriptSecurity       Flag
	Supplementary        Flag // set_supplementary_groups
	SymlinkPaths         Flag
	FIFO                 FIFO // notify_fifo
	VRRPFIFO             FIFO // vrrp_notify_fifo
	PriorityChanges      Flag
	StatesOnReload       Flag
	Startup, Shutdown    Value[Command]
	StartupTimeout       Value[time.Duration]
	ShutdownTimeout      Value[time.Duration]
	Version              Value[int] // 2 or 3
	Group4, Group6       Value[netip.Addr]
	DefaultInterface     Value[string]
	SkipCheckAdvAddr     Flag
	CheckUnicastSrc      Flag
	Strict               Flag
	GARP                 GARP
	MinGARP              Flag
	GARPInterval         Value[time.Duration]
	GNAInterval          Value[time.Duration]
	DownTimerAdverts     Value[int]
	LowerPrioNoAdvert    Flag
	HigherPrioSendAdvert Flag
	OwnerIgnoreAdverts   Flag
	V3ChecksumAsV2       Flag
	StartupDelay         Value[time.Duration]
	DelayAfterBoot       Value[time.Duration]
	DynamicInterfaces    Flag
	AllowIfChanges       Flag
	DisableLocalIGMP     Flag
	LogUnknownVRIDs      Flag
	VMACPrefix           Value[string]
	VMACAddrPrefix       Value[string] // VMACPrefix by default

	NFTables         Value[string] // the table's name
	NFTablesPriority Value[int]
	NFTablesCounters Flag
	NFTablesIfindex  Flag
	IPTablesIn       Value[string]
	IPTablesOut      Value[string]
}

// Mail is what alerts by mail need.
type Mail struct {
	To       []Value[string]
	From     Value[string]
	Server   Value[string] // host:port; empty: no mail
	Timeout  Value[time.Duration]
	Helo     Value[string]
	Alert    Flag // smtp_alert; not set: each decides
	VRRP     Flag // smtp_alert_vrrp
	NoFaults Flag
}

// User is whom a script runs as. Without a Group it is the user's own.
type User struct{ Name, Group string }

// FIFO is a named pipe for state lines, and the program that reads it.
type FIFO struct {
	Path   Value[string]
	User   User
	Script Value[Command]
}

// Command is a program with its arguments and whom it runs as, which is the global script_user without a name.
type Command struct {
	Args []string
	User User
}

// GARP is how addresses are announced. Of an instance each value is its own or the global one.
type GARP struct {
	Delay           Value[time.Duration] // of the second set after becoming master; 0 for none
	Repeat          Value[int]
	Refresh         Value[time.Duration] // 0 for never
	RefreshRepeat   Value[int]
	LowerPrioDelay  Value[time.Duration]
	LowerPrioRepeat Value[int]
	ExtraInterval   Value[time.Duration] // garp_extra_if: on other interfaces that carry addresses; 0 for never
	ExtraAll        bool                 // on all, not only on VMACs
}

// Script is a vrrp_script.
type Script struct {
	Name     string
	At       Place
	Comment  string // that stands directly above, without # and !
	Script   Value[Command]
	Readable Value[string] // "</path" stands for: the file can be read
	Interval Value[time.Duration]
	Timeout  Value[time.Duration] // the interval by default
	Weight   Value[Weight]
	Rise     Value[int]
	Fall     Value[int]
	InitFail Flag
}

// Weight is what a tracker does to the priority: 0 lets a failure mean FAULT. Reverse turns success and failure around.
type Weight struct {
	N       int
	Reverse bool
}

// TrackFile is a file that holds a number.
type TrackFile struct {
	Name      string
	At        Place
	Comment   string // that stands directly above, without # and !
	File      Value[string]
	Weight    Value[Weight]
	Init      Flag // init_file: write InitValue at start if the file is not there
	InitValue int
	Overwrite bool // even if it is
}

// ParamMatch says how the arguments of a process are compared.
type ParamMatch uint8

// The ways.
const (
	MatchName    ParamMatch = iota // arguments do not count
	MatchExact                     // all are equal
	MatchPartial                   // the first are equal
	MatchInitial                   // the first are equal, and the last begins so
)

// TrackProcess is a vrrp_track_process.
type TrackProcess struct {
	Name           string
	At             Place
	Comment        string // that stands directly above, without # and !
	Process        Value[[]string]
	Match          Value[ParamMatch]
	FullCommand    Flag
	Weight         Value[Weight]
	Quorum         Value[int]
	QuorumMax      Value[int] // -1 for no limit
	ForkDelay      Value[time.Duration]
	TerminateDelay Value[time.Duration]
}

// BFD is a bfd_instance (RFC 5880, 5881).
type BFD struct {
	Name       string
	At         Place
	Comment    string // that stands directly above, without # and !
	Neighbor   Value[netip.Addr]
	Source     Value[netip.Addr]
	MinRX      Value[time.Duration]
	MinTX      Value[time.Duration]
	IdleTX     Value[time.Duration]
	Multiplier Value[int]
	Passive    Flag
	TTL        Value[int] // or hop limit
	MaxHops    Value[int]
	Multihop   Flag
	Weight     Value[Weight]
	VRRP       Flag // events go to VRRP: unless only checkers are named
}

// Track is one line of a track_… block.
type Track struct {
	Name   string
	At     Place
	Weight Value[Weight] // the tracked thing's own unless it is given
}

// Tracks is what an instance or a group watches.
type Tracks struct {
	Interfaces []Track
	Scripts    []Track
	Files      []Track
	Processes  []Track
	BFDs       []Track
}

// Notify is what runs at changes. A script that is not set has no Args.
type Notify struct {
	Master, Backup, Fault, Stop, Deleted, LowerPriority Value[Command]
	Any                                                 Value[Command] // notify: four arguments are added
	PriorityChanges                                     Flag
	Mail                                                Flag
}

// SyncGroup is a vrrp_sync_group.
type SyncGroup struct {
	Name    string
	At      Place
	Comment string // that stands directly above, without # and !
	Members []Value[string]
	Tracks  Tracks
	Notify  Notify
	Weights Flag // sync_group_tracking_weight
}

// TrackGroup names instances that fault when a static item of the group vanishes.
type TrackGroup struct {
	Name    string
	At      Place
	Members []Value[string]
}

// GARPGroup is a pace that interfaces share.
type GARPGroup struct {
	At           Place
	GARPInterval Value[time.Duration]
	GNAInterval  Value[time.Duration]
	Interfaces   []Value[string]
}

// Linkbeat is an interface that is asked for its link rather than listened to.
type Linkbeat struct {
	Interface Value[string]
	Method    string // MII, ETHTOOL, IOCTL or "" for whichever works
}

// InterfaceDelay debounces an interface.
type InterfaceDelay struct {
	Interface Value[string]
	Down, Up  time.Duration
}

// LVS is a keyword or block of the load balancer, which stays with `keepalived -C`.
type LVS struct {
	Words []string
	At    Place
}
