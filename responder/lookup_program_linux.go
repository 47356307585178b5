// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"
)

// Where struct bpf_sk_lookup (linux/bpf.h) has what the program reads.
const (
	lookupFamily   = 8
	lookupProtocol = 12
	lookupLocal4   = 40
	lookupLocal6   = 44
	lookupPortAt   = 60
)

// Verdicts of enum sk_action.
const (
	lookupDrop = 0
	lookupPass = 1
)

// passProgram leaves everything as it is. It only shows whether such a program can be loaded.
func passProgram() *ebpf.ProgramSpec {
	return lookupSpec("regent_may", asm.Instructions{asm.Mov.Imm(asm.R0, lookupPass), asm.Return()})
}

func lookupSpec(name string, p asm.Instructions) *ebpf.ProgramSpec {
	return &ebpf.ProgramSpec{Name: name, Type: ebpf.SkLookup, AttachType: ebpf.AttachSkLookup, License: "Dual BSD/GPL", Instructions: p}
}

// lookupProgram is: served now? pass. Refused as a whole, or by its port? Count it, and say that there is no socket. Else pass.
// On its stack it has a lookupPort, which begins with the address.
func lookupProgram(refused, ports, served *ebpf.Map) *ebpf.ProgramSpec {
	const key = -24
	find := func(m *ebpf.Map, name, otherwise string) asm.Instructions {
		return asm.Instructions{
			asm.LoadMapPtr(asm.R1, m.FD()).WithSymbol(name),
			asm.Mov.Reg(asm.R2, asm.RFP),
			asm.Add.Imm(asm.R2, key),
			asm.FnMapLookupElem.Call(),
			asm.JEq.Imm(asm.R0, 0, otherwise),
		}
	}
	word := func(from, to int16) asm.Instructions {
		return asm.Instructions{
			asm.LoadMem(asm.R1, asm.R6, from, asm.Word),
			asm.StoreMem(asm.RFP, to, asm.R1, asm.Word),
		}
	}
	var p asm.Instructions
	add := func(is ...asm.Instruction) { p = append(p, is...) }
	add(
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.LoadMem(asm.R1, asm.R6, lookupFamily, asm.Word),
		asm.JEq.Imm(asm.R1, unix.AF_INET6, "six"),
		asm.StoreImm(asm.RFP, key, 0, asm.Word),
		asm.StoreImm(asm.RFP, key+4, 0, asm.Word),
		asm.StoreImm(asm.RFP, key+8, 0, asm.Half), // ::ffff:
		asm.StoreImm(asm.RFP, key+10, 0xffff, asm.Half),
	)
	add(word(lookupLocal4, key+12)...)
	add(asm.Ja.Label("rest"))
	six := word(lookupLocal6, key)
	six[0] = six[0].WithSymbol("six")
	for i := int16(4); i < 16; i += 4 {
		six = append(six, word(lookupLocal6+i, key+i)...)
	}
	add(six...)
	rest := word(lookupProtocol, key+16)
	rest[0] = rest[0].WithSymbol("rest")
	add(rest...)
	add(word(lookupPortAt, key+20)...)
	add(find(served, "", "refused")...)
	add(
		asm.LoadMem(asm.R7, asm.R0, 0, asm.DWord),
		asm.JEq.Imm(asm.R7, 0, "pass"), // until it is withdrawn
		asm.FnKtimeGetBootNs.Call(),
		asm.JLT.Reg(asm.R0, asm.R7, "pass"),
	)
	add(find(refused, "refused", "ports")...)
	add(asm.Ja.Label("drop"))
	add(find(ports, "ports", "pass")...)
	add(
		// TCP is counted apart.
		asm.LoadMem(asm.R1, asm.RFP, key+16, asm.Word).WithSymbol("drop"),
		asm.JEq.Imm(asm.R1, unix.IPPROTO_TCP, "count"),
		asm.Add.Imm(asm.R0, 8),
		asm.Mov.Imm(asm.R1, 1).WithSymbol("count"),
		asm.StoreXAdd(asm.R0, asm.R1, asm.DWord),
		asm.Mov.Imm(asm.R0, lookupDrop),
		asm.Return(),
		asm.Mov.Imm(asm.R0, lookupPass).WithSymbol("pass"),
		asm.Return(),
	)
	return lookupSpec("regent_refuse", p)
}

// mayLookup reports why the kernel would not take such a program, before anything is touched.
func mayLookup() error {
	program, err := loadProgram(passProgram())
	if err != nil {
		return err
	}
	return program.Close()
}

// loadProgram loads a program.
func loadProgram(spec *ebpf.ProgramSpec) (program *ebpf.Program, err error) {
	err = withMemory(func() error {
		program, err = ebpf.NewProgram(spec)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("load the program for sk_lookup: %w (needs Linux 5.9, CAP_BPF and CAP_NET_ADMIN)", err)
	}
	return program, nil
}

// withMemory repeats f with more memory to lock: before Linux 5.11 BPF objects count against that limit, and the kernel says
// EPERM as for missing rights.
func withMemory(f func() error) error {
	err := f()
	if !errors.Is(err, unix.EPERM) {
		return err
	}
	var before unix.Rlimit
	unlimited := unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
	if unix.Prlimit(0, unix.RLIMIT_MEMLOCK, &unlimited, &before) != nil {
		return err
	}
	if err = f(); err != nil {
		_ = unix.Prlimit(0, unix.RLIMIT_MEMLOCK, &before, nil) // to lower it again is always allowed
	}
	return err
}
