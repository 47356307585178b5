// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/regent-ha/regent/internal/probe"
)

func probeCommand() *cobra.Command {
	var asJSON bool
	var o probe.Options
	var request, source string
	c := &cobra.Command{
		Use:   "probe ADDRESS…",
		Short: "look at a service as a client does",
		Long: `Connects to each address in turn until one answers, as a client with several addresses does, and shows how each
answered and how fast: answered, refused, reset, unreachable, timeout or error. An address is one of

  host:port, tcp/host:port   a connection is an answer
  udp/host:port              any reply is an answer; see --request
  dns/host:port              every answer but REFUSED, SERVFAIL and NOTIMP
  postgresql://host:port     whoever takes clients; not who says that it cannot (57P03 and such)
  http://host:port/path      every status below 500; https likewise

Exit code: 0 if one answered, 1 if none did.`,
		Example: `  regent probe 10.0.0.101:5432 10.0.0.102:5432
  regent probe postgresql://10.0.0.101:5432 postgresql://10.0.0.102:5432
  regent probe http://10.0.0.101/health http://10.0.0.102/health
  regent probe --timeout 500ms --json udp/10.0.0.101:53 udp/10.0.0.102:53`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, addresses []string) error {
			ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, unix.SIGTERM)
			defer stop()
			o.Request = []byte(request)
			if source != "" {
				dial, err := dialFrom(source)
				if err != nil {
					return exit{exitUsage, err.Error()}
				}
				o.Dial = dial
			}
			if !asJSON {
				o.Each = func(a probe.Attempt) { a.WriteText(c.OutOrStdout()) } //nolint:errcheck // the terminal is gone: so is the reader
			}
			report, err := probe.Run(ctx, addresses, o)
			if err != nil {
				return exit{exitUsage, err.Error()}
			}
			if asJSON {
				if err := json.NewEncoder(c.OutOrStdout()).Encode(report); err != nil {
					return failed("probe: %v", err)
				}
			}
			if report.Answered == nil {
				return exit{code: exitFailed}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	c.Flags().DurationVar(&o.Timeout, "timeout", 2*time.Second, "how long one address may be silent")
	c.Flags().StringVar(&request, "request", "", "what UDP addresses are asked (default: an empty datagram)")
	c.Flags().StringVar(&source, "source", "", "local address to connect from")
	return c
}

// dialFrom dials from a local address.
func dialFrom(source string) (func(context.Context, string, string) (net.Conn, error), error) {
	addr, err := netip.ParseAddr(source)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(addr, 0))}
		if network == "udp" {
			d.LocalAddr = net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, 0))
		}
		return d.DialContext(ctx, network, address)
	}, nil
}
