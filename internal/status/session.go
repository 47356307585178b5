// SPDX-License-Identifier: Apache-2.0

package status

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// Session is a session of bidirectional forwarding detection (RFC 5880), which checks of one or more services watch.
type Session struct {
	Path     string `json:"path"` // neighbor, with the own address if the file gives it
	Neighbor string `json:"neighbor"`
	Source   string `json:"source"` // "": the kernel chooses
	Multihop bool   `json:"multihop"`
	// Counts is whether checks on it pass. It differs from the state after the neighbor ended the session on purpose.
	Counts              bool              `json:"counts_as_up"`
	State               string            `json:"state"` // admin down | down | init | up
	Diagnostic          string            `json:"diagnostic"`
	RemoteState         string            `json:"remote_state"`
	RemoteDiagnostic    string            `json:"remote_diagnostic"`
	Discriminator       uint32            `json:"discriminator"`
	RemoteDiscriminator uint32            `json:"remote_discriminator"` // 0: not known
	Since               time.Time         `json:"since"`                // it came up or went down last
	Interval            float64           `json:"interval"`             // between packets sent, in seconds
	DetectionTime       float64           `json:"detection_time"`       // in seconds; 0: the neighbor was not heard
	Downs               uint64            `json:"downs"`                // how often it went down
	Sent                uint64            `json:"packets_sent"`
	Received            uint64            `json:"packets_received"`
	SendErrors          uint64            `json:"send_errors"`
	Discarded           map[string]uint64 `json:"packets_discarded"` // by reason
	Error               string            `json:"error"`             // why there is no session; "" if there is one
}

// sessionTable writes a line a session.
func sessionTable(w io.Writer, s Snapshot, now time.Time) error {
	if len(s.Sessions) == 0 {
		return nil
	}
	var body strings.Builder
	tw := tabwriter.NewWriter(&body, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "BFD SESSION\tSTATE\tNEIGHBOR SAYS\tDETECTION\tDOWNS\tSINCE\tREASON")
	for _, v := range s.Sessions {
		detection, reason := "-", v.Diagnostic
		if v.DetectionTime > 0 {
			detection = time.Duration(v.DetectionTime * float64(time.Second)).Round(time.Microsecond).String()
		}
		if v.Error != "" {
			reason = v.Error
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", v.Path, v.State, v.RemoteState, detection, v.Downs, Ago(now.Sub(v.Since)), reason)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s", body.String())
	return err
}
