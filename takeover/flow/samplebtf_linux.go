// SPDX-License-Identifier: Apache-2.0

package flow

import (
	"errors"
	"fmt"
	"math"

	"github.com/cilium/ebpf/btf"
)

// errIterMissing says that the kernel is older than the iterator.
var errIterMissing = errors.New("the kernel has no TCP iterator (needs Linux 5.9 or later)")

// iterReadOffsets reads from the kernel's own description of its types. The description is dropped afterwards: it is some
// megabytes, mapped and not copied, and only what is looked at becomes objects.
func iterReadOffsets() (iterOffsets, error) {
	spec, err := btf.LoadKernelSpec()
	if err != nil {
		return iterOffsets{}, fmt.Errorf("read the kernel's types in /sys/kernel/btf/vmlinux (CONFIG_DEBUG_INFO_BTF): %w", err)
	}
	var o iterOffsets
	var context, meta, common, tcp *btf.Struct
	if err := spec.TypeByName("bpf_iter__tcp", &context); err != nil {
		return o, fmt.Errorf("%w: %w", errIterMissing, err)
	}
	if err := errors.Join(spec.TypeByName("bpf_iter_meta", &meta), spec.TypeByName("sock_common", &common),
		spec.TypeByName("tcp_sock", &tcp)); err != nil {
		return o, fmt.Errorf("find the kernel's types: %w", err)
	}
	for _, m := range []struct {
		in   *btf.Struct
		name string
		to   *int16
		size uint32
	}{
		{context, "meta", &o.meta, 8},
		{context, "sk_common", &o.sock, 8},
		{meta, "seq", &o.seq, 8},
		{common, "skc_family", &o.family, 2},
		{common, "skc_state", &o.state, 1},
		{common, "skc_num", &o.localPort, 2},
		{common, "skc_dport", &o.remotePort, 2},
		{common, "skc_rcv_saddr", &o.local4, 4},
		{common, "skc_daddr", &o.remote4, 4},
		{tcp, "snd_nxt", &o.sendNext, 4},
		{tcp, "rcv_nxt", &o.receiveNext, 4},
	} {
		if *m.to, err = iterOffset(m.in, m.name, m.size); err != nil {
			return o, err
		}
	}
	var local, remote error
	o.local6, local = iterOffset(common, "skc_v6_rcv_saddr", 16)
	o.remote6, remote = iterOffset(common, "skc_v6_daddr", 16)
	o.ipv6 = local == nil && remote == nil
	return o, nil
}

// iterOffset returns where a member of a given size is in a struct.
func iterOffset(in *btf.Struct, name string, size uint32) (int16, error) {
	at, typ, ok := iterMember(in.Members, name)
	if !ok {
		return 0, fmt.Errorf("the kernel's struct %s has no member %s", in.Name, name)
	}
	n, err := btf.Sizeof(typ)
	if err != nil {
		return 0, fmt.Errorf("member %s of struct %s: %w", name, in.Name, err)
	}
	// Pointers are eight bytes in what a program sees, whatever they are in the kernel.
	if _, pointer := btf.UnderlyingType(typ).(*btf.Pointer); !pointer && n != int(size) {
		return 0, fmt.Errorf("member %s of struct %s has %d bytes, not %d", name, in.Name, n, size)
	}
	if at > math.MaxInt16 {
		return 0, fmt.Errorf("member %s of struct %s is at %d, out of reach", name, in.Name, at)
	}
	return int16(at), nil
}

// iterMember finds a member, in nameless structs and unions as well.
func iterMember(members []btf.Member, name string) (at uint32, typ btf.Type, ok bool) {
	for _, m := range members {
		if m.BitfieldSize != 0 {
			continue
		}
		if m.Name == name {
			return m.Offset.Bytes(), m.Type, true
		}
		if m.Name != "" {
			continue
		}
		var inner []btf.Member
		switch t := btf.UnderlyingType(m.Type).(type) {
		case *btf.Struct:
			inner = t.Members
		case *btf.Union:
			inner = t.Members
		}
		if at, typ, ok := iterMember(inner, name); ok {
			return m.Offset.Bytes() + at, typ, true
		}
	}
	return 0, nil, false
}
