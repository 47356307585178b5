// SPDX-License-Identifier: Apache-2.0

// Package flags reads the command line of keepalived.
//
//	o, err := flags.Parse(os.Args[1:])
//	for _, w := range o.Warnings { fmt.Fprintln(os.Stderr, w) }
//	switch {
//	case o.Action == flags.Version: …          // what was wrong before -v did not keep it from its answer
//	case err != nil: fmt.Fprintln(os.Stderr, err); os.Exit(1)
//	}
//
// It is getopt_long's language: short flags in bundles, the value of -f in the same word or in the next, that of -t in the
// same word only, long names down to what is unique, and words that are no flags anywhere. What each flag means is in
// [Options]; the flags that only the load balancer knows are accepted and set [Options.Checkers].
package flags
