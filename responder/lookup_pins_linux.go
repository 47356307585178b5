// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"
)

// bpffs is where pinned objects live, so that they outlive their process.
const bpffs = "/sys/fs/bpf"

// pins are the program's link and maps of one network namespace.
type pins struct {
	dir                    string // "": they are not pinned
	unpinned               string // why not
	link                   link.Link
	refused, ports, served *ebpf.Map
}

// mapSpecs are the maps, by the name of their pin. Another layout would have other names.
func mapSpecs() map[string]*ebpf.MapSpec {
	spec := func(name string, key, value uint32) *ebpf.MapSpec {
		return &ebpf.MapSpec{Name: name, Type: ebpf.Hash, KeySize: key, ValueSize: value, MaxEntries: lookupLimit, Flags: unix.BPF_F_NO_PREALLOC}
	}
	return map[string]*ebpf.MapSpec{"refused1": spec("regent_refused", 16, 16), "ports1": spec("regent_ports", 24, 16), "served1": spec("regent_served", 16, 8)}
}

// openPins attaches the program to the network namespace of the calling thread, with the maps that an earlier process left, if
// there are any.
func openPins(table string) (_ *pins, adopted bool, err error) {
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, false, fmt.Errorf("raise the limit of locked memory: %w (needs CAP_SYS_RESOURCE)", err)
	}
	ns, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return nil, false, err
	}
	defer ns.Close()
	p := &pins{}
	if p.dir, err = pinDirectory(table); err != nil {
		p.dir, p.unpinned = "", err.Error()
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
		if err != nil && p.dir != "" && !adopted {
			_ = unpin(p.dir) // nothing in it is of use
		}
	}()
	if p.dir != "" {
		sweepPins()
		adopted = p.adopt()
	}
	if !adopted {
		if err := p.make(); err != nil {
			return nil, false, err
		}
	}
	program, err := ebpf.NewProgram(lookupProgram(p.refused, p.ports, p.served))
	if err != nil {
		return nil, false, fmt.Errorf("load the program for sk_lookup: %w (needs Linux 5.9, CAP_BPF and CAP_NET_ADMIN)", err)
	}
	defer program.Close()
	if adopted {
		if err := p.link.Update(program); err != nil {
			return nil, false, fmt.Errorf("replace the program for sk_lookup: %w", err)
		}
		return p, true, nil
	}
	if p.link, err = link.AttachNetNs(int(ns.Fd()), program); err != nil {
		return nil, false, fmt.Errorf("attach the program for sk_lookup: %w (needs Linux 5.9 and CAP_NET_ADMIN)", err)
	}
	if p.dir == "" {
		return p, false, nil
	}
	return p, false, p.pin()
}

// pinDirectory is where the objects of the calling thread's network namespace are pinned.
func pinDirectory(table string) (string, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(bpffs, &s); err != nil {
		return "", err
	}
	if s.Type != unix.BPF_FS_MAGIC {
		if err := unix.Mount("bpf", bpffs, "bpf", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "mode=0700"); err != nil {
			return "", fmt.Errorf("mount %s: %w", bpffs, err)
		}
	}
	var ns unix.Stat_t
	if err := unix.Stat("/proc/thread-self/ns/net", &ns); err != nil {
		return "", err
	}
	dir := filepath.Join(bpffs, "regent", fmt.Sprintf("%s-%d", table, ns.Ino))
	return dir, os.MkdirAll(dir, 0o700)
}

// adopt opens what is pinned. A number of a namespace is used again when that is gone; then the link is of none.
func (p *pins) adopt() bool {
	l, err := link.LoadPinnedLink(filepath.Join(p.dir, "link"), nil)
	if err != nil {
		return false
	}
	p.link = l
	if detached(l) || p.open(func(name string, _ *ebpf.MapSpec) (*ebpf.Map, error) {
		return ebpf.LoadPinnedMap(filepath.Join(p.dir, name), nil)
	}) != nil {
		_ = p.close()
		p.link, p.refused, p.ports, p.served = nil, nil, nil, nil
		_ = unpin(p.dir)
		return false
	}
	return true
}

