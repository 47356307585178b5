// SPDX-License-Identifier: Apache-2.0

// Package draw makes keepalived.conf files by chance, for tests that hold readers of such files against each other: the same numbers give
// the same file.
//
//	text := draw.File(draw.Seeded(42), []string{"eth0", "eth1"})
//
// A file is one that keepalived 2.2.7 starts with: instances of both versions and families with all kinds of addresses, what they track,
// groups, and the liberties that the language takes (comments, quotes, definitions, blocks on one line, braces of blocks that nobody
// knows). It depends on nothing but its numbers, the interfaces, and the program /bin/true.
package draw
