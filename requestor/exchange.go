// SPDX-License-Identifier: Apache-2.0

package requestor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// maxDatagram is the longest payload of a UDP packet without jumbograms.
const maxDatagram = 65535

// Exchange sends a datagram to the first of the addresses and moves on until one
// replies. [Dialer.Exchange] does the same and remembers.
func Exchange(ctx context.Context, addresses []string, request []byte) ([]byte, error) {
	if len(addresses) == 0 {
		return nil, errors.New("exchange: no addresses given")
	}
	d := &Dialer{Addresses: addresses}
	return d.Exchange(ctx, addresses[0], request)
}

// Exchange sends a datagram and returns the reply of the first address that
// gives one. An ICMP error moves on at once. Silence is met by sending again,
// Tries times within Timeout, and then by moving on: the service must stand a repeated
// request. The first datagram that comes from the address asked is the reply.
func (d *Dialer) Exchange(ctx context.Context, address string, request []byte) ([]byte, error) {
	reply, at, err := race(ctx, d, "udp", address, func(ctx context.Context, candidate string) ([]byte, error) {
		return d.ask(ctx, candidate, request)
	}, func([]byte) {})
	if err != nil {
		return nil, err
	}
	d.remember(address, at)
	return reply, nil
}

// ask puts the request to one address until the context ends.
func (d *Dialer) ask(ctx context.Context, address string, request []byte) ([]byte, error) {
	// A connected socket: the kernel hands ICMP errors to no other.
	conn, err := d.dial(ctx, "udp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close() //nolint:errcheck // nothing is buffered
	// A cancelled context ends the read as its deadline would.
	defer context.AfterFunc(ctx, func() {
		conn.SetDeadline(time.Unix(1, 0)) //nolint:errcheck // closed is fine
	})()
	tries := d.Tries
	if tries <= 0 {
		tries = 2
	}
	end, ok := ctx.Deadline()
	if !ok {
		return nil, fmt.Errorf("exchange with %s: no time limit", address)
	}
	share := time.Until(end) / time.Duration(tries)
	buffer := make([]byte, maxDatagram)
	for i := 1; ; i++ {
		if _, err := conn.Write(request); err != nil {
			return nil, err
		}
		n, err := receive(ctx, conn, buffer, end.Add(-share*time.Duration(tries-i)))
		if err == nil {
			return buffer[:n], nil
		}
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil, ctx.Err() // rather than the deadline that ended the read
		}
		if i == tries || ctx.Err() != nil || !errors.Is(err, os.ErrDeadlineExceeded) {
			return nil, err
		}
	}
}

// receive reads until a time. The context may have ended before the deadline
// was set, and would then be overruled by it.
func receive(ctx context.Context, conn net.Conn, buffer []byte, until time.Time) (int, error) {
	if err := conn.SetReadDeadline(until); err != nil {
		return 0, err
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	return conn.Read(buffer)
}
