// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/takeover"
)

// Gather looks at this node. inspect says why a program may not be run by a user.
func Gather(ctx context.Context, q *Question, inspect func(Program) error) (*Facts, error) {
	f := &Facts{Interfaces: map[string]Interface{}, Sysctls: map[string]string{}, Programs: map[Program]error{}, Directories: map[string]error{},
		CPUs: runtime.NumCPU(), UID: os.Geteuid()}
	var err error
	if f.Capabilities, err = capabilities(); err != nil {
		return nil, err
	}
	var uts unix.Utsname
	if err := unix.Uname(&uts); err == nil {
		f.Kernel = unix.ByteSliceToString(uts.Release[:])
	}
	if err := f.links(ctx, q); err != nil {
		return nil, err
	}
	f.sysctl("net.ipv4.icmp_msgs_per_sec")
	f.Drops, f.NFTables = drops()
	for _, p := range q.Programs {
		if err := inspect(p); err != nil {
			f.Programs[p] = err
		}
	}
	var tx unix.Timex
	if state, err := unix.Adjtimex(&tx); err == nil {
		f.Clock = ClockState{Known: true, Synchronised: state != unix.TIME_ERROR && tx.Status&unix.STA_UNSYNC == 0}
	}
	for _, dir := range []string{q.StateDir, q.RunDir} {
		if err := writable(dir); err != nil {
			f.Directories[dir] = err
		}
	}
	f.Others = others("/proc")
	return f, nil
}

// capabilities are the effective ones of this process.
func capabilities() (uint64, error) {
	file, err := os.Open("/proc/self/status")
	if err != nil {
		return 0, err
	}
	defer file.Close() //nolint:errcheck // only read from
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if hex, ok := strings.CutPrefix(lines.Text(), "CapEff:"); ok {
			return strconv.ParseUint(strings.TrimSpace(hex), 16, 64)
		}
	}
	return 0, errors.New("/proc/self/status tells no capabilities")
}

// links looks at the interfaces of services.
func (f *Facts) links(ctx context.Context, q *Question) error {
	kernel, err := takeover.Open(nil)
	if err != nil {
		return err
	}
	defer kernel.Close() //nolint:errcheck // nothing was changed
	all, err := kernel.Links()
	if err != nil {
		return err
	}
	for _, s := range q.Services {
		f.sysctl("net.ipv6.conf." + s.Interface + ".disable_ipv6")
	}
	for _, l := range all {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		i := Interface{Up: l.Up, Manager: manager(l.Index)}
		if n, err := net.InterfaceByIndex(l.Index); err == nil {
			i.Multicast = n.Flags&net.FlagMulticast != 0
		}
		for _, a := range l.Addrs {
			if a.Proto == takeover.Protocol {
				continue
			}
			if a.Tentative {
				i.Tentative++
				continue
			}
			i.Addresses = append(i.Addresses, netip.PrefixFrom(a.Prefix.Addr(), a.Prefix.Bits()))
		}
		bridge := filepath.Join("/sys/class/net", l.Name, "bridge")
		i.Snooping = flag(filepath.Join(bridge, "multicast_snooping"))
		i.Querier = flag(filepath.Join(bridge, "multicast_querier"))
		f.Interfaces[l.Name] = i
	}
	return nil
}

func flag(path string) bool {
	b, err := os.ReadFile(path)
	return err == nil && strings.TrimSpace(string(b)) == "1"
}

// manager is who else configures an interface.
func manager(index int) string {
	if b, err := os.ReadFile(fmt.Sprintf("/run/systemd/netif/links/%d", index)); err == nil && !strings.Contains(string(b), "ADMIN_STATE=unmanaged") {
		return "systemd-networkd"
	}
	if b, err := os.ReadFile(fmt.Sprintf("/run/NetworkManager/devices/%d", index)); err == nil && !strings.Contains(string(b), "managed=false") {
		return "NetworkManager"
	}
	return ""
}

func (f *Facts) sysctl(name string) {
	// Dots of an interface's name are its own.
	path := name
	if rest, ok := strings.CutPrefix(name, "net.ipv6.conf."); ok {
		i := strings.LastIndexByte(rest, '.')
		path = "net/ipv6/conf/" + rest[:i] + "/" + rest[i+1:]
	} else {
		path = strings.ReplaceAll(name, ".", "/")
	}
	if b, err := os.ReadFile("/proc/sys/" + path); err == nil {
		f.Sysctls[name] = strings.TrimSpace(string(b))
	}
}

// drops are base chains of others on input that drop by default.
func drops() (chains []string, err error) {
	c, err := nftables.New()
	if err != nil {
		return nil, err
	}
	all, err := c.ListChains()
	if err != nil {
		return nil, err
	}
	families := map[nftables.TableFamily]string{nftables.TableFamilyIPv4: "ip", nftables.TableFamilyIPv6: "ip6", nftables.TableFamilyINet: "inet"}
	for _, one := range all {
		family := families[one.Table.Family]
		if family != "" && one.Hooknum != nil && *one.Hooknum == *nftables.ChainHookInput && one.Policy != nil && *one.Policy == nftables.ChainPolicyDrop {
			chains = append(chains, family+" "+one.Table.Name+" "+one.Name)
		}
	}
	return chains, nil
}

// writable says why a directory cannot be written to; one that is not there is made by the daemon if its parent can be.
func writable(dir string) error {
	at := dir
	for {
		err := unix.Access(at, unix.W_OK|unix.X_OK)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, fs.ErrNotExist) && at != "/":
			at = filepath.Dir(at)
		default:
			return fmt.Errorf("directory %s cannot be written to: %w", at, err)
		}
	}
}

// others are VRRP daemons that run in this network namespace.
func others(proc string) []string {
	mine, err := os.Readlink(filepath.Join(proc, "self/ns/net"))
	if err != nil {
		return nil
	}
	dirs, err := os.ReadDir(proc)
	if err != nil {
		return nil
	}
	var out []string
	for _, d := range dirs {
		if _, err := strconv.Atoi(d.Name()); err != nil {
			continue
		}
		comm, err := os.ReadFile(filepath.Join(proc, d.Name(), "comm"))
		if err != nil {
			continue
		}
		name := strings.TrimSpace(string(comm))
		if name != "keepalived" && name != "vrrpd" && name != "ucarp" {
			continue
		}
		exe, _ := os.Readlink(filepath.Join(proc, d.Name(), "exe"))
		if ns, err := os.Readlink(filepath.Join(proc, d.Name(), "ns/net")); err == nil && ns == mine && !strings.HasSuffix(exe, "/regent") {
			out = append(out, fmt.Sprintf("%s (pid %s)", name, d.Name()))
		}
	}
	return out
}
