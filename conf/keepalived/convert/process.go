// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"time"

	"github.com/regent-ha/regent/conf/keepalived"
)

// Process is what a keepalived.conf says about the process rather than about services.
type Process struct {
	RouterID  string        // router_id
	Namespace string        // net_namespace, empty for the one it is started in
	Instance  string        // instance: the suffix of pid files and log names
	PIDDir    bool          // use_pid_dir: pid files in /run/keepalived
	ChildWait time.Duration // child_wait_time
	Umask     uint32
	HasUmask  bool // the file gives it; -u wins

	ReloadCheck    bool   // reload_check_config
	ReloadCheckLog string // where its words go
	ReloadTimeFile string // a file with a time at which to reload
	ReloadRepeat   bool   // that time comes every day
	ReloadFile     string // is there while a reload reads the file
	HasReloadFile  bool   // reload_file is said; an empty ReloadFile is the default path

	DumpWithInstance bool // data_use_instance
	StateDump        string
	StatsDump        string
	JSONDump         string
	JSONVersion      int

	RealtimePriority int // vrrp_rt_priority, 0 for none
	Nice             int // vrrp_priority
	NoSwap           bool
	CPUs             []int

	IPRouteUser string // iproute_usr_dir: names of tables, realms and protocols
	IPRouteEtc  string // iproute_etc_dir

	// Files are to be made at start, before anything reads them.
	Files []InitialFile

	// Names are those of the file, by the names of services and groups that had to be called otherwise: notify programs and
	// the FIFO tell these.
	Names map[string]string

	// Balancer is where virtual_server and its like stand, which stay with `keepalived -C`.
	Balancer []keepalived.LVS
}

// InitialFile is init_file of a track_file.
type InitialFile struct {
	Path      string
	Value     int
	Overwrite bool // even if it is there
}

func processOf(c *keepalived.Config) Process {
	d := &c.Daemon
	p := Process{
		RouterID:  c.Global.RouterID.V,
		Namespace: d.Namespace.V, Instance: d.Name.V, PIDDir: d.UsePIDDir.V, ChildWait: d.ChildWait.V,
		Umask: d.Umask.V, HasUmask: d.Umask.IsSet(),
		ReloadCheck: d.ReloadCheck.V, ReloadCheckLog: d.ReloadCheckLog.V, ReloadTimeFile: d.ReloadTimeFile.V,
		ReloadRepeat: d.ReloadRepeat.V, ReloadFile: d.ReloadFile.V, HasReloadFile: d.ReloadFile.IsSet(),
		DumpWithInstance: d.DumpWithInstance.V, StateDump: d.StateDump.V, StatsDump: d.StatsDump.V, JSONDump: d.JSONDump.V,
		JSONVersion: d.JSONVersion.V, RealtimePriority: d.RealtimePriority.V, Nice: d.Nice.V, NoSwap: d.NoSwap.V,
		IPRouteUser: d.IPRouteUser.V, IPRouteEtc: d.IPRouteEtc.V, Balancer: c.LVS,
	}
	for _, n := range d.CPUs {
		p.CPUs = append(p.CPUs, n.V)
	}
	for _, f := range c.TrackFiles {
		if f.Init.V {
			p.Files = append(p.Files, InitialFile{Path: f.File.V, Value: f.InitValue, Overwrite: f.Overwrite})
		}
	}
	return p
}
