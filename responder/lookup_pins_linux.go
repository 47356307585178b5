// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// pins are the program, its link and its maps of one network namespace.
type pins struct {
	space                  *os.File // the namespace
	inode                  uint32   // its number
	home                   *home    // nil: nothing is pinned
	unpinned               string   // why not
	mounted                string   // what to say of the filesystem
	program                *ebpf.Program
	link                   link.Link
	refused, ports, served *ebpf.Map
	// outdated: the link still has a program and maps of another version, or whose pins are lost. They refuse until ours know
	// what to refuse.
	outdated bool
}

// objects are what is pinned, by name: the maps first, so that a link that is found has its maps. Another layout of a map
// would have another name.
func (p *pins) objects() []object {
	return []object{{"refused1", p.refused}, {"ports1", p.ports}, {"served1", p.served}, {"link", p.link}}
}

type object struct {
	name string
	of   interface {
		Pin(path string) error
		Unpin() error
	}
}

// mapFields are the maps with what they must be.
func (p *pins) mapFields() []mapField {
	spec := func(name string, key, value uint32) *ebpf.MapSpec {
		return &ebpf.MapSpec{Name: name, Type: ebpf.Hash, KeySize: key, ValueSize: value, MaxEntries: lookupLimit, Flags: unix.BPF_F_NO_PREALLOC}
	}
	return []mapField{
		{"refused1", spec("regent_refused", 16, 16), &p.refused},
		{"ports1", spec("regent_ports", 24, 16), &p.ports},
		{"served1", spec("regent_served", 16, 8), &p.served},
	}
}

type mapField struct {
	name string
	spec *ebpf.MapSpec
	to   **ebpf.Map
}

// openPins attaches the program to the network namespace of the calling thread, or takes over what an earlier process left
// there; taken says which.
func openPins(ctx context.Context, table string) (_ *pins, taken string, err error) {
	if err := mayLookup(); err != nil {
		return nil, "", err
	}
	p := &pins{}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	if p.space, err = os.Open(threadSpace); err != nil {
		return nil, "", err
	}
	var ns unix.Stat_t
	if err := unix.Fstat(int(p.space.Fd()), &ns); err != nil {
		return nil, "", fmt.Errorf("look at %s: %w", threadSpace, err)
	}
	p.inode = uint32(ns.Ino) //nolint:gosec // the kernel numbers them so
	if err := p.settle(ctx, table); err != nil {
		return nil, "", err
	}
	taken, err = p.begin()
	return p, taken, err
}

// settle takes the home. Where none can be had, all goes without.
func (p *pins) settle(ctx context.Context, table string) error {
	dir, err := homeDirectory(table)
	if err != nil {
		return err
	}
	did, err := mountPins()
	if err == nil {
		p.home, err = makeHome(ctx, dir)
	}
	switch {
	case passing(err) || ctx.Err() != nil:
		return err
	case err != nil:
		p.unpinned = err.Error()
		return nil
	case did:
		p.mounted = ", which was mounted for it and ends with this process's mount namespace, if that is not the host's"
	}
	sweepHomes(dir)
	return nil
}

// begin takes over what is pinned, or begins anew.
func (p *pins) begin() (taken string, err error) {
	adopted := false
	if p.home != nil {
		if adopted, err = p.adopt(); err != nil {
			return "", err
		}
	}
	if p.refused == nil {
		for _, f := range p.mapFields() {
			err := withMemory(func() (err error) {
				*f.to, err = ebpf.NewMap(f.spec)
				return err
			})
			if err != nil {
				return "", fmt.Errorf("make the maps for sk_lookup: %w (needs CAP_BPF)", err)
			}
		}
	}
	if p.program, err = loadProgram(lookupProgram(p.refused, p.ports, p.served)); err != nil {
		return "", err
	}
	switch {
	case p.outdated:
		return "adopted, maps of another version are in force until what is refused is set anew", nil
	case adopted:
		if err := p.link.Update(p.program); err != nil {
			return "", fmt.Errorf("replace the program for sk_lookup: %w", err)
		}
		return "adopted", nil
	}
	if err := p.attach(); err != nil {
		return "", err
	}
	return "new", p.pin()
}

// attach attaches the program in place of a link that is detached.
func (p *pins) attach() error {
	l, err := link.AttachNetNs(int(p.space.Fd()), p.program)
	if err != nil {
		return fmt.Errorf("attach the program for sk_lookup: %w (needs Linux 5.9 and CAP_NET_ADMIN)", err)
	}
	if p.link != nil {
		_ = p.link.Close() // it does nothing any more
	}
	p.link = l
	return nil
}

// adopt opens what is pinned, if it is of this namespace: its number may be that of one that is gone. Maps that are not
// ours are left to their program.
func (p *pins) adopt() (bool, error) {
	l, err := link.LoadPinnedLink(p.home.path("link"), nil)
	if errors.Is(err, fs.ErrNotExist) {
		return false, p.home.empty()
	}
	if err != nil {
		return false, fmt.Errorf("open what an earlier process left: %w", err)
	}
	if attachedTo(l) != p.inode {
		return false, errors.Join(l.Close(), p.home.empty())
	}
	p.link = l
	fields := p.mapFields()
	for _, f := range fields {
		m, err := ebpf.LoadPinnedMap(p.home.path(f.name), nil)
		switch {
		case err == nil:
			*f.to = m
			p.outdated = p.outdated || f.spec.Compatible(m) != nil
		case errors.Is(err, fs.ErrNotExist):
			p.outdated = true
		default:
			return false, fmt.Errorf("open what an earlier process left: %w", err)
		}
	}
	if !p.outdated {
		return true, nil
	}
	for _, f := range fields {
		if *f.to != nil {
			_ = (*f.to).Close() // pinned, and its program has it
		}
		*f.to = nil
	}
	return true, nil
}

// remove detaches the program and removes all pins. A link whose pins are removed would end some time later only.
func (p *pins) remove() error {
	err := p.link.Detach()
	if p.home != nil {
		err = errors.Join(err, p.home.remove())
	}
	return err
}

// close lets go of the objects. Those that are not pinned end.
func (p *pins) close() error {
	var errs []error
	if p.link != nil {
		errs = append(errs, p.link.Close())
	}
	if p.program != nil {
		errs = append(errs, p.program.Close())
	}
	for _, f := range p.mapFields() {
		if *f.to != nil {
			errs = append(errs, (*f.to).Close())
		}
	}
	if p.space != nil {
		errs = append(errs, p.space.Close())
	}
	if p.home != nil {
		errs = append(errs, p.home.close())
	}
	return errors.Join(errs...)
}
