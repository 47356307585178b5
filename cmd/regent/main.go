// SPDX-License-Identifier: Apache-2.0

// Command regent keeps a service's IP address answering: when the node that owns the address is gone, another node
// inherits it at once and answers with the service or with an error. `regent help` lists its verbs.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/spf13/cobra"
)

// Exit codes of every verb.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
	exitConfig = 3
)

// exit is an error that carries its exit code; an empty text prints nothing.
type exit struct {
	code int
	text string
}

func (e exit) Error() string { return e.text }

// failed makes an error of the exit code 1.
func failed(format string, args ...any) error {
	return exit{exitFailed, fmt.Sprintf(format, args...)}
}

func main() {
	os.Exit(run(context.Background(), words(os.Args), os.Stdout, os.Stderr))
}

// run is main without the process: it returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := command()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var e exit
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &e):
		if e.text != "" {
			fmt.Fprintf(stderr, "regent: %s\n", e.text)
		}
		return e.code
	default: // cobra's own errors are all about how it was called
		fmt.Fprintf(stderr, "regent: %v\nTry 'regent help'.\n", err)
		return exitUsage
	}
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:     "regent",
		Short:   "keeps a service's IP address answering",
		Version: fmt.Sprintf("%s (%s %s/%s)", version, runtime.Version(), runtime.GOOS, runtime.GOARCH),
		Long: `Regent keeps a service's IP address answering. When the node that owns the address is gone, another node
inherits the address at once and answers every message with an error, so that clients move to their next
address, or performs the service where policy lets it.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 configuration refused.`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.AddCommand(convertCommand(), shadowCommand(), doctorCommand(), manualCommand())
	root.AddCommand(runCommand(), checkCommand(), statusCommand(), explainCommand(), drainCommand(), undrainCommand(),
		takeoverCommand(), failbackCommand(), eventsCommand(), probeCommand(), keepalivedCommand(), demoCommand(), versionCommand(), demoServiceCommand())
	return root
}
