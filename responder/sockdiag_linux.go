// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// struct inet_diag_req_v2 and struct inet_diag_msg (linux/inet_diag.h).
const (
	diagRequestLen = 56
	diagMessageLen = 72
	attrOnly6      = 11 // INET_DIAG_SKV6ONLY
	stateClose     = 7  // TCP_CLOSE: a UDP socket that is not connected
	stateListen    = 10 // TCP_LISTEN
)

// diag reads the sockets of the network namespace in which it was opened.
type diag struct{ nl *netlink.Conn }

func dialDiag() (*diag, error) {
	nl, err := netlink.Dial(unix.NETLINK_SOCK_DIAG, nil)
	if err != nil {
		return nil, fmt.Errorf("open sock_diag socket: %w", err)
	}
	return &diag{nl}, nil
}

func (d *diag) close() error { return d.nl.Close() }

// listeners returns the TCP sockets that listen and the UDP sockets that take datagrams from anybody.
func (d *diag) listeners() ([]Listener, error) {
	var all []Listener
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		for _, kind := range []struct {
			proto uint8
			state uint
		}{{TCP, stateListen}, {UDP, stateClose}} {
			list, err := d.ask(family, kind.proto, 1<<kind.state)
			if errors.Is(err, unix.EINTR) { // sockets came and went meanwhile; one more time is good enough
				list, err = d.ask(family, kind.proto, 1<<kind.state)
			}
			if err != nil && !errors.Is(err, unix.EINTR) {
				return nil, fmt.Errorf("read the sockets of protocol %d: %w (needs the kernel's tcp_diag and udp_diag)", kind.proto, err)
			}
			all = append(all, list...)
		}
	}
	return all, nil
}

func (d *diag) ask(family, proto uint8, states uint32) ([]Listener, error) {
	if err := d.nl.SetDeadline(time.Now().Add(answerLimit)); err != nil {
		return nil, err
	}
	request := make([]byte, diagRequestLen)
	request[0], request[1] = family, proto
	binary.NativeEndian.PutUint32(request[4:], states)
	_, err := d.nl.Send(netlink.Message{
		Header: netlink.Header{Type: unix.SOCK_DIAG_BY_FAMILY, Flags: netlink.Request | netlink.Dump},
		Data:   request,
	})
	if err != nil {
		return nil, errnoOf(err)
	}
	answers, err := d.nl.Receive()
	if err != nil {
		return nil, errnoOf(err)
	}
	list := make([]Listener, 0, len(answers))
	for _, a := range answers {
		l, err := parseSocket(a.Data)
		if err != nil {
			return nil, err
		}
		l.Proto = proto
		if l.Port != 0 {
			list = append(list, l)
		}
	}
	return list, nil
}

// parseSocket reads struct inet_diag_msg and the attributes behind it.
func parseSocket(b []byte) (l Listener, err error) {
	if len(b) < diagMessageLen {
		return l, errShort
	}
	l.Port = binary.BigEndian.Uint16(b[4:])
	if b[0] == unix.AF_INET6 {
		l.Address = netip.AddrFrom16([16]byte(b[8:24]))
	} else {
		l.Address = netip.AddrFrom4([4]byte(b[8:12]))
	}
	l.Interface = binary.NativeEndian.Uint32(b[40:])
	l.UID = binary.NativeEndian.Uint32(b[64:])
	l.Inode = binary.NativeEndian.Uint32(b[68:])
	err = walk(b[diagMessageLen:], func(ad *netlink.AttributeDecoder) {
		if ad.Type() == attrOnly6 {
			l.Only6 = ad.Uint8() != 0
		}
	})
	return l, err
}

// nameProcesses fills in which processes hold the sockets. It reads /proc and is for the few that are reported.
func nameProcesses(list []Listener) {
	want := map[string]*Listener{}
	for i := range list {
		want[fmt.Sprintf("socket:[%d]", list[i].Inode)] = &list[i]
	}
	// A process that ends meanwhile, or that we may not look into, stays unnamed.
	descriptors, _ := filepath.Glob("/proc/[0-9]*/fd/[0-9]*")
	for _, path := range descriptors {
		link, err := os.Readlink(path)
		if err != nil {
			continue
		}
		l, ok := want[link]
		if !ok || l.Process != "" {
			continue
		}
		pid := strings.Split(path, "/")[2]
		name, err := os.ReadFile("/proc/" + pid + "/comm")
		if err != nil {
			continue
		}
		l.Process = fmt.Sprintf("%s (process %s)", strings.TrimSpace(string(name)), pid)
	}
}
