// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"errors"
	"log/slog"
	"net/netip"
	"sync"

	"golang.org/x/sys/unix"
)

// Names of mechanisms, as [Sampler.Mechanism] returns them.
const (
	MechanismBPF  = "bpf"       // an iterator program in the kernel; sequence numbers are known
	MechanismDiag = "sock_diag" // the list that ss shows; sequence numbers are not
)

// errSampleClosed is returned by a Sampler that is closed.
var errSampleClosed = errors.New("the sampler is closed")

// Sampler lists the TCP connections that local sockets have. It sees one network namespace. Its methods may be called by
// several goroutines.
type Sampler struct {
	log *slog.Logger

	mu        sync.Mutex
	closed    bool
	space     *sampleSpace
	iter      *iterSource // nil where the kernel or our rights do not allow it
	diag      *diagSource
	detail    string
	addresses sampleAddresses
	index     sampleIndex
}

// OpenSampler opens a Sampler in the network namespace of the calling thread. It stays in that namespace, whoever calls
// its methods: the sock_diag socket belongs to it for good, and a thread of its own, which is held in the namespace until
// [Sampler.Close], opens the iterators. Moving that thread takes CAP_SYS_ADMIN, but only where the namespace is not that
// of the process.
//
// It takes the iterator where it can (Linux 5.9, the kernel's types in /sys/kernel/btf/vmlinux, CAP_BPF and CAP_PERFMON) and
// sock_diag, which needs no right at all, elsewhere; [Sampler.Mechanism] says which and why.
func OpenSampler(log *slog.Logger) (*Sampler, error) { return sampleOpen(log, nil) }

// sampleOpen does the work of [OpenSampler], without the iterator if forbidden says why.
func sampleOpen(log *slog.Logger, forbidden error) (*Sampler, error) {
	diag, err := diagOpen()
	if err != nil {
		return nil, err
	}
	s := &Sampler{log: log, diag: diag}
	if err = forbidden; err == nil {
		if s.space, err = sampleEnter(); err == nil {
			s.iter, err = iterOpen(s.space)
		}
	}
	if err != nil {
		s.fall(err)
	} else {
		s.detail = "sequence numbers are exact"
		log.Debug("connections are listed by a program in the kernel", "mechanism", MechanismBPF)
	}
	return s, nil
}

// fall gives the iterator up for good.
func (s *Sampler) fall(why error) {
	s.detail = "no sequence numbers: " + why.Error()
	s.log.Info("connections are listed without sequence numbers", "mechanism", MechanismDiag, "reason", why)
	if s.iter != nil {
		if err := s.iter.close(); err != nil {
			s.log.Warn("the program that listed connections does not close", "error", err)
		}
		s.iter = nil
	}
	if s.space != nil {
		s.space.leave()
		s.space = nil
	}
}

// Mechanism returns [MechanismBPF] or [MechanismDiag], and what there is to know about it: for the latter, why it is not
// the former.
func (s *Sampler) Mechanism() (name, detail string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.iter != nil {
		return MechanismBPF, s.detail
	}
	return MechanismDiag, s.detail
}

// Sample appends to dst the TCP connections whose local address is one of addrs and in which the other end may wait for
// something: those that are established or half closed; no listener, no handshake that is not complete, no TIME_WAIT.
// IPv4-mapped addresses count as IPv4, zones are left out. Each connection comes once, in no order. One that begins or
// ends meanwhile may be in the list or not.
//
// Sequence numbers are known ([Flow.Exact]) if the mechanism is [MechanismBPF]. They are those of the moment in which the
// kernel looked at the connection, and stay right for as long as it is silent.
//
// It takes time in proportion to all TCP sockets of the machine, and allocates nothing for a connection if dst has room.
// After an error, dst comes back as it was. More than 16384 addresses are an error with [MechanismBPF].
func (s *Sampler) Sample(addrs []netip.Addr, dst []Flow) ([]Flow, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return dst, errSampleClosed
	}
	s.addresses.take(addrs)
	if len(s.addresses.list) == 0 {
		return dst, nil
	}
	if s.iter != nil {
		list, err := s.iterate(dst)
		if err == nil || !sampleForbidden(err) {
			return list, err
		}
		s.fall(err)
	}
	return s.diag.sample(&s.addresses, &s.index, dst)
}

func (s *Sampler) iterate(dst []Flow) ([]Flow, error) {
	if err := s.iter.choose(&s.addresses); err != nil {
		return dst, err
	}
	return s.iter.sample(&s.index, dst)
}

// sampleForbidden says whether an error will not pass: rights were dropped.
func sampleForbidden(err error) bool {
	return errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES)
}

// Close ends the Sampler. It may be called more than once.
func (s *Sampler) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	err := s.diag.close()
	if s.iter != nil {
		err = errors.Join(err, s.iter.close())
	}
	if s.space != nil {
		s.space.leave()
	}
	return err
}
