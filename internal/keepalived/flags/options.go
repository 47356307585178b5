// SPDX-License-Identifier: Apache-2.0

package flags

// DefaultFile is the configuration file without -f.
const DefaultFile = "/etc/keepalived/keepalived.conf"

// Action is what a command line asks for.
type Action uint8

// The actions.
const (
	Run     Action = iota // be the daemon
	Test                  // -t: check the configuration
	Version               // -v
	Help                  // -h
	Signum                // --signum: the number is in Options.Signal
	Genhash               // -T: the load balancer's tool
)

// Options is what a command line says.
type Options struct {
	Action Action
	Signal int // of Signum

	File     string // -f
	ConfigID string // -i; empty: the host name up to its first dot
	TestLog  string // of -t; empty: standard error

	IncludeAll bool // -e: each include must find its files

	VRRP        bool // -P was given; without -P and -C both halves run
	Checkers    bool // -C was given
	NoBFD       bool // -B
	All         bool // --all
	Foreground  bool // -n
	DontRespawn bool // -R
	DumpConfig  bool // -d
	ReleaseVIPs bool // -X
	KeepVIPs    bool // -V: addresses and routes stay at the end
	KeepIPVS    bool // -I

	Console  bool // -l
	Detail   int  // how often -D was given
	Facility int  // of syslog, 3 (daemon) by default
	NoSyslog bool // -G
	ToFile   bool // -g
	LogFile  string
	Flush    bool // --flush-log-file

	PIDFile         string // -p
	VRRPPIDFile     string // -r
	CheckersPIDFile string // -c
	BFDPIDFile      string // -b

	Umask     uint32
	UmaskSet  bool   // -u
	Namespace string // -s

	Addresses    bool // -a: log every address
	SNMP         bool // -x
	SNMPSocket   string
	Core         bool // -m
	CorePattern  string
	IgnoreSIGINT bool

	Warnings []string // what is wrong and does not matter: a facility that is none, words that are no flags
}

// arity says whether a flag has a value.
type arity uint8

const (
	none arity = iota
	required
	optional
)

// flag is one line of the table.
type flag struct {
	short byte // 0: only the long name
	long  string
	arity arity
	set   func(*Options, string)
	stop  bool // it is answered at once
}

// table is every flag in the order of the help.
func table() []flag {
	text := func(where func(*Options) *string) func(*Options, string) {
		return func(o *Options, v string) { *where(o) = v }
	}
	on := func(where func(*Options) *bool) func(*Options, string) {
		return func(o *Options, _ string) { *where(o) = true }
	}
	return []flag{
		{'f', "use-file", required, text(func(o *Options) *string { return &o.File }), false},
		{'P', "vrrp", none, on(func(o *Options) *bool { return &o.VRRP }), false},
		{'C', "check", none, on(func(o *Options) *bool { return &o.Checkers }), false},
		{'B', "no_bfd", none, on(func(o *Options) *bool { return &o.NoBFD }), false},
		{0, "all", none, on(func(o *Options) *bool { return &o.All }), false},
		{'l', "log-console", none, on(func(o *Options) *bool { return &o.Console }), false},
		{'D', "log-detail", none, func(o *Options, _ string) { o.Detail++ }, false},
		{'S', "log-facility", required, facility, false},
		{'G', "no-syslog", none, on(func(o *Options) *bool { return &o.NoSyslog }), false},
		{'g', "log-file", optional, func(o *Options, v string) { o.ToFile, o.LogFile = true, v }, false},
		{0, "flush-log-file", none, on(func(o *Options) *bool { return &o.Flush }), false},
		{'u', "umask", required, umask, false},
		{'X', "release-vips", none, on(func(o *Options) *bool { return &o.ReleaseVIPs }), false},
		{'V', "dont-release-vrrp", none, on(func(o *Options) *bool { return &o.KeepVIPs }), false},
		{'I', "dont-release-ipvs", none, on(func(o *Options) *bool { return &o.KeepIPVS }), false},
		{'R', "dont-respawn", none, on(func(o *Options) *bool { return &o.DontRespawn }), false},
		{'n', "dont-fork", none, on(func(o *Options) *bool { return &o.Foreground }), false},
		{'d', "dump-conf", none, on(func(o *Options) *bool { return &o.DumpConfig }), false},
		{'p', "pid", required, text(func(o *Options) *string { return &o.PIDFile }), false},
		{'r', "vrrp_pid", required, text(func(o *Options) *string { return &o.VRRPPIDFile }), false},
		{'T', "genhash", none, func(o *Options, _ string) { o.Action = Genhash }, true},
		{'c', "checkers_pid", required, text(func(o *Options) *string { return &o.CheckersPIDFile }), false},
		{'a', "address-monitoring", none, on(func(o *Options) *bool { return &o.Addresses }), false},
		{'b', "bfd_pid", required, text(func(o *Options) *string { return &o.BFDPIDFile }), false},
		{'x', "snmp", none, on(func(o *Options) *bool { return &o.SNMP }), false},
		{'A', "snmp-agent-socket", required, text(func(o *Options) *string { return &o.SNMPSocket }), false},
		{'s', "namespace", required, text(func(o *Options) *string { return &o.Namespace }), false},
		{'m', "core-dump", none, on(func(o *Options) *bool { return &o.Core }), false},
		{'M', "core-dump-pattern", optional, func(o *Options, v string) { o.Core, o.CorePattern = true, v }, false},
		{'e', "all-config", none, on(func(o *Options) *bool { return &o.IncludeAll }), false},
		{'i', "config-id", required, text(func(o *Options) *string { return &o.ConfigID }), false},
		{0, "signum", required, nil, true},
		{'t', "config-test", optional, func(o *Options, v string) { o.Action, o.TestLog = Test, v }, false},
		{0, "ignore-sigint", none, on(func(o *Options) *bool { return &o.IgnoreSIGINT }), false},
		{0, "perf", optional, nil, false},
		{0, "debug", optional, nil, false},
		{0, "no-mem-check", none, nil, false},
		{0, "mem-check-log", none, nil, false},
		{'v', "version", none, func(o *Options, _ string) { o.Action = Version }, true},
		{'h', "help", none, func(o *Options, _ string) { o.Action = Help }, true},
	}
}
