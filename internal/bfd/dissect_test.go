// SPDX-License-Identifier: Apache-2.0

package bfd

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/regent-ha/regent/internal/netlab"
)

// writeCapture writes datagrams to port 3784 as a capture of raw IPv4.
func writeCapture(t *testing.T, datagrams ...[]byte) string {
	t.Helper()
	b := binary.LittleEndian.AppendUint32(nil, 0xa1b2c3d4)
	b = append(b, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0)
	b = binary.LittleEndian.AppendUint32(b, 101) // LINKTYPE_RAW
	for _, d := range datagrams {
		n := 28 + len(d)
		b = append(b, make([]byte, 8)...)
		b = binary.LittleEndian.AppendUint32(b, uint32(n))
		b = binary.LittleEndian.AppendUint32(b, uint32(n))
		b = append(b, 0x45, internetControl)
		b = binary.BigEndian.AppendUint16(b, uint16(n))
		b = append(b, 0, 0, 0, 0, 255, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2)
		b = binary.BigEndian.AppendUint16(b, firstSource)
		b = binary.BigEndian.AppendUint16(b, portSingle)
		b = binary.BigEndian.AppendUint16(b, uint16(n-20))
		b = append(append(b, 0, 0), d...)
	}
	path := filepath.Join(t.TempDir(), "bfd.pcap")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWiresharkReadsThePacketsAsMeant(t *testing.T) {
	t.Parallel()
	netlab.Require(t, "tshark")
	var datagrams [][]byte
	var want []string
	for _, s := range samples {
		datagrams = append(datagrams, s.packet.Append(nil))
		want = append(want, s.fields)
	}
	names := []string{"bfd.diag", "bfd.sta", "bfd.flags.p", "bfd.flags.f", "bfd.flags.c", "bfd.flags.a", "bfd.flags.d", "bfd.flags.m", "bfd.detect_time_multiplier",
		"bfd.message_length", "bfd.my_discriminator", "bfd.your_discriminator", "bfd.desired_min_tx_interval", "bfd.required_min_rx_interval",
		"bfd.required_min_echo_interval"}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	rows, err := netlab.Tshark(ctx, writeCapture(t, datagrams...), "bfd and not _ws.malformed", names...)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range rows {
		var line strings.Builder
		for i, n := range names {
			v := r[n]
			if strings.HasPrefix(n, "bfd.flags.") { // "1" and "0", or words in later versions
				v = map[string]string{"1": "1", "True": "1", "0": "0", "False": "0"}[v]
				if n == "bfd.flags.m" {
					v += "|"
				}
			} else if i < len(names)-1 {
				v += "|"
			}
			line.WriteString(v)
		}
		got = append(got, line.String())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
