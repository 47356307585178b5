// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/netlab"
)

// frrDir is where Debian keeps the daemons of FRR.
const frrDir = "/usr/lib/frr"

// FRR runs FRR's zebra and vrrpd. vrrpd wants a macvlan with the virtual router's MAC and addresses to exist; it lets
// the interface lose its carrier (protodown) while it is Backup.
type FRR struct {
	dir   string
	node  *netlab.Node
	zebra *netlab.Cmd
	vrrpd *netlab.Cmd
	links []string
}

// NewFRR returns an FRR whose configuration and sockets are kept in dir, which is given to the user frr. The path must
// be short enough for a socket's name, and others must be allowed to pass through the directories above.
func NewFRR(dir string) *FRR { return &FRR{dir: dir} }

// Name implements [Daemon].
func (f *FRR) Name() string { return "frr" }

// Start implements [Daemon].
func (f *FRR) Start(ctx context.Context, node *netlab.Node, routers ...Router) error {
	if len(routers) != 1 {
		return errors.New("frr: one router, please")
	}
	r := routers[0]
	if len(r.Peers) > 0 || r.Password != "" {
		return errors.New("frr: neither unicast nor authentication is known to vrrpd")
	}
	f.node = node
	if err := f.macvlan(ctx, r); err != nil {
		return fmt.Errorf("frr: %w", err)
	}
	zebraConf, err := write(f.dir, "zebra.conf", "hostname peer\nlog stdout\n")
	if err != nil {
		return err
	}
	vrrpConf, err := write(f.dir, "vrrpd.conf", frrConf(r))
	if err != nil {
		return err
	}
	if err := f.giveAway(); err != nil {
		return fmt.Errorf("frr: %w", err)
	}
	api := filepath.Join(f.dir, "zserv.api")
	if !running(f.zebra) {
		if err := os.Remove(api); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("frr: %w", err)
		}
		if f.zebra, err = f.start(ctx, "zebra", zebraConf); err != nil {
			return err
		}
		ready := func() bool { _, err := os.Stat(api); return err == nil }
		if err := Await(ctx, 10*time.Second, "frr: zebra's socket", ready); err != nil {
			return err
		}
	}
	f.vrrpd, err = f.start(ctx, "vrrpd", vrrpConf)
	return err
}

// giveAway makes the directory and its files belong to the user that the daemons change to.
func (f *FRR) giveAway() error {
	account, err := user.Lookup("frr")
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(account.Uid)
	if err != nil {
		return fmt.Errorf("user frr: %w", err)
	}
	gid, err := strconv.Atoi(account.Gid)
	if err != nil {
		return fmt.Errorf("user frr: %w", err)
	}
	for _, name := range []string{"", "zebra.conf", "vrrpd.conf"} {
		if err := os.Chown(filepath.Join(f.dir, name), uid, gid); err != nil {
			return fmt.Errorf("give away to user frr: %w", err)
		}
	}
	return nil
}

// start starts one of the daemons.
func (f *FRR) start(ctx context.Context, name, file string) (*netlab.Cmd, error) {
	return f.node.Start(ctx, filepath.Join(frrDir, name), "-f", file,
		"-i", filepath.Join(f.dir, name+".pid"), "-z", filepath.Join(f.dir, "zserv.api"),
		"--vty_socket", f.dir, "-P", "0")
}

// macvlan makes the interface that vrrpd looks for, in bridge mode, and gives it the addresses.
func (f *FRR) macvlan(ctx context.Context, r Router) error {
	name, family := fmt.Sprintf("vrrp4-%d", r.VRID), byte(1)
	if r.IPv6() {
		name, family = fmt.Sprintf("vrrp6-%d", r.VRID), 2
	}
	kernel := f.node.Netlink()
	if old, err := kernel.LinkByName(name); err == nil { // left by the run before, maybe without its addresses
		if err := kernel.LinkDel(old); err != nil {
			return fmt.Errorf("remove %s: %w", name, err)
		}
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.ParentIndex = name, f.node.Index(r.Interface)
	attrs.HardwareAddr = net.HardwareAddr{0, 0, 0x5e, 0, family, r.VRID}
	if err := kernel.LinkAdd(&netlink.Macvlan{LinkAttrs: attrs, Mode: netlink.MACVLAN_MODE_BRIDGE}); err != nil {
		return fmt.Errorf("create %s: %w", name, err)
	}
	f.links = append(f.links, name)
	// No address of the kernel's making, so that adverts come from the address that the router says; 1 is "none".
	for key, value := range map[string]string{"addr_gen_mode": "1", "accept_dad": "0"} {
		if err := f.node.SetSysctl("net.ipv6.conf."+name+"."+key, value); err != nil {
			return err
		}
	}
	link, err := kernel.LinkByName(name)
	if err != nil {
		return fmt.Errorf("find %s: %w", name, err)
	}
	// No carrier, as vrrpd has it in a Backup, until that runs.
	if _, err := f.node.Run(ctx, "ip", "link", "set", "dev", name, "protodown", "on"); err != nil {
		return err
	}
	if err := kernel.LinkSetUp(link); err != nil {
		return fmt.Errorf("set %s up: %w", name, err)
	}
	prefixes := r.Addresses
	if r.IPv6() {
		// vrrpd sends from the link-local address that the kernel lists first, which is the one added last.
		prefixes = append(append([]netip.Prefix(nil), prefixes...), netip.PrefixFrom(r.Source, 64))
	}
	for _, p := range prefixes {
		a := &netlink.Addr{IPNet: &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}}
		if p.Addr().Is6() {
			a.Flags = unix.IFA_F_NODAD
		}
		if err := kernel.AddrAdd(link, a); err != nil {
			return fmt.Errorf("add %s to %s: %w", p, name, err)
		}
	}
	return nil
}

// Reload implements [Daemon], by the commands that differ; only values change, no address is taken away.
func (f *FRR) Reload(ctx context.Context, routers ...Router) error {
	args := []string{"--vty_socket", f.dir, "-c", "configure terminal", "-c", "interface " + routers[0].Interface}
	for _, c := range frrCommands(routers[0]) {
		args = append(args, "-c", c)
	}
	if out, err := f.node.Run(ctx, "vtysh", args...); err != nil {
		return fmt.Errorf("frr: %w: %s", err, out)
	}
	return nil
}

// Term implements [Daemon]: vrrpd ends, zebra stays as it does on a router.
func (f *FRR) Term() error { return signal(f.vrrpd, unix.SIGTERM) }

// Kill9 implements [Daemon].
func (f *FRR) Kill9() error { return killFamily(f.vrrpd) }

// Pids implements [Daemon].
func (f *FRR) Pids() []int { return append(family(f.vrrpd), family(f.zebra)...) }

// Stop implements [Daemon].
func (f *FRR) Stop() error { return stop(f.vrrpd) }

// Cleanup implements [Daemon].
func (f *FRR) Cleanup() error {
	errs := []error{stop(f.vrrpd), stop(f.zebra)}
	for _, name := range f.links {
		link, err := f.node.Netlink().LinkByName(name)
		if err != nil {
			continue // gone
		}
		if err := f.node.Netlink().LinkDel(link); err != nil {
			errs = append(errs, fmt.Errorf("frr: remove %s: %w", name, err))
		}
	}
	f.links = nil
	return errors.Join(errs...)
}
