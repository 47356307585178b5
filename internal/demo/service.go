// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"bufio"
	"context"
	"fmt"
	"net"
)

// Serve is the service of the demo: it listens on every address of its node, greets each client with the node's name,
// and echoes lines. It runs until ctx ends.
func Serve(ctx context.Context, node string, port int) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", fmt.Sprintf(":%d", port))
	if err != nil {
		return fmt.Errorf("demo service of %s: %w", node, err)
	}
	context.AfterFunc(ctx, func() { l.Close() })
	for {
		c, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("demo service of %s: %w", node, err)
		}
		go func() {
			defer c.Close()
			if _, err := fmt.Fprintf(c, "%s\n", node); err != nil {
				return
			}
			lines := bufio.NewScanner(c)
			for lines.Scan() {
				if _, err := fmt.Fprintf(c, "%s\n", lines.Text()); err != nil {
					return
				}
			}
		}()
	}
}
