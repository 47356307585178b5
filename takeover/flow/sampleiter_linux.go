// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"syscall"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

const (
	iterAddresses = 16384    // that the map holds
	iterBuffer    = 64 << 10 // the kernel fills eight pages at a time
	iterLargest   = 1 << 20

	// iterLicense is what the kernel demands of a program that reads its structures. It concerns the few instructions of
	// iterProgram as they are loaded, which may be used under the GNU GPL, version 2, as well.
	iterLicense = "Dual BSD/GPL"
)

// errIterAddresses says that a sample was asked for with too many addresses.
var errIterAddresses = fmt.Errorf("more than %d addresses", iterAddresses)

// iterSource lists connections through a program in the kernel.
type iterSource struct {
	addresses *ebpf.Map
	link      *link.Iter
	space     *sampleSpace
	held      map[netip.Addr]bool // keys of addresses
	buffer    []byte
}

// iterOpen loads the program and attaches it. The namespace is that of the space.
func iterOpen(space *sampleSpace) (*iterSource, error) {
	offsets, err := iterReadOffsets()
	if err != nil {
		return nil, err
	}
	addresses, err := ebpf.NewMap(&ebpf.MapSpec{
		Name: "regent_flows", Type: ebpf.Hash, KeySize: 16, ValueSize: 1, MaxEntries: iterAddresses,
		Flags: unix.BPF_F_NO_PREALLOC,
	})
	if err != nil {
		return nil, iterExplain("create a BPF map", err)
	}
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "regent_flows", Type: ebpf.Tracing, AttachType: ebpf.AttachTraceIter, AttachTo: "tcp",
		Instructions: iterProgram(offsets, addresses.FD()), License: iterLicense,
	})
	if err != nil {
		return nil, errors.Join(iterExplain("load the BPF program", err), addresses.Close())
	}
	iter, err := link.AttachIter(link.IterOptions{Program: program})
	if err = errors.Join(err, program.Close()); err != nil { // the link holds the program
		if iter != nil {
			err = errors.Join(err, iter.Close())
		}
		return nil, errors.Join(iterExplain("attach the BPF program", err), addresses.Close())
	}
	return &iterSource{
		addresses: addresses, link: iter, space: space, held: map[netip.Addr]bool{}, buffer: make([]byte, iterBuffer),
	}, nil
}

// iterExplain says what is missing for the kernel to allow it.
func iterExplain(what string, err error) error {
	for _, refused := range []syscall.Errno{unix.EPERM, unix.EACCES} {
		if errors.Is(err, refused) {
			return fmt.Errorf("%s: %w (needs CAP_BPF and CAP_PERFMON in the first user namespace; "+
				"before Linux 5.11 also a higher RLIMIT_MEMLOCK)", what, refused)
		}
	}
	return fmt.Errorf("%s: %w", what, err)
}

func (s *iterSource) close() error { return errors.Join(s.link.Close(), s.addresses.Close()) }

// choose puts the addresses into the map, and those that are not wanted any more out of it.
func (s *iterSource) choose(addrs *sampleAddresses) error {
	if len(addrs.list) > iterAddresses {
		return errIterAddresses
	}
	for a := range s.held {
		if addrs.set[a] {
			continue
		}
		if err := s.addresses.Delete(iterKey(a)); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("forget address %s: %w", a, err)
		}
		delete(s.held, a)
	}
	for _, a := range addrs.list {
		if s.held[a] {
			continue
		}
		if err := s.addresses.Put(iterKey(a), uint8(1)); err != nil {
			return fmt.Errorf("choose address %s: %w", a, err)
		}
		s.held[a] = true
	}
	return nil
}

// sample appends the connections on the chosen addresses to list.
func (s *iterSource) sample(index *sampleIndex, list []Flow) ([]Flow, error) {
	base := len(list)
	index.reset()
	var reader io.ReadCloser
	err := s.space.do(func() (err error) {
		reader, err = s.link.Open() // the kernel lists the namespace of the thread that does this
		return err
	})
	if err != nil {
		return list, iterExplain("open the TCP iterator", err)
	}
	list, err = s.read(reader, index, list, base)
	if err = errors.Join(err, reader.Close()); err != nil {
		return list[:base], fmt.Errorf("read the TCP iterator: %w", err)
	}
	return list, nil
}

// read reads to the end. A record may be cut by the end of the buffer.
func (s *iterSource) read(reader io.Reader, index *sampleIndex, list []Flow, base int) ([]Flow, error) {
	kept := 0
	for {
		n, err := reader.Read(s.buffer[kept:])
		full := kept+n == len(s.buffer)
		var rest []byte
		var bad error
		if list, rest, bad = iterTake(s.buffer[:kept+n], index, list, base); bad != nil {
			return list, bad
		}
		kept = copy(s.buffer, rest)
		if full && len(s.buffer) < iterLargest { // pages are larger here: fewer calls with a larger buffer
			s.buffer = append(s.buffer, make([]byte, len(s.buffer))...)
		}
		switch {
		case err == nil, errors.Is(err, unix.EAGAIN): // a million sockets without one that is wanted
		case errors.Is(err, io.EOF) && kept == 0:
			return list, nil
		case errors.Is(err, io.EOF):
			return list, errIterRecord
		default:
			return list, err
		}
	}
}
