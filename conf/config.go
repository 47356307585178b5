// SPDX-License-Identifier: Apache-2.0

package conf

import (
	"net/netip"
	"time"
)

// Config is a configuration file, checked and resolved for one node.
type Config struct {
	// Node is this node's name: the argument, else the file's, else the host name up to its first dot.
	Node     string
	Realtime bool
	// StateDir and RunDir are as the file gives them, else the defaults; flags and the environment win over both.
	StateDir string
	RunDir   string

	// StartDelay and BootDelay: nothing is decided for so long after the start, and after that of the system.
	StartDelay time.Duration
	BootDelay  time.Duration

	Log      Log
	Status   Status
	Alerts   Alerts
	Notify   Notify
	Cluster  *Cluster        // nil: no channel, policy by the file alone
	Nodes    map[string]Node // nil: the file names no nodes
	Policy   Policy
	Services []Service // in the order of the file

	SyncGroups []SyncGroup
	Sessions   []HealthCheck             // BFD sessions that no check watches, for the other end
	Interfaces map[string]InterfaceDelay // by name; one that is not there has none
	Mail       *Mail                     // nil: no mail about changes of state

	// Lines in iproute2's words, of what is there as long as the daemon runs.
	StaticAddresses []string
	StaticRoutes    []string
	StaticRules     []string
}

// LogFormat is the form of the log.
type LogFormat string

// The forms of the log.
const (
	LogText       LogFormat = "text"
	LogJSON       LogFormat = "json"
	LogJournal    LogFormat = "journal"
	LogKeepalived LogFormat = "keepalived"
)

// LogLevel is the least level that is logged.
type LogLevel string

// The levels.
const (
	LevelDebug LogLevel = "debug"
	LevelInfo  LogLevel = "info"
	LevelWarn  LogLevel = "warn"
	LevelError LogLevel = "error"
)

// Log says how and where to log.
type Log struct {
	Format LogFormat
	Level  LogLevel
	File   string // empty: standard error
}

// Notify says how programs are told of changes of state.
type Notify struct {
	FIFOs []FIFO // each gets every line
	User  string // who runs the programs of services that name nobody; "": the daemon's own user

	Insecure        bool // programs are run although others could change them
	PriorityChanges bool // the FIFO tells of changes of priority, too
	StatesOnReload  bool // the FIFO tells each state again after a reload

	Start, Stop  []string // run before everything and after everything; nil: none
	StartTimeout time.Duration
	StopTimeout  time.Duration
}

// FIFO is a named pipe that gets a line for each change of state.
type FIFO struct {
	Path   string
	User   string   // USER or USER:GROUP that owns it; "": [Notify.User]
	Script []string // is run all the time, with the path as further argument; nil: none
}

// Mail is how changes of state are told by mail, in keepalived's words.
type Mail struct {
	Server   string // host:port
	From     string
	To       []string
	RouterID string // in the subject
	Helo     string // "": the host's name
	Timeout  time.Duration
	Faults   bool // tell of faults, too
}

// InterfaceDelay is how long an interface must be down, or up again, before that counts.
type InterfaceDelay struct{ Down, Up time.Duration }

// SyncGroup is services that are Active together or not at all.
type SyncGroup struct {
	Name     string
	Services []string
	Weights  bool // weights of the members' checks count
	Mail     bool
	Checks   []HealthCheck // of all members
	Notify   *Programs     // nil: none
}

// Compat is a foreign tool whose metric names are served too.
type Compat string

// The compatible tools.
const (
	CompatNone               Compat = "none"
	CompatKeepalivedExporter Compat = "keepalived-exporter"
)

// Status is the page and the metrics over TCP.
type Status struct {
	Listen string // host:port; empty: the unix socket only
	Compat Compat
}

// Alerts are the sinks for records marked as alerts.
type Alerts struct {
	Exec    []string // command and arguments; nil: none
	Webhook string   // URL; empty: none
	SMTP    *SMTP
}

// SMTP sends alerts by mail.
type SMTP struct {
	Server   string // host:port
	From     string
	To       []string
	User     string
	Password Password
}

// Arbiter is who is asked before a node serves.
type Arbiter string

// The arbiters.
const (
	ArbiterNone Arbiter = "none"
	ArbiterEtcd Arbiter = "etcd"
)

// Cluster is the channel between the nodes.
type Cluster struct {
	Name     string
	Keys     []Password // 16, 24 or 32 bytes each; the first sends, all receive
	KeyFile  string
	BindPort uint16
	Arbiter  Arbiter
	Etcd     *Etcd // set when the arbiter is etcd
}

// Etcd is how to reach the arbiter's etcd.
type Etcd struct {
	Endpoints []string
	User      string
	Password  Password
	CAFile    string
	CertFile  string
	KeyFile   string
}

// Node is what the file says about a node.
type Node struct {
	Address     netip.Addr // of the cluster channel; invalid when absent
	Capacity    int        // 0: no limit
	Interface   string     // overrides each service's on this node; empty: does not
	Maintenance bool
	MaxServices int // 0: no limit
}

// Selection is how the next standby is chosen.
type Selection string

// The selections.
const (
	SelectListed   Selection = "listed"
	SelectMostFree Selection = "most-free"
)

// Policy is what holds for every service.
type Policy struct {
	Selection          Selection
	FailuresToTolerate int
	Overload           *Overload // nil: load is not judged
}

// Measure is a value by which overload is judged.
type Measure string

// The measures.
const (
	MeasureLoad      Measure = "load"       // load average of one minute, divided by CPUs
	MeasurePSICPU    Measure = "psi_cpu"    // pressure stall "some avg10", percent
	MeasurePSIMemory Measure = "psi_memory" // likewise
	MeasurePSIIO     Measure = "psi_io"     // likewise
	MeasureExec      Measure = "exec"       // the number that a command prints
	MeasureFile      Measure = "file"       // the number in a file
)

// Overload says when a node is overloaded: when any mark is reached and held for Dwell.
type Overload struct {
	Marks    []Mark
	Dwell    time.Duration
	Interval time.Duration
}

// Mark is a measure with its hysteresis: overloaded from High up, no longer from Low down.
type Mark struct {
	Measure Measure
	High    float64
	Low     float64
	Command []string // of MeasureExec
	Path    string   // of MeasureFile
}
