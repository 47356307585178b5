// SPDX-License-Identifier: Apache-2.0

// Package keepalived reads keepalived.conf: the language, every keyword of the VRRP half, and the defaults and settlements
// that turn it into the routers which keepalived would run.
//
//	c, problems := keepalived.Parse("/etc/keepalived/keepalived.conf", keepalived.Options{
//		Files: os.DirFS("/"), ConfigID: "lb1", Host: "lb1", Env: os.LookupEnv,
//	})
//	if err := problems.Err(); err != nil { … }
//
// A file goes through four stages. The reader (read.go, include.go, define.go, sequence.go) makes lines of files: comments,
// include, @conditions, $definitions, ~SEQ and ~LST are gone after it. Each character keeps its place through all of that
// (text.go), so that a mistake in a template is named where the template stands, and who used it. The lexer (lex.go) makes
// words and braces of lines, and the tree (tree.go) makes blocks: braces match within unknown blocks too. The parser
// (parser.go) walks the tree by the table of keywords (keyword.go, table*.go), which is the only list of them:
// [Keywords] returns it for the documentation. Last, what depends on the whole file is settled (settle.go, refer.go):
// names are looked up, global values handed down, intervals rounded, and contradictions resolved, all as keepalived does.
//
// # What is an error
//
// keepalived starts with almost anything, and files rely on that. So what keepalived names and goes on with is a warning
// here, and what it does instead is done here too: an unknown keyword, a number out of range, an address that is none.
// Errors are kept for what no machine should start with: braces and quotes that do not match where keepalived then loses
// the rest of a block, addresses included; an argument that is missing, at which keepalived stops; instances that
// keepalived drops; files and keys that must be there; and the few things that Regent cannot do while peers rely on them
// (AH, ipvlan). Other warnings are Regent's own advice. A [Problem]'s Kind keeps these apart, and
// [Problems.TestStatus] is what `keepalived -t` would exit with.
//
// # The load balancer
//
// virtual_server and its like are named once each and kept by place in [Config.LVS]: they stay with `keepalived -C`.
// Nothing in them is judged, but a block that can only stand at the top of the file is found in them, with the place
// where a brace is missing.
//
// Nothing here reads a clock, a socket or the disk: files come through [Options.Files], and each bound on what is read is
// in options.go.
package keepalived
