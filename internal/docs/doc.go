// SPDX-License-Identifier: Apache-2.0

// Package docs holds the documentation to what it says. It has tests and what they read pages with, and no part in the program.
//
//   - Every command of docs/tutorial.md is run, in order, by one shell, from an empty directory, and prints what the page shows.
//   - Every whole configuration in docs/ is one that Regent takes.
//   - Every link leads to a file and a heading that exist.
//   - Every test that a page names exists.
//
// A page is read as a list of fenced blocks. The first word behind the fence is the language; further words say what a test does
// with the block:
//
//	```sh          commands: all must succeed
//	```sh look     commands that only look: run again until they print what the next block shows
//	```sh fails    commands of which the last one must fail
//	```text        what the commands above print: these lines, in this order, with others between them
//	```toml        a configuration: whole, if it has a service; else a part, checked together with the smallest service
//	```conf        a keepalived.conf
//
// In a text block … stands for anything, and a run of spaces for any other.
package docs