// detached says whether a link's namespace is gone.
func detached(l link.Link) bool {
	info, err := l.Info()
	if err != nil || info.NetNs() == nil {
		return true
	}
	return info.NetNs().NetnsInode == 0
}

// make makes empty maps.
func (p *pins) make() error {
	err := p.open(func(_ string, s *ebpf.MapSpec) (*ebpf.Map, error) { return ebpf.NewMap(s) })
	if err != nil {
		return fmt.Errorf("make the maps for sk_lookup: %w (needs CAP_BPF)", err)
	}
	return nil
}

func (p *pins) open(open func(string, *ebpf.MapSpec) (*ebpf.Map, error)) error {
	fields := map[string]**ebpf.Map{"refused1": &p.refused, "ports1": &p.ports, "served1": &p.served}
	for name, spec := range mapSpecs() {
		m, err := open(name, spec)
		if err != nil {
			return err
		}
		*fields[name] = m
		if m.KeySize() != spec.KeySize || m.ValueSize() != spec.ValueSize {
			return fmt.Errorf("map %s is not ours", name)
		}
	}
	return nil
}

// pin lets the objects outlive this process: maps first, so that a link that is found has its maps.
func (p *pins) pin() error {
	if err := unpin(p.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return err
	}
	for name, m := range map[string]*ebpf.Map{"refused1": p.refused, "ports1": p.ports, "served1": p.served} {
		if err := m.Pin(filepath.Join(p.dir, name)); err != nil {
			return fmt.Errorf("pin %s: %w", name, err)
		}
	}
	if err := p.link.Pin(filepath.Join(p.dir, "link")); err != nil {
		return fmt.Errorf("pin the program for sk_lookup: %w", err)
	}
	return nil
}

// unpin removes the pins of a directory, and the directory.
func unpin(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	errs := []error{err}
	for _, e := range entries {
		errs = append(errs, os.Remove(filepath.Join(dir, e.Name())))
	}
	return errors.Join(append(errs, os.Remove(dir))...)
}

// sweepPins removes what belongs to namespaces that are gone.
func sweepPins() {
	dirs, err := filepath.Glob(filepath.Join(bpffs, "regent", "*-*"))
	if err != nil {
		return
	}
	for _, dir := range dirs {
		l, err := link.LoadPinnedLink(filepath.Join(dir, "link"), nil)
		if err != nil {
			continue // it is just being made, or not ours
		}
		if detached(l) {
			_ = unpin(dir)
		}
		_ = l.Close()
	}
}

// remove detaches the program and removes all pins.
func (p *pins) remove() error {
	if p.dir == "" {
		return nil
	}
	return unpin(p.dir)
}

// close lets go of the objects. Those that are not pinned end.
func (p *pins) close() error {
	var errs []error
	if p.link != nil {
		errs = append(errs, p.link.Close())
	}
	for _, m := range []*ebpf.Map{p.refused, p.ports, p.served} {
		if m != nil {
			errs = append(errs, m.Close())
		}
	}
	return errors.Join(errs...)
}

// liftLookup makes everything refused again that a dead process served in the calling thread's network namespace.
func liftLookup(table string) error {
	var s unix.Statfs_t
	var ns unix.Stat_t
	if unix.Statfs(bpffs, &s) != nil || s.Type != unix.BPF_FS_MAGIC || unix.Stat("/proc/thread-self/ns/net", &ns) != nil {
		return nil // nothing can be pinned
	}
	m, err := ebpf.LoadPinnedMap(filepath.Join(bpffs, "regent", fmt.Sprintf("%s-%d", table, ns.Ino), "served1"), nil)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(emptyServed(m), m.Close())
}
