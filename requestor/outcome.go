// SPDX-License-Identifier: Apache-2.0

package requestor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

// Outcome says in one word how an address answered.
type Outcome string

// The outcomes.
const (
	// Answered: the service is there.
	Answered Outcome = "answered"
	// Refused: a reset answered the first packet, or a port-unreachable came back.
	Refused Outcome = "refused"
	// Reset: the connection was there and was broken off.
	Reset Outcome = "reset"
	// Unreachable: the network or the host said that there is no way.
	Unreachable Outcome = "unreachable"
	// Timeout: silence.
	Timeout Outcome = "timeout"
	// Failed: any other error, mostly one of this side (a name that does not resolve, no permission).
	Failed Outcome = "error"
)

// Classify finds the outcome that an error of package net stands for.
func Classify(err error) Outcome {
	var timeout interface{ Timeout() bool }
	switch {
	case err == nil:
		return Answered
	case isAny(err, syscall.ECONNREFUSED):
		return Refused
	case isAny(err, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE):
		return Reset
	// Administratively prohibited arrives as EHOSTUNREACH, for IPv6 as EACCES;
	// protocol-unreachable as ENOPROTOOPT (icmp(7), net/ipv4/icmp.c, net/ipv6/icmp.c).
	case isAny(err, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EHOSTDOWN, syscall.ENETDOWN,
		syscall.EACCES, syscall.ENOPROTOOPT):
		return Unreachable
	case errors.Is(err, context.Canceled):
		return Failed
	case isAny(err, syscall.ETIMEDOUT), errors.Is(err, os.ErrDeadlineExceeded),
		errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return Timeout
	}
	return Failed
}

func isAny(err error, numbers ...syscall.Errno) bool {
	for _, n := range numbers {
		if errors.Is(err, n) {
			return true
		}
	}
	return false
}

// Attempt is one try at one address.
type Attempt struct {
	Address string
	Outcome Outcome
	// Elapsed from the start of the attempt to its outcome.
	Elapsed time.Duration
	// Err is nil if the address answered.
	Err error
}

// Error says which address it was, and how it ended.
func (a Attempt) Error() string {
	if a.Err == nil {
		return fmt.Sprintf("%s: %s after %s", a.Address, a.Outcome, round(a.Elapsed))
	}
	return fmt.Sprintf("%s: %s after %s: %v", a.Address, a.Outcome, round(a.Elapsed), cause(a.Err))
}

// Unwrap returns the error of the attempt.
func (a Attempt) Unwrap() error { return a.Err }

// cause leaves out what package net puts before it: the address is said already.
func cause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// round keeps three digits or so.
func round(d time.Duration) time.Duration {
	for unit := time.Second; unit > time.Nanosecond; unit /= 10 {
		if d >= 100*unit {
			return d.Round(unit)
		}
	}
	return d
}

// Error is returned when no address answered. errors.Is and errors.As find the
// error of each attempt and each [Attempt].
type Error struct {
	// Network and Address that were asked for.
	Network, Address string
	Attempts         []Attempt
}

// Error names every address and its outcome.
func (e *Error) Error() string {
	parts := make([]string, len(e.Attempts))
	for i, a := range e.Attempts {
		parts[i] = a.Error()
	}
	return fmt.Sprintf("dial %s %s: no address answered: %s", e.Network, e.Address, strings.Join(parts, "; "))
}

// Unwrap returns the attempts.
func (e *Error) Unwrap() []error {
	errs := make([]error, len(e.Attempts))
	for i, a := range e.Attempts {
		errs[i] = a
	}
	return errs
}

// Timeout tells whether all that came was silence. With [Error.Temporary] it makes Error a net.Error.
func (e *Error) Timeout() bool {
	for _, a := range e.Attempts {
		if a.Outcome != Timeout {
			return false
		}
	}
	return len(e.Attempts) > 0
}

// Temporary is part of net.Error: an address may answer again.
func (e *Error) Temporary() bool { return true }
