// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/regent-ha/regent/conf/keepalived"
	"github.com/regent-ha/regent/conf/keepalived/convert"
)

// defaultKeepalived is where keepalived has its configuration.
const defaultKeepalived = "/etc/keepalived/keepalived.conf"

func convertCommand() *cobra.Command {
	var out, id string
	c := &cobra.Command{
		Use:   "convert [FILE]",
		Short: "turn a keepalived.conf into a regent.toml",
		Long: `Reads a keepalived.conf with all that it includes and prints the regent.toml that behaves the same. What cannot be the
same is told on standard error, a line each with its place:

  file:line:column: warning: …

Exit code: 0 without errors, 3 with errors, 1 if the file cannot be read or the result not be written. With errors the
text is printed all the same, but not written to a file.`,
		Example: `  regent convert
  regent convert /etc/keepalived/keepalived.conf -o /etc/regent/regent.toml
  regent convert -i lb2 keepalived.conf`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			path := defaultKeepalived
			if len(args) == 1 {
				path = args[0]
			}
			if _, err := os.Stat(path); err != nil {
				return failed("convert: %v", err)
			}
			result, problems := convertKeepalived(path, keepalived.Options{ConfigID: id})
			fmt.Fprint(c.ErrOrStderr(), problems.Diagnostics())
			refused := problems.Err() != nil
			if out == "" {
				if _, err := c.OutOrStdout().Write(result.TOML); err != nil {
					return failed("convert: %v", err)
				}
			} else if !refused {
				if err := writeConverted(out, result.TOML); err != nil {
					return failed("convert: %v", err)
				}
			}
			if refused {
				return exit{code: exitConfig}
			}
			return nil
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "write to this file, with mode 0600: it may hold passwords (default: standard output)")
	c.Flags().StringVarP(&id, "config-id", "i", "", "which lines that begin with @ count (default: the host name up to its first dot)")
	return c
}

// convertKeepalived reads a keepalived.conf on this machine and converts it. What of o is empty is this machine's. The
// problems are all there are: those of reading, of converting, and what the text is told by Regent's own judgement, at
// the places of the file that they come from.
func convertKeepalived(path string, o keepalived.Options) (convert.Result, keepalived.Problems) {
	k := readKeepalived(path, o)
	return k.result, k.problems
}

// interfaceOf names the interface that has an address, empty if none has.
func interfaceOf(a netip.Addr) string {
	links, err := net.Interfaces()
	if err != nil {
		return ""
	}
	for _, l := range links {
		addrs, err := l.Addrs()
		if err != nil {
			continue
		}
		if slices.ContainsFunc(addrs, func(n net.Addr) bool {
			p, err := netip.ParsePrefix(n.String())
			return err == nil && p.Addr().Unmap().WithZone("") == a
		}) {
			return l.Name
		}
	}
	return ""
}

// writeConverted writes a file whole or not at all, for its owner alone.
func writeConverted(path string, text []byte) error {
	if old, err := os.ReadFile(path); err == nil && !bytes.Equal(old, text) {
		return fmt.Errorf("%s is there and says something else: remove it first", path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".regent-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // it is gone if all went well
	if _, err := f.Write(text); err != nil {
		f.Close() //nolint:errcheck // the write failed already
		return err
	}
	if err := f.Sync(); err != nil {
		f.Close() //nolint:errcheck // as above
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
